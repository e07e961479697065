"""Registers the platform's timetables with Airflow."""

from airflow.plugins_manager import AirflowPlugin

from plugins.requested_months import RequestedMonths


class Timetables(AirflowPlugin):
    """The custom timetables of the DAGs."""

    name = "tagkeeper_timetables"
    timetables = [RequestedMonths]  # noqa: RUF012  # as Airflow requires
