"""POST /predict: suggest tags for one question or a batch."""

from time import perf_counter

from flask import Blueprint, Response, g

from serving import metrics
from serving.payloads import QUESTIONS, decoded
from serving.requests import json_body, json_response
from serving.service import service

bp = Blueprint("predict", __name__)


@bp.post("/predict")
def predict() -> Response:
    """Answer with the best tags, after recording what was asked and answered."""
    started = perf_counter()
    asked = decoded(QUESTIONS, json_body())
    parsed = perf_counter()
    questions = asked if isinstance(asked, list) else [asked]
    g.asked = questions  # for the log
    answers = service().suggester.answer(questions)
    response = json_response(answers if isinstance(asked, list) else answers[0])
    metrics.REQUESTED.note(metrics.Requested(parsed - started, perf_counter() - started))
    return response
