"""POST /predict: suggest tags for one question or a batch."""

from time import perf_counter

from flask import Blueprint, Response
from flask.globals import app_ctx

from serving import metrics
from serving.budget import Budget
from serving.payloads import QUESTIONS, decode
from serving.requests import json_body, json_response
from serving.selection import check_exclusions
from serving.service import service

bp = Blueprint("predict", __name__)


@bp.post("/predict")
def predict() -> Response:
    """Answer with the best tags, after recording questions and answers."""
    started = perf_counter()
    payload = decode(QUESTIONS, json_body())
    parsed = perf_counter()
    questions = payload if isinstance(payload, list) else [payload]
    state, values = service(), app_ctx.g
    values.questions = questions  # for the access log
    check_exclusions(payload)
    key_name = values.get("key_name")
    state.quotas.spend_questions(key_name, len(questions))
    settings = state.settings
    budget = Budget(settings.service_request_cpu_s, settings.service_request_timeout_s)
    answers = state.suggester.answer(questions, budget, key_name=key_name)
    response = json_response(answers if isinstance(payload, list) else answers[0])
    metrics.REQUEST_TIMINGS.add(metrics.RequestTimings(parsed - started, perf_counter() - started))
    return response
