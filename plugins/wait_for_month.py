"""A task that waits, without holding a worker, until a month's questions are stored completely."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from include.months import resolve_month

log = logging.getLogger(__name__)


class MonthStored(BaseTrigger):
    """
    Fires when a month is stored completely, by whatever fetched or imported it.

    Parameters
    ----------
    month : str
        ``YYYY-MM``.
    poll_s : float
        Seconds between two looks, > 0.
    """

    def __init__(self, month: str, poll_s: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.month = month
        self.poll_s = poll_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the triggerer rebuilds it from."""
        return f"{type(self).__module__}.MonthStored", {"month": self.month, "poll_s": self.poll_s}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Give the month as soon as it is stored; go on looking while PostgreSQL is away."""
        while not await asyncio.to_thread(self._is_stored):
            await asyncio.sleep(self.poll_s)
        yield TriggerEvent(self.month)  # type: ignore[no-untyped-call]

    def _is_stored(self) -> bool:
        from sqlalchemy.exc import OperationalError

        from include.jobs.ingestion.completeness import month_is_stored
        from include.settings import Settings

        try:
            return month_is_stored(Settings.from_env(), self.month)
        except OperationalError as error:
            log.warning("PostgreSQL does not answer (%s): looking again", type(error).__name__)
            return False


class WaitForMonth(BaseOperator):
    """
    Waits for the run's month; returns it.

    Parameters
    ----------
    longest : timedelta
        The task fails after that.
    poll_s : float, default=60
        Seconds between two looks, > 0.
    **options
        Of every operator.
    """

    def __init__(self, *, longest: timedelta, poll_s: float = 60.0, **options: Any) -> None:
        super().__init__(**options)
        self.longest = longest
        self.poll_s = poll_s

    def execute(self, context: Any) -> str:
        """Return the month if it is stored; otherwise wait in the triggerer."""
        from include.jobs.ingestion.completeness import month_is_stored
        from include.settings import Settings

        month = resolve_month(
            context["params"], context.get("data_interval_start"), context.get("data_interval_end")
        )
        if not month_is_stored(Settings.from_env(), month):
            log.info("%s is not stored completely yet: waiting", month)
            self.defer(
                trigger=MonthStored(month, self.poll_s),
                method_name="stored",
                timeout=self.longest,
            )
        return month

    def stored(self, context: Any, event: str) -> str:
        """Return the month with which the trigger has fired."""
        return event
