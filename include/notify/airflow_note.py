"""Write a DAG run's note through Airflow's REST API, as a task cannot write it directly."""

import logging
from typing import Final
from urllib.parse import quote

import requests

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
        ``airflow_url``, ``airflow_user`` and ``airflow_password``.
    dag_id, run_id : str
        The DAG run.
    text : str
        At most 1,000 characters, Airflow's limit.
    """
    if settings.airflow_user is None or settings.airflow_password is None:
        log.info("no note on %s: AIRFLOW_USER and AIRFLOW_PASSWORD are not set", run_id)
        return False
    root = settings.airflow_url.rstrip("/")
    login = {
        "username": settings.airflow_user,
        "password": settings.airflow_password.get_secret_value(),
    }
    try:
        token = requests.post(f"{root}/auth/token", json=login, timeout=_TIMEOUT_S)
        token.raise_for_status()
        answer = requests.patch(
            f"{root}/api/v2/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}",
            params={"update_mask": "note"},
            json={"note": text},
            headers={"Authorization": f"Bearer {token.json()['access_token']}"},
            timeout=_TIMEOUT_S,
        )
        answer.raise_for_status()
    except (requests.RequestException, ValueError, KeyError) as error:
        log.warning("no note on %s: %s", run_id, error)
        return False
    return True
