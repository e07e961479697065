"""Data months that run when somebody asks for them, and never by themselves."""

from airflow.timetables.interval import CronDataIntervalTimetable


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
        """
        Return the next month of a backfill; None to the scheduler.

        A backfill names a run after the moment from which it may run, and does not ask the
        timetable for a name: so that moment is the month's start. Months that are not over are
        left out of a backfill by their end.
        """
        if not restriction.catchup:
            return None
        info = super().next_dagrun_info(
            last_automated_data_interval=last_automated_data_interval, restriction=restriction
        )
        return info and info._replace(run_after=info.data_interval.start)

    def serialize(self):
        """Return nothing: all of them are alike."""
        return {}

    @classmethod
    def deserialize(cls, data):
        """Return what ``serialize`` described."""
        return cls()
