"""The example of a bot, as its own process, against the real service and the sandbox site."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from examples.tag_bot import Proposal, Quit, comment_on, tags_of_answer, was_edited
from include.errors import FixInputError
from include.questions import Question
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.site import running
from include.sources.question_edits import EditableQuestion
from include.tag_names import TagSynonym
from serving.served_models import ServedModels
from tests.serving.conftest import loaded_model
from tests.serving.running_app import RunningApp

pytestmark = pytest.mark.integration  # sockets

ROOT = Path(__file__).resolve().parents[2]
TOKEN, KEY = "t0ken-of-the-bot", "key-of-the-bot"
BODY = "<p>Is <code>a &lt; b &amp;&amp; c</code> *right*?</p>"
QUESTIONS = [
    Question("sandbox", number, datetime(2024, 2, 1, 12, number, tzinfo=UTC), title, BODY, tags,
             link=f"http://s/{number}")
    for number, title, tags in (
        (1, "Use pandas & more", ("python",)),
        (2, "Use pandas", ("pandas",)),
        (3, "Which sql", ("a", "b", "c", "d", "e")),
        (4, "Which sql", ("b", "a")),
    )
]  # fmt: skip
PROPOSED_1 = "http://s/1  has python; may lack pandas (90%)"
PROPOSED_4 = "http://s/4  has b, a; may lack sql (90%)"


@dataclass
class Site:
    """A sandbox site with the bot's options for it."""

    app: RunningApp
    api: SandboxApi
    url: str

    def fault(self, kind: str, **details: int) -> None:
        address = self.url.removesuffix("/2.3") + "/_sandbox/faults"
        assert requests.post(address, json={"kind": kind, **details}, timeout=5).status_code == 201

    def item(self, question_id: int) -> dict[str, Any]:
        position = self.api.index.position_of(question_id)
        assert position is not None
        return self.api.index.item(position, unsafe=True)

    def tags(self) -> list[list[str]]:
        return [self.item(question.question_id)["tags"] for question in QUESTIONS]

    def command(self, *options: str) -> list[str]:
        return [
            sys.executable, "examples/tag_bot.py", "--service", self.app.url, "--site", "sandbox",
            "--api", self.url, "--until", "2024-02-02", "--edits-per-minute", "60000", *options,
        ]  # fmt: skip

    def environment(self, **changes: str) -> dict[str, str]:
        login = {"STACKEXCHANGE_KEY": KEY, "STACKEXCHANGE_ACCESS_TOKEN": TOKEN}
        return {
            **os.environ, "PYTHONPATH": str(ROOT), "SERVICE_KEY": self.app.key, **login, **changes,
        }  # fmt: skip

    def run(self, *options: str, **changes: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*options), cwd=ROOT, env=self.environment(**changes), text=True,
            stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False,
        )  # fmt: skip
        assert not {TOKEN, KEY} & set(f"{done.stdout} {done.stderr}".split())
        assert TOKEN not in done.stdout + done.stderr
        return done

    def run_on_terminal(self, typed: str) -> str:
        """Return what the bot writes when a person has typed this."""
        person, terminal = pty.openpty()
        os.write(person, typed.encode())
        try:
            done = subprocess.run(
                self.command("--write"), cwd=ROOT, env=self.environment(), text=True,
                stdin=terminal, capture_output=True, timeout=120, check=False,
            )  # fmt: skip
        finally:
            os.close(person)
            os.close(terminal)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def site_with(app: RunningApp, **options: Any) -> Iterator[Site]:
    api = SandboxApi(
        "sandbox", QuestionIndex(QUESTIONS), access_token=TOKEN, **{"edit_interval_s": 0} | options
    )
    with running(api) as url:
        yield Site(app, api, url)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[RunningApp]:
    running_app = RunningApp(tmp_path, ServedModels(champion=loaded_model()))
    yield running_app
    running_app.close()


@pytest.fixture
def site(app: RunningApp) -> Iterator[Site]:
    with site_with(app) as found:
        yield found


READ_AT = datetime(2024, 2, 2, 12, tzinfo=UTC)
UNCHANGED = [list(question.tags) for question in QUESTIONS]


def test_the_bot_tells_what_questions_lack_and_changes_nothing(site):
    done = site.run()

    assert done.stdout.splitlines() == [
        PROPOSED_1, PROPOSED_4, "2 of 4 questions may lack a tag; nothing was changed",
    ]  # fmt: skip
    assert (done.returncode, done.stderr, site.tags()) == (0, "", UNCHANGED)
    assert [(row.client, row.question_id) for row in site.app.recorder.rows] == [
        ("tag-bot", number) for number in (1, 2, 3, 4)
    ]


def test_an_edit_adds_the_missing_tags_and_keeps_title_and_body(site):
    before = site.item(1)
    done = site.run("--write", "--yes", "--limit", "4")

    assert done.stdout.splitlines() == [
        "http://s/1  now has python, pandas", "http://s/4  now has b, a, sql",
        "2 of 4 questions may lack a tag; 2 edited",
    ]  # fmt: skip
    assert site.tags() == [["python", "pandas"], ["pandas"], [*"abcde"], ["b", "a", "sql"]]
    assert {name: site.item(1)[name] for name in ("title", "body_markdown")} == {
        "title": before["title"],
        "body_markdown": BODY,
    }


def test_a_second_run_finds_nothing_left_to_edit(site):
    site.run("--write", "--yes", "--limit", "4")

    assert site.run("--write", "--yes", "--limit", "4").stdout.endswith("lack a tag; 0 edited\n")


def test_a_person_is_asked_for_each_question(site):
    told = site.run_on_terminal("n\ny\n")

    assert site.tags() == [["python"], ["pandas"], [*"abcde"], ["b", "a", "sql"]]
    assert told.count("add? [y, n, q, or all its tags]") == 2
    assert told.endswith("1 edited\n")


