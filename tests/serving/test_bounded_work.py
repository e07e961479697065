"""No request takes more than linear work: rendering, preparing, ranking, explaining, refusing."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from include.candidates.base import vocabulary_of
from include.candidates.catalogue import make_candidate
from include.candidates.mentions import MentionFinder
from include.sandbox.simulator import simulate
from include.text.prepare import prepare
from serving.budget import MAX_HTML_CHARACTERS, Budget
from serving.errors import BusyError, InvalidRequestError, TooMuchWorkError
from serving.markup import render
from serving.payloads import QUESTIONS, decode
from serving.served_models import ServedModels
from tests.growth import processor_s, superlinear
from tests.serving.conftest import loaded_model

MARKDOWN = (
    "[a]", "![a]", "[a](", "[a](b)", "[[", "*a_ ", "**a ", "`a", "~~a", "|a", "|a\n|-", "> ", "> a\n",
    "- ", "- a\n", "1. a\n", "    ", "<a ", "<b>", "<b id={n}>", "<!--", "&", "&amp;", "\\", "\n\n",
    "a\n===\n", "#", "[a]: b\n", "[{n}]: b\n[{n}]", "```\n", "http://a ", "<http://a>", "'\"", "é",
)  # fmt: skip
WORDS = (
    "ios ", "docker ", "docker-", "docker compose ", "a.", "a-a", "c# ", ".net", "++", "a_b", "aB",
    "1", "é", "a ", "- ", "{n} ", "x{n} ", "ios-{n} ", "漢",
)  # fmt: skip


def budget() -> Budget:
    return Budget(cpu_s=60, timeout_s=600)


def rendered(text: str) -> str:
    try:
        return render(text, budget())
    except TooMuchWorkError:
        return ""


@pytest.mark.parametrize("start", ["", "[a]: /" + "x" * 500 + "\n\n", "|a|b|c|\n|-|-|-|\n"])
def test_time_of_rendering_grows_linearly_with_any_repetition(start):
    assert not superlinear(rendered, MARKDOWN, count=4_000, start=start)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(MARKDOWN), min_size=2, max_size=5))
def test_time_of_rendering_grows_linearly_with_any_sequence(units):
    assert not superlinear(rendered, ["".join(units)], count=1_000)


def test_reference_used_many_times_does_not_multiply_the_output():
    body = "[a]: https://example.com/" + "x" * 3000 + "\n\n" + "[a] " * 10_000

    assert len(render(body, budget())) < 10 * len(body)


@pytest.mark.parametrize(
    "body",
    [
        "|" + "a|" * 3000 + "\n|" + "-|" * 3000 + "\n" + "x\n" * 3000,
        "&" * 300_000,
        "[a](/b)" * 20_000,
        "> " * 5000,
        "<div>" * 1000,
        "".join(f"<p>x<i id={n}>" for n in range(2000)),
    ],
    ids=["table", "entities", "links", "quotes", "elements", "reopened"],
)
def test_markdown_that_expands_beyond_its_budget_is_refused(body):
    with pytest.raises(TooMuchWorkError):
        render(body, budget())


def test_budget_of_output_is_shared_by_the_questions_of_a_request(client, recorder):
    question = {"title": "x", "format": "markdown", "body": "&" * (MAX_HTML_CHARACTERS // 20)}

    assert client.post("/predict", json=[question] * 3).status_code == 200
    refused = client.post("/predict", json=[question] * 5)

    assert refused.status_code == 413
    assert refused.json["type"] == "urn:tagkeeper:problem:too_much_work"
    assert refused.json["field"] == "[3].body"
    assert len(recorder.rows) == 3


def test_request_that_used_its_processor_time_is_refused():
    spent = Budget(cpu_s=0.001, timeout_s=600)
    sum(range(500_000))

    with pytest.raises(TooMuchWorkError, match="fewer"):
        spent.check_time()


def test_request_that_takes_too_long_is_told_to_come_back(make_app):
    response = (
        make_app(service_request_timeout_s=1e-9).test_client().post("/predict", json={"title": "x"})
    )

    assert response.status_code == 503
    assert response.json["type"] == "urn:tagkeeper:problem:busy"
    assert int(response.headers["Retry-After"]) > 0
    with pytest.raises(BusyError):
        Budget(cpu_s=60, timeout_s=1e-9).check_time()


def test_lack_of_memory_is_answered_with_503(make_app, recorder):
    class NoMemory(type(recorder)):
        def record(self, rows):
            raise MemoryError

    app = make_app()
    app.extensions["tagkeeper"].suggester.recorder = NoMemory()

    response = app.test_client().post("/predict", json={"title": "x"})

    assert response.status_code == 503
    assert response.json["type"] == "urn:tagkeeper:problem:out_of_memory"
    assert int(response.headers["Retry-After"]) > 0


def test_time_of_finding_mentions_grows_linearly_with_any_repetition():
    finder = MentionFinder(["docker", "docker-compose", "ios", "ios-simulator", "c#", "a-b-c"])

    assert not superlinear(lambda text: finder.find(prepare("x", text)), WORDS, count=5_000)


@pytest.fixture(scope="module")
def tfidf():
    questions = simulate(months=2, questions_per_month=150).questions
    texts = [prepare(question.title, question.body_html) for question in questions]
    tags = [question.tags for question in questions]

    def no_encoder(name):
        raise AssertionError(name)

    return make_candidate("tfidf", None, no_encoder).fit(texts, tags, vocabulary_of(tags, 3))


def test_time_of_ranking_grows_linearly_with_any_repetition(tfidf):
    def rank(text: str) -> object:
        return tfidf.rank([prepare("x", text)], 5)

    assert not superlinear(rank, WORDS, count=5_000)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(units=st.lists(st.sampled_from(WORDS), min_size=2, max_size=5))
def test_time_of_ranking_and_explaining_grows_linearly_with_any_sequence(tfidf, units):
    def suggest(text: str) -> None:
        question = prepare("x", text)
        tfidf.explain(question, [row.tag for row in tfidf.rank([question], 5)[0]])

    # Texts above 8,000 characters: the words of shorter ones are kept from ranking to explaining
    long = "a " * 4_001
    assert not superlinear(suggest, ["".join(units)], count=2_000, start=long)


def test_explaining_many_tags_costs_little_more_than_one(tfidf):
    """Twenty-five tags take less than five times as long as one: the text is analysed once."""
    text = prepare("x", "".join(f"docker w{n} " for n in range(4_000)))
    tags = list(tfidf.vocabulary[:25])
    tfidf.explain(text, tags)  # caches

    one = min(processor_s(lambda: tfidf.explain(text, tags[:1])) for _ in range(3))
    all_tags = min(processor_s(lambda: tfidf.explain(text, tags)) for _ in range(3))

    assert all_tags < 5 * one + 0.03


def test_time_of_refusing_grows_linearly_with_the_name_of_a_field():
    def refuse(name: str) -> None:
        with pytest.raises(InvalidRequestError):
            decode(QUESTIONS, json.dumps({"title": "x", name: 1}).encode())

    assert not superlinear(refuse, [" - at `$", "`", "field `", "\\", "é"], count=10_000)


def test_refusal_repeats_at_most_the_start_of_a_long_name(client):
    response = client.post("/predict", json={"title": "x", "y" * 100_000: 1})

    assert response.status_code == 400
    assert len(response.data) < 2_000
    assert response.json["field"].startswith("yyy")


def test_hostile_bodies_are_answered_or_refused_never_failed(make_app, tfidf):
    client = make_app(ServedModels(champion=loaded_model(model=tfidf))).test_client()
    statuses = {
        client.post(
            "/predict",
            json={
                "title": "x",
                "body": (unit * 200_000)[:200_000],
                "format": kind,
                "explain": True,
            },
        ).status_code
        for unit in (*MARKDOWN[::3], *WORDS[::3], "<a ", "&#9", "<font size=i>")
        for kind in ("html", "markdown")
    }

    assert statuses <= {200, 413}
    assert 200 in statuses
