"""Which connection mails go over: the user's own, or the local stack's mail sink."""

from typing import Final

OWN: Final = "smtp_default"
SINK: Final = "mail_sink"
"""Set by the local stack and by docker-compose.yaml (``AIRFLOW_CONN_MAIL_SINK``)."""


def smtp_connection() -> str:
    """
    Return the id of the user's connection, from the environment or the UI, else of the sink.

    Without either it is the user's, whose absence then fails the task with its name.
    """
    for connection in (OWN, SINK):
        if _exists(connection):
            return connection
    return OWN


def _exists(connection: str) -> bool:
    from airflow.sdk import Connection
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        Connection.get(connection)
    except AirflowNotFoundException:
        return False
    return True
