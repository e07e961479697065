"""Data months that run when somebody asks for them, and never by themselves."""

from airflow.timetables.interval import CronDataIntervalTimetable

from include.months import month_of


class AskedMonths(CronDataIntervalTimetable):
    """
    Calendar months (UTC) for backfills; a run is named after the month that it holds.

    Airflow offers a backfill only for a DAG with a schedule, but a schedule also makes it run: at
    once for the last month when it is first seen, whether or not that month's questions are there.
    The scheduler asks without catching up and is told that nothing is due; a backfill asks for
    every month of its range and gets it.
    """

    description = "Months, when asked for"

    def __init__(self):
        super().__init__("@monthly", timezone="UTC")

    def next_dagrun_info(self, *, last_automated_data_interval, restriction):
        """Return the next month of a backfill; None to the scheduler."""
        if not restriction.catchup:
            return None
        return super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )

    def generate_run_id(self, *, run_type, run_after, data_interval, **extra):
        """Return ``backfill__2019-01`` for that data month; another run is named as usual."""
        if data_interval is None or run_type != "backfill":
            return super().generate_run_id(
                run_type=run_type, run_after=run_after, data_interval=data_interval, **extra
            )
        return run_type.generate_run_id(suffix=month_of(data_interval.start))

    def serialize(self):
        """Return nothing: all of them are alike."""
        return {}

    @classmethod
    def deserialize(cls, data):
        """Return what ``serialize`` described."""
        return cls()
