"""The sandbox site responds as the real API does, and starts from its command."""

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from include.cli.app import main
from include.months import month_of
from include.sandbox.api import SandboxApi
from include.sandbox.events import read_events
from include.sandbox.question_index import QuestionIndex
from include.sandbox.simulator import simulate
from include.sandbox.site import DEMO_QUESTIONS_PER_MONTH, running

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def questions():
    return simulate(seed=3, months=1, events=()).questions


@pytest.fixture
def url(questions) -> Iterator[str]:
    with running(SandboxApi("sandbox", QuestionIndex(questions))) as root:
        yield root


def ask(url: str, **params: object) -> requests.Response:
    return requests.get(f"{url}/questions", params={"site": "sandbox", **params}, timeout=5)


def test_response_is_gzipped_even_for_a_client_that_does_not_accept_it(url):
    answer = requests.get(
        f"{url}/questions?site=sandbox", headers={"Accept-Encoding": "identity"}, timeout=5
    )

    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(answer.json()["items"]) == 30


def test_wrapper_has_the_apis_fields(url):
    wrapper = ask(url, pagesize=100).json()

    assert set(wrapper) == {"items", "has_more", "quota_max", "quota_remaining"}
    assert (wrapper["has_more"], wrapper["quota_remaining"]) == (True, 9999)


def test_titles_are_escaped_and_bodies_come_only_with_their_filter(url):
    plain, full = ask(url, pagesize=100), ask(url, pagesize=100, filter="withbody")

    assert not any("body" in item for item in plain.json()["items"])
    assert all(item["body"].startswith("<p>") for item in full.json()["items"])
    assert not any("'" in item["title"] for item in full.json()["items"])


@pytest.mark.parametrize(
    ("sort", "field"),
    [("creation", "creation_date"), ("activity", "last_activity_date"), ("votes", "score")],
)
@pytest.mark.parametrize("order", ["asc", "desc"])
def test_pages_are_sorted_as_requested(url, sort, field, order):
    values = [
        item[field]
        for page in (1, 2, 3)
        for item in ask(url, sort=sort, order=order, pagesize=100, page=page).json()["items"]
    ]

    assert len(values) > 200
    assert values == sorted(values, reverse=order == "desc")


def test_dates_are_inclusive_seconds(url, questions):
    first, last = questions[3], questions[9]
    items = ask(
        url, fromdate=int(first.asked_at.timestamp()), todate=int(last.asked_at.timestamp())
    ).json()["items"]

    assert {i["question_id"] for i in items} == {q.question_id for q in questions[3:10]}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"site": "other"}, "No site found"),
        ({"page": 0}, "`page`"),
        ({"pagesize": 101}, "`pagesize`"),
        ({"fromdate": "2024-01-01"}, "`fromdate`"),
        ({"sort": "beauty"}, "`sort`"),
        ({"order": "up"}, "`order`"),
        ({"filter": "nonsense"}, "`filter`"),
    ],
)
def test_wrong_parameter_is_named_in_the_apis_error(url, params, message):
    answer = ask(url, **params)

    assert answer.status_code == 400
    assert set(answer.json()) == {"error_id", "error_name", "error_message"}
    assert (answer.json()["error_id"], answer.json()["error_name"]) == (400, "bad_parameter")
    assert message in answer.json()["error_message"]


def test_deep_page_needs_a_key(url):
    assert ask(url, page=26).json()["error_id"] == 403
    assert ask(url, page=26, key="any").json()["items"] == []


def test_client_that_ignores_a_backoff_is_throttled(url):
    requests.post(
        url.removesuffix("/2.3") + "/_sandbox/faults",
        json={"kind": "backoff", "seconds": 60},
        timeout=5,
    )
    assert ask(url).json()["backoff"] == 60
    early = ask(url)

    assert (early.status_code, early.json()["error_id"]) == (400, 502)
    assert "backoff" in early.json()["error_message"]


