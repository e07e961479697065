"""All steps of retention in order, carried out and recorded one by one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain

from include.jobs.retention.files import file_steps
from include.jobs.retention.models import model_steps
from include.jobs.retention.rows import row_steps
from include.settings import Settings
from include.store.engine import process_engine
from include.store.retention import Removal, record_removal

log = logging.getLogger(__name__)


def apply_retention(
    settings: Settings, *, dry_run: bool, now: datetime | None = None
) -> list[Removal]:
    """
    Remove what is older than the settings keep and needed by nothing; return it.

    Each removal is carried out, logged and recorded before the next: an interrupted run has
    recorded all but perhaps the last one, and the next run goes on.

    Parameters
    ----------
    settings : Settings
        ``keep_predictions_months``, ``keep_runs_days``, ``keep_champions``, ``keep_logs_days``,
        ``keep_mails_days``.
    dry_run : bool
        Only return and log what would be removed.
    now : datetime or None
        Aware; the current time if None.

    Raises
    ------
    RetryLaterError
        If MLflow is unavailable, or promotions hold their lock; what was removed before is
        recorded.
    """
    engine, moment = process_engine(settings.require_database_url()), now or datetime.now(UTC)
    done: list[Removal] = []
    for step in chain(
        row_steps(engine, settings, moment),
        file_steps(settings, moment),
        model_steps(engine, settings, moment),
    ):
        if not dry_run:
            step.carry_out()
            with engine.begin() as connection:
                record_removal(connection, step.removal)
        log.info("%s: %s", "would remove" if dry_run else "removed", step.removal)
        done.append(step.removal)
    return done


def summary(removals: list[Removal]) -> Iterator[str]:
    """
    Yield a line for each kind of removal: its number, rows or files, and bytes.

    Examples
    --------
    >>> list(summary([Removal("log", "/logs", 3, 2_000_000), Removal("version", "2", 1)]))
    ['log: 1, with 3 rows or files and 2.0 MB', 'version: 1, with 1 rows or files and 0.0 MB']
    """
    for kind in dict.fromkeys(removal.kind for removal in removals):
        own = [removal for removal in removals if removal.kind == kind]
        amount, size = sum(r.amount for r in own), sum(r.bytes for r in own)
        yield f"{kind}: {len(own)}, with {amount:,} rows or files and {size / 1e6:.1f} MB"
