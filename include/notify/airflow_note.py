"""Write a DAG run's note through Airflow's REST API, as a task cannot write it directly."""

import logging
from typing import Final
from urllib.parse import quote

from include.errors import TagkeeperError
from include.notify.airflow_rest import AirflowSession
from include.settings import Settings

log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 10


def write_note(settings: Settings, dag_id: str, run_id: str, text: str) -> bool:
    """
    Set a DAG run's note to ``text`` (Markdown); return whether it was written.

    A note is a convenience for users: without a login, or if Airflow rejects the note, that is
    logged and nothing fails.

    Parameters
    ----------
    settings : Settings
        ``airflow_api_url``, ``airflow_user`` and ``airflow_password``.
    dag_id, run_id : str
        The DAG run.
    text : str
        At most 1,000 characters, Airflow's limit.
    """
    if settings.airflow_user is None or settings.airflow_password is None:
        log.info("no note on %s: AIRFLOW_USER and AIRFLOW_PASSWORD are not set", run_id)
        return False
    session = AirflowSession(
        settings.airflow_api,
        settings.airflow_user,
        settings.airflow_password.get_secret_value(),
        _TIMEOUT_S,
    )
    path = f"/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
    try:
        session.request("PATCH", path, {"note": text}, {"update_mask": "note"})
    except (TagkeeperError, ValueError, KeyError) as error:
        log.warning("no note on %s: %s", run_id, error)
        return False
    return True
