"""A timetable of calendar months that runs only when a backfill requests them."""

from typing import Any, Self

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction
from airflow.timetables.interval import CronDataIntervalTimetable


class RequestedMonths(CronDataIntervalTimetable):
    """
    Calendar months (UTC) for backfills; a run's id names its month.

    Airflow offers a backfill only for a DAG with a schedule, but a schedule also starts runs: one
    for the last month as soon as the DAG is parsed, whether or not that month's questions are
    stored. The scheduler calls this timetable without catchup and gets no run; a backfill calls it
    with catchup for every month of its range and gets a run for each.
    """

    description = "Months on request (backfill only)"

    def __init__(self) -> None:
        super().__init__("@monthly", timezone="UTC")

    def next_dagrun_info(
        self,
        *,
        last_automated_data_interval: DataInterval | None,
        restriction: TimeRestriction,
    ) -> DagRunInfo | None:
        """
        Return the next month of a backfill; None to the scheduler.

        A backfill derives the run's id from ``run_after`` and not from the timetable, so
        ``run_after`` is the month's start. Backfills leave out months that have not ended.
        """
        if not restriction.catchup:
            return None
        info = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
        if info is None or info.data_interval is None:
            return info
        return info._replace(run_after=info.data_interval.start)

    def serialize(self) -> dict[str, Any]:
        """Return no parameters: all instances are equal."""
        return {}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        """Return an instance."""
        return cls()
