"""GET /model: the served models, their training metadata, and the live indicators."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from flask import Blueprint, Response

from serving.indicators import read_indicators
from serving.payloads import DescribedModel, ModelState
from serving.requests import json_response
from serving.served_models import LoadedModel
from serving.service import service

bp = Blueprint("model_info", __name__)

_HIDDEN: Final = ("vocabulary", "tag_uses")
"""Keys of a model's description that are too long to show."""


@bp.get("/model")
def show_model() -> Response:
    """Describe the served models, the A/B test, recent failures, and the live indicators."""
    state = service()
    served, status = state.models.current, state.models.status()
    return json_response(
        ModelState(
            champion=_described(served.champion),
            challenger=_described(served.challenger),
            ab_test=served.ab_test,
            site=state.settings.site,
            checked_at=status.checked_at,
            failures=status.failures,
            problem=status.problem,
            days=read_indicators(state.model_cache.indicators_path),
        )
    )


def _described(model: LoadedModel | None) -> DescribedModel | None:
    if model is None:
        return None
    age = datetime.now(UTC) - model.created_at
    return DescribedModel(
        version=model.version,
        candidate=model.candidate.name,
        created_at=model.created_at,
        age_days=round(age.total_seconds() / 86400, 2),
        sha256=model.sha256,
        tags=len(model.candidate.vocabulary),
        description={k: v for k, v in model.description.items() if k not in _HIDDEN},
    )
