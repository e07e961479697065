"""GET /healthz, /readyz and /metrics: for probes and monitoring."""

from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, Response

from serving.metrics import CONTENT_TYPE, scrape
from serving.payloads import Liveness, Readiness
from serving.requests import json_response
from serving.service import service
from serving.set_aside import SetAside
from serving.spool import spool_state
from serving.suggester import NO_MODEL

bp = Blueprint("health", __name__)

STALE_AFTER_S: Final = 15.0


@bp.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive, without checking anything else."""
    return json_response(Liveness())


@bp.get("/readyz")
def readyz() -> Response:
    """
    Answer whether questions can be answered (200) or not yet (503), and any problem.

    A service that has not heard from the registry for a while answers questions with the model in
    use: it is ready, and says that it is stale.
    """
    state = service()
    champion, status = state.models.current.champion, state.models.status()
    waiting, oldest_s = spool_state(state.spool_folder)
    registry_s, database_s = _age_s(status.checked_at), _age_s(status.looked_up_at)
    return json_response(
        Readiness(
            status="ready" if champion is not None else "not_ready",
            model_version=champion.version if champion is not None else None,
            problem=status.problem
            or (NO_MODEL if champion is None else _staleness(registry_s, database_s)),
            failures=status.failures,
            stale=_is_stale(registry_s) or _is_stale(database_s),
            checked_at=status.checked_at,
            registry_answered_s_ago=registry_s,
            database_answered_s_ago=database_s,
            spool_bytes=waiting,
            spool_oldest_s=round(oldest_s, 3),
            set_aside_bytes=sum(SetAside(state.spool_folder).sizes().values()),
        ),
        status=200 if champion is not None else 503,
    )


def _age_s(moment: datetime | None) -> float | None:
    """Return the seconds since ``moment``, at least 0; None if it never came."""
    if moment is None:
        return None
    return round(max(0.0, (datetime.now(UTC) - moment).total_seconds()), 1)


def _is_stale(age_s: float | None) -> bool:
    return age_s is not None and age_s > STALE_AFTER_S


def _staleness(registry_s: float | None, database_s: float | None) -> str | None:
    """Return what is not up to date, None if all is."""
    if _is_stale(registry_s):
        return f"the registry has not answered for {registry_s:.0f} s; the model in use stays"
    if _is_stale(database_s):
        return f"PostgreSQL has not answered for {database_s:.0f} s; A/B tests are as of then"
    return None


@bp.get("/metrics")
def metrics() -> Response:
    """Answer a scrape by Prometheus."""
    return Response(scrape(service().collector), content_type=CONTENT_TYPE)
