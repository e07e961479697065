"""Tells Airflow of the timetables that are not its own."""

from airflow.plugins_manager import AirflowPlugin

from plugins.asked_months import AskedMonths


class Timetables(AirflowPlugin):
    """The timetables that DAGs here may use."""

    name = "tagkeeper_timetables"
    timetables = [AskedMonths]  # noqa: RUF012  # as Airflow wants it