def test_more_than_thirty_requests_in_a_second_are_throttled(questions):
    with running(SandboxApi("sandbox", QuestionIndex(questions), clock=lambda: 0.0)) as url:
        answers = [ask(url, pagesize=1).json() for _ in range(31)]

    assert all("items" in answer for answer in answers[:30])
    assert answers[30]["error_name"] == "throttle_violation"


def test_faults_are_listed_counted_down_and_cleared(url):
    faults = url.removesuffix("/2.3") + "/_sandbox/faults"
    requests.post(faults, json={"kind": "server_error", "after": 1, "times": 2}, timeout=5)
    outcomes = [ask(url).status_code for _ in range(2)]
    (left,) = requests.get(faults, timeout=5).json()
    requests.delete(faults, timeout=5)

    assert outcomes == [200, 500]
    assert (left["kind"], left["after"], left["times"]) == ("server_error", 0, 1)
    assert ask(url).status_code == 200


@pytest.mark.parametrize("wrong", [b"{", b'{"kind":"meteor"}', b'{"kind":"cut","time":2}'])
def test_wrong_fault_is_refused(url, wrong):
    faults = url.removesuffix("/2.3") + "/_sandbox/faults"

    assert requests.post(faults, data=wrong, timeout=5).status_code == 400
    assert requests.get(faults, timeout=5).json() == []


def test_edit_moves_a_question_in_the_order_by_activity(url):
    requests.post(url.removesuffix("/2.3") + "/_sandbox/faults", json={"kind": "edit"}, timeout=5)
    first = ask(url, sort="activity", order="asc").json()["items"][0]
    last = ask(url, sort="activity", order="desc").json()["items"][0]

    assert first["question_id"] == last["question_id"]


@contextmanager
def started(*arguments: str) -> Iterator[str]:
    """Run the command; yield the line that it prints when it listens."""
    process = subprocess.Popen(
        [sys.executable, "-m", "include.cli", "sandbox", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline()
    finally:
        process.terminate()
        process.communicate(timeout=10)


def test_command_serves_the_simulation_and_writes_its_events(tmp_path):
    options = ("--months", "18", "--seed", "5", "--events", "seeded")
    with started(*options, "--events-file", str(tmp_path / "e.json")) as line:
        url = line.split(" at ")[1].strip()
        items = ask(url, sort="creation", order="asc", pagesize=1).json()["items"]
    expected = simulate(seed=5, months=18, questions_per_month=DEMO_QUESTIONS_PER_MONTH)

    assert f"{len(expected.questions)} questions" in line
    assert items[0]["question_id"] == expected.questions[0].question_id
    assert read_events(tmp_path / "e.json") == expected.events
    assert month_of(expected.questions[0].asked_at) == "2023-01"


def test_command_serves_a_file_with_the_site_of_the_file(tmp_path):
    row = {
        "id": 5,
        "creation_date": "2021-05-01T19:02:39Z",
        "title": "a < b",
        "body": "<p>b</p>",
        "tags": ["salt"],
        "site": "cooking",
    }
    path = tmp_path / "q.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(row).encode()))
    with started("--data", str(path)) as line:
        url = line.split(" at ")[1].strip()
        (item,) = ask(url, site="cooking").json()["items"]

    assert (item["title"], item["content_license"]) == ("a &lt; b", "CC BY-SA 4.0")


def test_command_names_the_sites_of_a_file_without_the_requested_one(tmp_path, capsys):
    path = tmp_path / "q.jsonl"
    row = {
        "id": 5,
        "creation_date": "2021-05-01",
        "title": "t",
        "body": "b",
        "tags": [],
        "site": "a",
    }
    path.write_text("\n".join(json.dumps({**row, "site": site}) for site in "ab"), "utf-8")

    assert main(["sandbox", "--data", str(path), "--site", "c"]) == 2
    assert "questions of a, b" in capsys.readouterr().err


def test_command_says_that_its_port_is_taken(url, capsys):
    port = url.split(":")[2].split("/")[0]

    assert main(["sandbox", "--port", port]) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err
