"""POST /feedback: the tags that a question got in the end."""

from datetime import UTC, datetime

from flask import Blueprint, Response

from include.store.predictions import Feedback
from serving import metrics
from serving.errors import UnknownPredictionError
from serving.payloads import FEEDBACK, FeedbackKept, decoded
from serving.prediction_ids import new_id, plausible
from serving.requests import json_body, json_response
from serving.service import service

bp = Blueprint("feedback", __name__)


@bp.post("/feedback")
def give_feedback() -> Response:
    """
    Keep the final tags of a prediction; the latest feedback counts.

    The id is checked for form and time only: its prediction may still be on its way to PostgreSQL.
    """
    given = decoded(FEEDBACK, json_body())
    if not plausible(given.prediction_id):
        raise UnknownPredictionError(
            "this service has not given out that id; send one from an answer of /predict",
            field="prediction_id",
        )
    row = Feedback(
        feedback_id=new_id(),
        prediction_id=given.prediction_id,
        given_at=datetime.now(UTC),
        final_tags=tuple(dict.fromkeys(given.final_tags)),
        source=given.source,
    )
    service().suggester.recorder.record_feedback(row)
    metrics.FEEDBACK.labels(given.source).inc()
    return json_response(FeedbackKept(row.feedback_id), status=201)
