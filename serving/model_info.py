"""GET /model: who answers, since when, trained on what, and how it does lately."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from flask import Blueprint, Response

from serving.indicators import read_indicators
from serving.live_model import LoadedModel
from serving.requests import json_response
from serving.service import service

bp = Blueprint("model_info", __name__)

_LARGE: Final = ("vocabulary",)
"""Parts of a model's description that are too long to show."""


@bp.get("/model")
def show_model() -> Response:
    """Describe what is live, the A/B test, what failed lately, and the live indicators."""
    found = service()
    live, status = found.models.current, found.models.status()
    return json_response(
        {
            "champion": _described(live.champion),
            "challenger": _described(live.challenger),
            "ab_test": live.ab_test,
            "site": found.settings.site,
            "checked_at": status.checked_at,
            "failures": status.failures,
            "problem": status.problem,
            "days": read_indicators(found.shelf.indicators_path),
        }
    )


def _described(model: LoadedModel | None) -> Mapping[str, Any] | None:
    if model is None:
        return None
    age = datetime.now(UTC) - model.created_at
    return {
        "version": model.version,
        "candidate": model.candidate.name,
        "created_at": model.created_at,
        "age_days": round(age.total_seconds() / 86400, 2),
        "sha256": model.sha256,
        "tags": len(model.candidate.vocabulary),
        "description": {k: v for k, v in model.description.items() if k not in _LARGE},
    }
