"""The typed client against the real service over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from typing import get_type_hints
from uuid import UUID

import msgspec
import pytest

from include.errors import FixInputError, FixSettingsError, RetryLaterError
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.site import running
from serving.client import Client
from serving.openapi import openapi_document
from serving.payloads import FeedbackRequest, Liveness, Question
from serving.served_models import ServedModels
from tests.serving.conftest import loaded_model
from tests.serving.running_app import RunningApp

pytestmark = pytest.mark.integration  # sockets


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    running_app = RunningApp(tmp_path, ServedModels(champion=loaded_model()))
    yield running_app
    running_app.close()


def test_a_question_is_answered_and_its_feedback_recorded(app):
    client = app.client()
    answer = client.predict(Question("Use pandas with python", max_tags=3, explain=True))
    given = client.give_feedback(FeedbackRequest(answer.prediction_id, ["pandas"]))

    assert answer.suggested == ["pandas", "python"]
    assert answer.tags[0].reasons[0].text == "pandas"
    assert app.recorder.feedback[0].feedback_id == given.feedback_id


def test_more_questions_than_a_request_may_have_are_answered_in_order(app):
    titles = ["pandas" if number % 3 else "sql" for number in range(205)]
    answers = app.client().predict_all([Question(title) for title in titles])

    assert [answer.suggested for answer in answers] == [[title] for title in titles]


def test_tags_are_found(app):
    client = app.client()
    assert [found.tag for found in client.find_tags("p").tags] == ["pandas", "python"]
    assert [found.tag for found in client.find_tags(tag=["sql", "none"]).tags] == ["sql"]


def test_state_of_the_service_is_typed(app):
    client = app.client()
    assert client.show_model().champion.version == client.readyz().model_version == "7"
    assert client.healthz() == Liveness()
    assert "app_predictions_total" in client.metrics()
    assert client.openapi()["paths"].keys() == openapi_document(needs_key=True)["paths"].keys()


def test_a_service_without_a_model_says_that_it_is_not_ready(tmp_path):
    app = RunningApp(tmp_path, ServedModels())
    readiness = app.client(sleep=pytest.fail).readyz()
    app.close()

    assert (readiness.status, readiness.model_version) == ("not_ready", None)
    assert "no model" in readiness.problem


OPERATIONS = [
    (path, operation)
    for path, methods in openapi_document(needs_key=True)["paths"].items()
    for operation in methods.values()
]
ALSO = {"predict": ["predict_all"]}
"""More methods of an operation, of its other types."""


def test_every_operation_has_a_method_with_the_parameters_of_the_document():
    described, found = {}, {}
    for _, operation in OPERATIONS:
        name = operation["operationId"]
        described[name] = {each["name"] for each in operation.get("parameters", [])}
        parameters = list(signature(getattr(Client, name)).parameters)[1:]
        found[name] = set(parameters[1:] if "requestBody" in operation else parameters)
    assert found == described


def test_methods_return_the_types_of_the_document():
    document = openapi_document(needs_key=True)
    for path, operation in OPERATIONS:
        ok = next(r for status, r in operation["responses"].items() if status in {"200", "201"})
        (content,) = ok["content"].values()
        described = content["schema"].get("oneOf", [content["schema"]])
        names = [operation["operationId"], *ALSO.get(operation["operationId"], [])]
        kinds = [get_type_hints(getattr(Client, name))["return"] for name in names]
        schemas, components = msgspec.json.schema_components(
            kinds, ref_template="#/components/schemas/{name}"
        )
        assert list(schemas) == described, path
        assert components.items() <= document["components"]["schemas"].items(), path


def test_a_refused_question_names_its_field(app):
    with pytest.raises(FixInputError, match="title"):
        app.client().predict(Question(" "))


def test_a_wrong_key_is_a_setting_to_fix(app):
    with pytest.raises(FixSettingsError, match="Authorization"):
        app.client(key="wrong").predict(Question("pandas"))


def test_a_service_without_a_model_is_asked_again_and_then_given_up(tmp_path):
    app, waits = RunningApp(tmp_path, ServedModels()), []
    with pytest.raises(RetryLaterError, match="no model"):
        app.client(sleep=waits.append, attempts=3).predict(Question("pandas"))
    app.close()

    assert waits == [60.0, 60.0]


def test_feedback_of_an_unknown_prediction_is_refused(app):
    with pytest.raises(FixInputError, match="has not issued that id"):
        app.client().give_feedback(FeedbackRequest(UUID(int=7), ["pandas"]))


def test_an_address_of_something_else_is_a_setting_to_fix():
    with (
        running(SandboxApi("sandbox", QuestionIndex([]))) as api,
        pytest.raises(FixSettingsError, match="is its address right"),
    ):
        Client(api).find_tags("x")


def test_an_unreachable_service_is_tried_again():
    waits: list[float] = []
    with pytest.raises(RetryLaterError, match="cannot be reached"):
        Client("http://127.0.0.1:9", attempts=2, sleep=waits.append).predict(Question("x"))

    assert waits == [5.0]