def test_a_person_may_end_the_questions(site):
    site.run_on_terminal("q\n")

    assert site.tags() == UNCHANGED


def test_an_answer_that_is_not_understood_is_asked_again(site):
    told = site.run_on_terminal("what's this?\npandas, sql\nn\n")

    assert "answer y, n, q, or with 1 to 5 tags" in told
    assert site.tags()[0] == ["pandas", "sql"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--write",), "--write asks on a terminal, and there is none: give --yes and --limit"),
        (("--write", "--yes"), "say with --limit how many questions at most"),
        (("--yes", "--limit", "3"), "--yes is for --write"),
    ],
)
def test_an_edit_that_nobody_bounds_or_confirms_is_refused(site, options, says):
    done = site.run(*options)

    assert (done.returncode, site.tags()) == (2, UNCHANGED)
    assert says in done.stderr


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"STACKEXCHANGE_ACCESS_TOKEN": ""}, "STACKEXCHANGE_ACCESS_TOKEN (scope write_access)"),
        ({"STACKEXCHANGE_KEY": ""}, "--write needs STACKEXCHANGE_KEY"),
        ({"STACKEXCHANGE_ACCESS_TOKEN": "wrong"}, "invalid_access_token (402)"),
    ],
)
def test_a_missing_or_wrong_login_is_a_setting_to_fix(site, changes, says):
    done = site.run("--write", "--yes", "--limit", "4", **changes)

    assert (done.returncode, site.tags()) == (1, UNCHANGED)
    assert says in done.stderr


def test_a_question_that_was_edited_after_it_was_read_is_left(site):
    site.fault("edit")  # of the first question, when the page has been sent
    done = site.run("--write", "--yes", "--limit", "4")

    assert "http://s/1  left: it was edited in the meantime" in done.stdout
    assert site.tags()[0] == ["edited-meanwhile"]


def test_a_preview_with_other_tags_than_were_sent_leaves_the_question(app):
    synonym = TagSynonym("sql", "structured-query", datetime(2020, 1, 1, tzinfo=UTC))
    with site_with(app, synonyms=[synonym]) as site:
        done = site.run("--write", "--yes", "--limit", "4")

        assert "http://s/4  left: the site makes b, a, structured-query of the tags" in done.stdout
        assert site.tags() == [["python", "pandas"], *UNCHANGED[1:]]


@pytest.mark.parametrize(
    ("changes", "edited"),
    [
        ({}, False),
        ({"title": "Which SQL"}, True),
        ({"tags": ("a", "b", "c")}, True),
        ({"tags": ("a", "b")}, False),  # in another order
        ({"edited_at": READ_AT - timedelta(minutes=1)}, True),  # the site's clock may be late
        ({"edited_at": READ_AT - timedelta(days=1)}, False),
    ],
)
def test_a_question_was_edited_if_title_or_tags_differ_or_its_last_edit_is_new(changes, edited):
    now = EditableQuestion(4, "Which sql", "text", ("b", "a"), None)

    assert was_edited(QUESTIONS[3], replace(now, **changes), READ_AT) is edited


def test_an_edit_too_soon_after_another_waits_as_the_site_asks(app):
    with site_with(app, edit_interval_s=1.5) as site:
        done = site.run("--write", "--yes", "--limit", "4")

        assert done.stdout.endswith("2 edited\n")
        assert site.tags()[3] == ["b", "a", "sql"]


def test_a_throttle_for_long_stops_the_bot_and_says_for_how_long(site):
    site.fault("throttle", after=1, times=9, seconds=86_000)
    done = site.run("--write", "--yes", "--limit", "4")

    assert (done.returncode, site.tags()) == (1, UNCHANGED)
    assert "86000 seconds" in done.stderr


def test_a_backoff_for_long_ends_the_run_after_the_edit_that_it_came_with(site):
    site.fault("backoff", after=4, seconds=4000)  # questions, filter, question, preview; the edit
    done = site.run("--write", "--yes", "--limit", "4")

    assert done.returncode == 1
    assert done.stderr == "the API asks for a backoff of 4000 s\n"
    assert site.tags()[0] == ["python", "pandas"]
    assert "http://s/1  now has python, pandas" in done.stdout


def test_an_edit_without_a_response_names_the_question_to_look_at(site):
    site.fault("cut", after=4)  # questions, filter, question, preview; then the edit
    done = site.run("--write", "--yes", "--limit", "1")

    assert done.returncode == 1
    assert "question 1 may have been edited, look at it" in done.stderr


FOUND = Proposal(QUESTIONS[3], ("sql",), {"sql": 0.9})


@pytest.mark.parametrize(
    ("answer", "tags"),
    [
        ("y", ("b", "a", "sql")),
        ("", None),
        ("n", None),
        ("SQL, c#  sql", ("sql", "c#")),
        ("a b", None),
    ],
)
def test_an_answer_is_yes_no_or_all_tags(answer, tags):
    assert tags_of_answer(FOUND, answer) == tags


def test_q_ends_the_questions():
    with pytest.raises(Quit):
        tags_of_answer(FOUND, "q")


@pytest.mark.parametrize("answer", ["1 2 3 4 5 6", "<b>"])
def test_an_answer_with_other_than_tags_is_refused(answer):
    with pytest.raises(FixInputError, match="1 to 5 tags"):
        tags_of_answer(FOUND, answer)


def test_the_comment_on_an_edit_says_what_changed_and_who_confirmed_it():
    assert comment_on(QUESTIONS[3], ("a", "sql"), confirmed=True) == (
        "added sql and removed b (suggested by a program, confirmed by a person)"
    )
