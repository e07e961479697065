"""GET /healthz, /readyz and /metrics: for probes and monitoring."""

from flask import Blueprint, Response

from serving.metrics import CONTENT_TYPE, scrape
from serving.requests import json_response
from serving.service import service
from serving.spool import spool_state
from serving.suggester import NO_MODEL

bp = Blueprint("health", __name__)


@bp.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive, without checking anything else."""
    return json_response({"status": "alive"})


@bp.get("/readyz")
def readyz() -> Response:
    """Answer whether questions can be answered (200) or not yet (503), and any problem."""
    state = service()
    champion, status = state.models.current.champion, state.models.status()
    waiting, oldest_s = spool_state(state.spool_folder)
    return json_response(
        {
            "status": "ready" if champion is not None else "not_ready",
            "model_version": champion.version if champion is not None else None,
            "problem": status.problem or (None if champion is not None else NO_MODEL),
            "failures": status.failures,
            "checked_at": status.checked_at,
            "spool_bytes": waiting,
            "spool_oldest_s": round(oldest_s, 3),
        },
        status=200 if champion is not None else 503,
    )


@bp.get("/metrics")
def metrics() -> Response:
    """Answer a scrape by Prometheus."""
    return Response(scrape(service().collector), content_type=CONTENT_TYPE)
