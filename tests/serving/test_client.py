"""The typed client against the real service over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from include.errors import FixInputError, FixSettingsError, RetryLaterError
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.site import running
from serving.client import Client
from serving.payloads import FeedbackRequest, Question
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
    assert [found.tag for found in app.client().find_tags("p")] == ["pandas", "python"]


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
