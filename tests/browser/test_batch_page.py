"""The page at /batch in headless Chromium: a file of questions in, the tagged file out."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from include.settings import Settings
from serving.keys import add_key
from serving.served_models import ServedModels
from tests.browser.test_page import Site, violations
from tests.serving.conftest import loaded_model

pytestmark = pytest.mark.browser


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = Site(
        Settings(local_dir=tmp_path, site="sandbox"), ServedModels(champion=loaded_model())
    )
    yield opened
    opened.close()


@pytest.fixture
def page(browser, site):
    context = browser.new_context()
    opened = context.new_page()
    opened.errors = []
    opened.on("pageerror", lambda error: opened.errors.append(str(error)))
    opened.goto(f"{site.url}batch")
    yield opened
    assert opened.errors == []
    context.close()


def choose(page, name: str, content: str) -> None:
    file = {"name": name, "mimeType": "text/plain", "buffer": content.encode()}
    page.get_by_label("File of questions").set_input_files(file)


def start(page) -> None:
    page.get_by_role("button", name="Tag the questions").click()


def tagged(page) -> tuple[str, str]:
    """Return the name and the content of the file that the page offers."""
    link = page.get_by_role("link", name="Download the tagged file")
    link.wait_for()
    with page.expect_download() as download:
        link.click()
    return download.value.suggested_filename, Path(download.value.path()).read_bytes().decode()


def test_csv_comes_back_with_its_columns_and_the_tags(page, site):
    choose(
        page,
        "mine.csv",
        '\ufefftitle,body,note,question_id\r\n"Use ""the"" pandas , please","<p>with\nsql</p>",keep; me,7\r\n'
        "nothing known,,,\r\n",
    )
    page.get_by_text("2 questions in mine.csv.").wait_for()
    start(page)
    name, content = tagged(page)

    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert name == "mine-tagged.csv"
    assert rows[0]["title"] == 'Use "the" pandas , please'
    assert rows[0]["body"] == "<p>with\nsql</p>"
    assert (rows[0]["note"], rows[0]["error"]) == ("keep; me", "")
    assert rows[0]["suggested_tags"].split() == ["pandas", "sql"]
    assert rows[0]["maybe_tags"].split() == ["flask", "python", "regex"]
    assert rows[1]["suggested_tags"] == ""
    recorded = site.recorder.rows
    assert [(row.client, row.question_id) for row in recorded] == [("batch", 7), ("batch", None)]
    page.get_by_text("1 question with suggested tags, 1 without, 0 not answered.").wait_for()


def test_csv_with_semicolons_keeps_them(page):
    choose(page, "mine.csv", "title;body\npandas , sql;x\n")
    start(page)

    assert tagged(page)[1].splitlines()[:2] == [
        "title;body;suggested_tags;maybe_tags;error",
        "pandas , sql;x;pandas sql;flask python regex;",
    ]


def test_json_lines_come_back_with_scores_and_the_version(page):
    choose(page, "mine.jsonl", '{"title": "pandas", "deep": {"kept": [1]}}\n\n{"title": "sql"}\n')
    page.get_by_label("Tags of a question, at most").select_option("2")
    start(page)
    name, content = tagged(page)

    first, second = map(json.loads, content.splitlines())
    assert name == "mine-tagged.jsonl"
    assert (first["deep"], first["suggested_tags"]) == ({"kept": [1]}, ["pandas"])
    assert [item["tag"] for item in first["scored_tags"]] == ["pandas", "flask"]
    assert first["model_version"] == "7"
    assert second["suggested_tags"] == ["sql"]


def test_many_questions_are_sent_some_at_a_time(page, site):
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    lines = "".join(json.dumps({"title": f"pandas {n}"}) + "\n" for n in range(45))
    choose(page, "many.jsonl", lines)
    start(page)
    _, content = tagged(page)

    assert len(content.splitlines()) == len(site.recorder.rows) == 45
    assert sum(url.endswith("/predict") for url in requests) == 3


def test_a_question_that_cannot_be_asked_or_is_refused_costs_no_other(page):
    too_long = {"title": "pandas", "body": "x" * 200_001}
    rows = [
        {"title": "sql"},
        {"body": "no title"},
        {"title": "x" * 501},
        too_long,
        {"title": "flask"},
    ]
    choose(page, "mine.jsonl", "\n".join(map(json.dumps, rows)))
    start(page)
    results = [json.loads(line) for line in tagged(page)[1].splitlines()]

    assert [result.get("suggested_tags") for result in results] == [
        ["sql"],
        None,
        None,
        None,
        ["flask"],
    ]
    assert results[1]["error"] == "no title"
    assert "longer than 500" in results[2]["error"]
    assert "body" in results[3]["error"]
    page.get_by_text("2 questions with suggested tags, 0 without, 3 not answered.").wait_for()


def test_a_service_that_is_busy_is_asked_again_when_it_says(page):
    refused = []

    def once(route):
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        route.fulfill(
            status=429,
            headers={"Retry-After": "1"},
            content_type="application/problem+json",
            body='{"detail": "this key may send 20 questions"}',
        )

    page.route("**/predict", once)
    choose(page, "mine.jsonl", '{"title": "pandas"}')
    start(page)
    page.get_by_text("Waiting: this key may send 20 questions. The next try is in 1 s.").wait_for()

    assert json.loads(tagged(page)[1])["suggested_tags"] == ["pandas"]


def test_an_unreachable_service_is_waited_for(page):
    page.clock.install()
    page.route("**/predict", lambda route: route.abort())
    choose(page, "mine.jsonl", '{"title": "pandas"}')
    start(page)
    page.get_by_text("Waiting: the service cannot be reached. The next try is in 5 s.").wait_for()
    page.unroute("**/predict")
    page.clock.fast_forward(5000)

    assert json.loads(tagged(page)[1])["suggested_tags"] == ["pandas"]


def test_a_stopped_run_keeps_what_is_done(page):
    asked = []

    def second_never_comes(route):
        asked.append(route.request.url)
        if len(asked) == 1:
            route.continue_()

    page.route("**/predict", second_never_comes)
    choose(page, "mine.jsonl", "\n".join('{"title": "pandas"}' for _ in range(25)))
    start(page)
    page.get_by_text("20 of 25 questions done…").wait_for()
    assert page.get_by_role("progressbar").get_attribute("value") == "20"
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped. 20 questions with suggested tags").wait_for()

    results = [json.loads(line) for line in tagged(page)[1].splitlines()]
    assert [result.get("error") for result in results] == [None] * 20 + ["not asked"] * 5


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", "x", "must end in .csv"),
        ("a.csv", "name,body\nx,y\n", "one of them title"),
        ("a.csv", "title,body\nx\n", "Question 1 has 1 columns, the first line 2."),
        ("a.csv", 'title\n"x\n', "ends inside quotes"),
        ("a.csv", "title\n", "has no questions"),
        ("a.jsonl", '{"title": "x"}\n[]\n', "Line 2 is no object"),
        ("a.jsonl", "{", "Line 1 is not JSON."),
        ("a.jsonl", '{"title":"x"}\n' * 5001, "has 5,001 questions; at most 5,000"),
    ],
)
def test_a_file_that_cannot_be_read_is_explained_and_not_sent(page, site, name, content, message):
    choose(page, name, content)
    page.get_by_text(message).wait_for()

    assert page.get_by_role("button", name="Tag the questions").is_disabled()
    assert site.recorder.rows == []


def test_without_a_key_the_run_ends_and_with_one_it_works(browser, tmp_path):
    key = add_key(tmp_path / "keys", "ann")
    settings = Settings(local_dir=tmp_path, service_api_keys_file=tmp_path / "keys")
    site = Site(settings, ServedModels(champion=loaded_model()))
    page = browser.new_page()
    page.goto(f"{site.url}batch")
    choose(page, "mine.jsonl", '{"title": "pandas"}')
    start(page)
    page.get_by_text("Stopped: send 'Authorization: Bearer KEY'").wait_for()
    page.get_by_label("API key").fill(key)
    start(page)
    page.get_by_text("1 question with suggested tags").wait_for()
    page.close()
    site.close()


def test_the_page_is_operable_by_keyboard(page):
    choose(page, "mine.jsonl", '{"title": "pandas"}')
    page.get_by_label("File of questions").focus()
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id === 'start'"):
            break
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Download the tagged file").wait_for()

    assert page.evaluate("document.activeElement.id") == "download"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_accessibility_checker_finds_no_violation(browser, site, scheme, width):
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(f"{site.url}batch")
    empty = violations(page)
    choose(page, "a.csv", "x")
    page.get_by_text("one of them title").wait_for()
    refused = violations(page)
    choose(page, "mine.jsonl", '{"title": "pandas ' + "x" * 300 + '"}\n{"title": ""}')
    page.route("**/predict", lambda route: route.abort())
    start(page)
    page.get_by_text("Waiting: the service cannot be reached").wait_for()
    waiting = violations(page)
    page.get_by_role("button", name="Stop").click()
    page.get_by_role("link", name="Download the tagged file").wait_for()
    stopped = violations(page)
    page.unroute("**/predict")
    start(page)
    page.get_by_text("1 question with suggested tags").wait_for()
    done = violations(page)
    overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    context.close()

    assert (empty, refused, waiting, stopped, done) == ({}, {}, {}, {}, {})
    assert overflow <= 0
