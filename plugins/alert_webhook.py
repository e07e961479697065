"""
Alertmanager's way into Airflow: ``POST /alerts/`` starts a training for an alert of bad quality.

It is reached without a login of Airflow's UI, with the token ``ALERT_WEBHOOK_TOKEN``. Only alerts
of `include.alerts.RETRAINING_ALERTS` start anything; one outbreak of an alert starts one run,
however often it is sent. The run is made through Airflow's own REST API.
"""

from __future__ import annotations

import hmac
import json
import logging
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from airflow.plugins_manager import AirflowPlugin

from include import names
from include.alerts import RETRAINING_ALERTS, Alert, read_webhook
from include.errors import FixInputError, FixSettingsError, RetryLaterError
from include.retraining import policy_named
from plugins.lazy_app import LazyApp

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from include.notify.airflow_rest import AirflowSession
    from include.settings import Settings

PREFIX: Final = "/alerts"
MAX_BODY_BYTES: Final = 256 * 1024
_CONFLICT: Final = 409
_DAG_RUNS: Final = f"/api/v2/dags/{names.DAG_TRAIN}/dagRuns"

log = logging.getLogger(__name__)


def make_app() -> ASGIApp:
    """Return the app with its one endpoint."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    return Starlette(routes=[Route("/", receive, methods=["POST"])])


async def receive(request: Request) -> Response:
    """Answer a webhook: 200 with what was done for each alert, or why it is refused."""
    from starlette.concurrency import run_in_threadpool
    from starlette.responses import JSONResponse

    from include.settings import Settings

    try:
        settings = Settings.from_env()
        if not is_authorised(request.headers.get("authorization", ""), settings):
            log.warning("a webhook without the right token is refused")
            return JSONResponse({"detail": "send the token of ALERT_WEBHOOK_TOKEN"}, 401)
        alerts = read_webhook(await read_json(request))
        done = await run_in_threadpool(start_trainings, settings, alerts)
    except FixSettingsError as error:
        log.error("a webhook cannot be taken: %s", error)
        return JSONResponse({"detail": str(error)}, 503)
    except FixInputError as error:
        log.warning("a webhook is refused: %s", error)
        return JSONResponse({"detail": str(error)}, 422)
    except RetryLaterError as error:
        log.warning("a webhook must be sent again: %s", error)
        return JSONResponse({"detail": "Airflow cannot start a run now"}, 503)
    return JSONResponse({"alerts": done})


def is_authorised(header: str, settings: Settings) -> bool:
    """
    Return whether an ``Authorization`` header has the token, compared in constant time.

    Raises
    ------
    FixSettingsError
        If no token is set: then nobody may start a training.
    """
    if settings.alert_webhook_token is None:
        raise FixSettingsError("ALERT_WEBHOOK_TOKEN is not set, so no alert can start a training")
    scheme, _, token = header.partition(" ")
    expected = settings.alert_webhook_token.get_secret_value().encode()
    return hmac.compare_digest(token.strip().encode(), expected) and scheme.lower() == "bearer"


async def read_json(request: Request) -> Any:
    """Return the body; FixInputError if it is too large or no JSON."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY_BYTES:
            raise FixInputError(f"the body must have at most {MAX_BODY_BYTES} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise FixInputError("the body must be JSON") from None


def start_trainings(settings: Settings, alerts: tuple[Alert, ...]) -> dict[str, str]:
    """
    Start what the alerts ask for; return what was done, by fingerprint.

    Raises
    ------
    FixInputError
        If an alert starts nothing by its name; those that do are done first.
    RetryLaterError
        If Airflow does not answer; the message may be sent again.
    """
    known = [alert for alert in alerts if alert.name in RETRAINING_ALERTS]
    done = {alert.fingerprint: _start(settings, alert) for alert in known}
    if unknown := sorted({alert.name for alert in alerts} - RETRAINING_ALERTS):
        raise FixInputError(f"no alert of these names starts a training: {', '.join(unknown)}")
    return done


def _start(settings: Settings, alert: Alert) -> str:
    """Start one training unless it is not due; return what was done, for the log and the answer."""
    if not alert.firing:
        return "resolved: nothing to do"
    if not policy_named(settings.retraining_policy).on_drift:
        log.warning("%s: RETRAINING_POLICY forbids a training", alert.name)
        return f"RETRAINING_POLICY={settings.retraining_policy} forbids a training"
    session = airflow_session(settings)
    active = session.request("GET", f"{_DAG_RUNS}?state=queued&state=running&limit=100").json()
    if any(run["dag_run_id"].startswith(alert.run_prefix) for run in active["dag_runs"]):
        return "a training for this alert is under way"
    body = {"logical_date": None, "dag_run_id": alert.run_id, "conf": {"reason": alert.reason}}
    answer = session.request("POST", _DAG_RUNS, body, accept=frozenset({_CONFLICT}))
    if answer.status_code == _CONFLICT:
        return f"{alert.run_id} exists already"
    log.warning("%s started %s of %s", alert.name, alert.run_id, names.DAG_TRAIN)
    return f"started {alert.run_id}"


def airflow_session(settings: Settings) -> AirflowSession:
    """Return a session with this Airflow; FixSettingsError without a login."""
    if not settings.airflow_user or settings.airflow_password is None:
        raise FixSettingsError("AIRFLOW_USER and AIRFLOW_PASSWORD are needed to start a training")
    password = settings.airflow_password.get_secret_value()
    return _session(settings.airflow_api, settings.airflow_user, password)


@cache
def _session(url: str, user: str, password: str) -> AirflowSession:
    """Return the one session of this process, which logs in once."""
    from include.notify.airflow_rest import AirflowSession

    return AirflowSession(url, user, password, timeout_s=10)


class AlertWebhook(AirflowPlugin):
    """Registers the endpoint."""

    name = "tagkeeper_alert_webhook"
    fastapi_apps = [  # noqa: RUF012  # as Airflow requires
        {"name": "Alerts", "app": LazyApp(make_app), "url_prefix": PREFIX}
    ]
