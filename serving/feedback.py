"""POST /feedback: the final tags of a question."""

from collections.abc import Sequence
from datetime import UTC, datetime

from flask import Blueprint, Response, g

from include.questions import MAX_TAG_LENGTH, is_tag, normalized_tag
from include.store.predictions import Feedback
from serving import metrics
from serving.errors import InvalidRequestError, UnknownPredictionError
from serving.payloads import FEEDBACK, FeedbackRecorded, decode
from serving.prediction_ids import new_id
from serving.requests import json_body, json_response
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
    final_tags = _checked_tags(payload.final_tags)
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


def _checked_tags(written: Sequence[str]) -> tuple[str, ...]:
    """Return the tags as questions have them, each once; InvalidRequestError if one is no tag."""
    tags = [normalized_tag(tag) for tag in written]
    for index, tag in enumerate(tags):
        if not is_tag(tag):
            field = f"final_tags[{index}]"
            raise InvalidRequestError(
                f"{field}: a tag is 1 to {MAX_TAG_LENGTH} letters and digits, + - . #", field=field
            )
    return tuple(dict.fromkeys(tags))
