"""POST /feedback: the final tags of a question."""

from datetime import UTC, datetime

from flask import Blueprint, Response, g

from include.store.predictions import Feedback
from serving import metrics
from serving.errors import UnknownPredictionError
from serving.payloads import FEEDBACK, FeedbackRecorded, decode
from serving.prediction_ids import new_id
from serving.requests import json_body, json_response
from serving.selection import checked_tags
from serving.service import service

bp = Blueprint("feedback", __name__)


@bp.post("/feedback")
def give_feedback() -> Response:
    """
    Record the final tags of a prediction; the latest feedback counts.

    The id itself proves that this service issued it to this API key (`serving.prediction_ids`): its
    prediction may not be in PostgreSQL yet.
    """
    payload = decode(FEEDBACK, json_body())
    key_name = g.get("key_name")
    suggester = service().suggester
    if not suggester.ids.issued_to(payload.prediction_id, key_name):
        raise UnknownPredictionError(
            "this service has not issued that id to you; send one from a response of /predict to "
            "the same API key",
            field="prediction_id",
        )
    final_tags = checked_tags(payload.final_tags, "final_tags")
    row = Feedback(
        feedback_id=new_id(),
        prediction_id=payload.prediction_id,
        given_at=datetime.now(UTC),
        final_tags=final_tags,
        source=payload.source,
        key_name=key_name,
    )
    suggester.recorder.record_feedback(row)
    metrics.FEEDBACK.labels(payload.source).inc()
    return json_response(FeedbackRecorded(row.feedback_id), status=201)
