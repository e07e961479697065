"""The typed client and the example of a bot, against the real service over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from werkzeug.serving import make_server

from include.errors import FixInputError, FixSettingsError, RetryLaterError
from include.questions import Question as AskedQuestion
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.site import running
from include.settings import Settings
from serving import create_app
from serving.client import Client
from serving.keys import add_key
from serving.payloads import FeedbackRequest, Question
from serving.served_models import FixedModelSource, ServedModels
from tests.serving.conftest import ListRecorder, loaded_model

pytestmark = pytest.mark.integration  # sockets

ROOT = Path(__file__).resolve().parents[2]


class RunningApp:
    """The real service on a real port, with a list as recorder and a key."""

    def __init__(self, folder: Path, served: ServedModels) -> None:
        self.key = add_key(folder / "keys", "ann")
        self.recorder = ListRecorder()
        settings = Settings(local_dir=folder, site="sandbox", service_api_keys_file=folder / "keys")
        app = create_app(settings, model_source=FixedModelSource(served), recorder=self.recorder)
        self._server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def client(self, **options: object) -> Client:
        return Client(self.url, **{"key": self.key, "sleep": lambda _: None} | options)

    def close(self) -> None:
        self._server.shutdown()


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


def test_the_example_bot_tells_what_questions_lack_and_changes_nothing(app):
    asked_at = datetime(2024, 2, 1, 12, tzinfo=UTC)
    questions = [
        AskedQuestion(
            "sandbox", 1, asked_at, "Use pandas", "<p>x</p>", ("python",), link="http://s/1"
        ),
        AskedQuestion(
            "sandbox", 2, asked_at, "Use pandas", "<p>x</p>", ("pandas",), link="http://s/2"
        ),
        AskedQuestion(
            "sandbox", 3, asked_at, "sql", "", ("a", "b", "c", "d", "e"), link="http://s/3"
        ),
    ]
    with running(SandboxApi("sandbox", QuestionIndex(questions))) as api:
        done = subprocess.run(
            [
                sys.executable, "examples/tag_bot.py", "--service", app.url, "--site", "sandbox",
                "--api", api, "--until", "2024-02-02",
            ],
            cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
            env={**os.environ, "PYTHONPATH": str(ROOT), "SERVICE_KEY": app.key},
        )  # fmt: skip

    assert done.stdout.splitlines() == [
        "http://s/1  has python; may lack pandas (90%)",
        "1 of 3 questions may lack a tag; nothing was changed",
    ]
    assert (done.returncode, done.stderr) == (0, "")
    assert [(row.client, row.question_id) for row in app.recorder.rows] == [
        ("tag-bot", 1), ("tag-bot", 2), ("tag-bot", 3),
    ]  # fmt: skip
