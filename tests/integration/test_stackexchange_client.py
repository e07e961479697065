"""The client against the sandbox site with injected faults, over real sockets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import requests

from include.errors import FixSettingsError, RetryLaterError
from include.questions import Question
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.simulator import simulate
from include.sandbox.site import running
from include.sources.api_pages import Page
from include.sources.stackexchange_api import StackExchangeClient

pytestmark = pytest.mark.integration

START = datetime(2023, 1, 1, tzinfo=UTC)
END = datetime(2023, 3, 1, tzinfo=UTC)
KEY = "s3cret-key"


class FakeClock:
    """One clock for client and site, so that both keep pauses without waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


@dataclass
class RunningSite:
    """A running site, and clients to it."""

    url: str
    clock: FakeClock
    questions: tuple[Question, ...]

    def client(self, **options: object) -> StackExchangeClient:
        arguments = {"site": "sandbox", "api_url": self.url, "requests_per_s": 10.0} | options
        return StackExchangeClient(
            clock=self.clock.time,
            sleep=self.clock.sleep,
            now=lambda: datetime(2024, 5, 5, 22, 0, tzinfo=UTC),
            **arguments,
        )

    def fault(self, kind: str, **details: int) -> None:
        answer = requests.post(
            self.url.removesuffix("/2.3") + "/_sandbox/faults",
            json={"kind": kind, **details},
            timeout=5,
        )
        assert answer.status_code == 201, answer.text

    def request_log(self) -> list[dict]:
        return requests.get(self.url.removesuffix("/2.3") + "/_sandbox/requests", timeout=5).json()

    def questions_between(self, start: datetime, end: datetime) -> list[Question]:
        return [q for q in self.questions if start <= q.asked_at < end]


@pytest.fixture(scope="module")
def simulated() -> tuple[Question, ...]:
    return simulate(seed=11, months=2, events=()).questions


def run_site(questions: tuple[Question, ...], **options: object) -> Iterator[RunningSite]:
    clock = FakeClock()
    api = SandboxApi("sandbox", QuestionIndex(questions), clock=clock.time, **options)
    with running(api) as url:
        yield RunningSite(url, clock, questions)


@pytest.fixture
def site(simulated) -> Iterator[RunningSite]:
    yield from run_site(simulated)


def questions_of(pages: Iterator[Page]) -> list[Question]:
    return [question for page in pages for question in page.questions]


def pages_until_error(pages: Iterator[Page]) -> tuple[list[Page], RetryLaterError | None]:
    got: list[Page] = []
    try:
        for page in pages:
            got.append(page)
    except RetryLaterError as error:
        return got, error
    return got, None


def test_every_question_arrives_once_complete_and_in_order(site):
    assert questions_of(site.client().pages(START, END)) == list(site.questions)


def test_range_is_half_open(site):
    first, last = site.questions[10], site.questions[20]
    got = questions_of(site.client().pages(first.asked_at, last.asked_at))

    assert got == site.questions_between(first.asked_at, last.asked_at)
    assert first in got
    assert last not in got


def test_no_request_is_made_twice_nor_more_than_is_needed(site):
    questions_of(site.client().pages(START, END))
    queries = [tuple(sorted(request["query"].items())) for request in site.request_log()]

    assert len(set(queries)) == len(queries) == -(-len(site.questions) // 99)


def test_requests_have_full_pages_with_bodies_and_no_total(site):
    next(site.client(key=KEY).pages(START, END))
    query = site.request_log()[0]["query"]

    assert (query["pagesize"], query["filter"], query["key"]) == ("100", "withbody", KEY)
    assert (query["sort"], query["order"]) == ("creation", "asc")


def test_requests_keep_the_configured_rate(site):
    questions_of(site.client(requests_per_s=2.0).pages(START, END))
    moments = [request["at"] for request in site.request_log()]

    assert all(b - a >= 0.5 for a, b in pairwise(moments))


def test_range_without_questions_gives_one_empty_page(site):
    after = END + timedelta(days=1)
    (page,) = site.client().pages(END, after)

    assert (page.questions, page.cursor, page.requests) == ((), after, 1)


def test_interrupted_pagination_resumes_at_its_cursor(site):
    site.fault("throttle", after=2, seconds=5)
    pages, error = pages_until_error(site.client().pages(START, END))
    got, cursor = questions_of(iter(pages)), pages[-1].cursor
    assert isinstance(error, RetryLaterError)
    assert {q.question_id for q in site.questions_between(START, cursor)} <= {
        q.question_id for q in got
    }
    got += questions_of(site.client().pages(cursor, END))

    assert {q.question_id for q in got} == {q.question_id for q in site.questions}
    assert len(got) < len(site.questions) + 5  # only the cursor's own second is repeated


def test_throttle_says_when_to_retry(site):
    site.fault("throttle", seconds=84268)

    with pytest.raises(RetryLaterError, match="throttle_violation") as caught:
        next(site.client().pages(START, END))
    assert caught.value.retry_after_s == 84268
    assert len(site.request_log()) == 1


def test_page_with_backoff_is_kept_and_the_backoff_obeyed_before_the_next(site):
    site.fault("backoff", seconds=17)
    pages = site.client().pages(START, END)

    assert len(next(pages).questions) == 100
    assert site.clock.slept == []
    assert len(next(pages).questions) > 0
    assert max(site.clock.slept) == 17
    assert [request["outcome"] for request in site.request_log()] == ["backoff", "page"]


def test_page_with_a_long_backoff_is_kept_and_nothing_sleeps_through_it(site):
    site.fault("backoff", seconds=9_000)
    pages = site.client().pages(START, END)

    assert len(next(pages).questions) == 100
    with pytest.raises(RetryLaterError, match="backoff of 9000 s") as caught:
        next(pages)
    assert caught.value.retry_after_s == 9_000
    assert site.clock.slept == []


def test_backoff_on_the_last_page_is_obeyed_before_the_end(site):
    site.fault("backoff", seconds=9)
    list(site.client().pages(START, START + timedelta(days=3)))

    assert site.clock.slept == [9]


@pytest.mark.parametrize(
    ("kind", "details"),
    [("server_error", {"status": 500}), ("server_error", {"status": 503}), ("cut", {})],
)
def test_transient_fault_is_retried_with_exponential_backoff(site, kind, details):
    site.fault(kind, times=2, **details)
    first = next(site.client().pages(START, END))

    assert list(first.questions) == list(site.questions[:100])
    assert first.requests == 3
    assert site.clock.slept == [2, 4]


def test_connection_cut_between_pages_loses_and_duplicates_nothing(site):
    site.fault("cut", after=1)
    site.fault("server_error", after=3)

    assert questions_of(site.client().pages(START, END)) == list(site.questions)


def test_lasting_outage_asks_to_retry_later(site):
    site.fault("server_error", times=50)

    with pytest.raises(RetryLaterError, match="failed 5 times"):
        next(site.client().pages(START, END))
    assert len(site.request_log()) == 5
    assert site.clock.slept == [2, 4, 8, 16]


def test_unreachable_site_asks_to_retry_later(site):
    client = site.client(api_url="http://127.0.0.1:9/2.3")

    with pytest.raises(RetryLaterError, match="ConnectionError"):
        next(client.pages(START, END))


@pytest.mark.parametrize("status", [200, 403, 429])
def test_ban_page_asks_to_retry_later_without_another_request(site, status):
    site.fault("ban_page", status=status)

    with pytest.raises(RetryLaterError, match="banned"):
        next(site.client().pages(START, END))
    assert len(site.request_log()) == 1


def test_unknown_site_is_a_wrong_setting(site):
    with pytest.raises(FixSettingsError, match="No site found for name `nowhere`"):
        next(site.client(site="nowhere").pages(START, END))


def test_wrong_address_of_the_api_is_a_wrong_setting(site):
    with pytest.raises(FixSettingsError, match="no_method"):
        next(site.client(api_url=site.url + "/answers").pages(START, END))


def test_unknown_key_is_a_wrong_setting_and_stays_out_of_the_message(simulated):
    for site in run_site(simulated, key="the right one"):
        with pytest.raises(FixSettingsError, match="key") as caught:
            next(site.client(key=KEY).pages(START, END))
        assert KEY not in str(caught.value)


def test_key_stays_out_of_the_message_of_an_outage(site, caplog):
    client = site.client(api_url="http://127.0.0.1:9/2.3", key=KEY)

    with caplog.at_level("WARNING"), pytest.raises(RetryLaterError) as caught:
        next(client.pages(START, END))
    assert KEY not in str(caught.value) + caplog.text


def test_quota_stops_at_the_reserve_after_the_page_was_delivered(simulated):
    for site in run_site(simulated, quota=12):
        pages = site.client(quota_reserve=10).pages(START, END)

        assert [next(pages).quota_left, next(pages).quota_left] == [11, 10]
        with pytest.raises(RetryLaterError, match="10 are kept in reserve") as caught:
            next(pages)
        assert caught.value.retry_after_s == 2 * 3600 + 60  # midnight UTC, two hours on
        assert len(site.request_log()) == 2


def test_suddenly_exhausted_quota_stops_after_the_page(site):
    site.fault("quota_exhausted", after=1, remaining=0)
    pages, error = pages_until_error(site.client(quota_reserve=0).pages(START, END))
    got = questions_of(iter(pages))

    assert "0 requests of today's quota" in str(error)
    assert got == list(site.questions[: len(got)])
    assert len(got) > 150
    with pytest.raises(RetryLaterError, match="more requests available in 8"):
        next(site.client(quota_reserve=0).pages(START, END))


def test_question_edited_between_two_pages_is_neither_lost_nor_duplicated(site):
    site.fault("edit", times=2)
    got = questions_of(site.client().pages(START, END))

    assert [q.question_id for q in got] == [q.question_id for q in site.questions]
    assert any("edited-meanwhile" in q.tags for q in got)


@pytest.mark.parametrize("crowd", [100, 101, 250])
def test_crowded_second_is_read_completely(simulated, crowd):
    moment = simulated[50].asked_at
    crowded = tuple(
        replace(q, asked_at=moment) if 50 <= i < 50 + crowd else q
        for i, q in enumerate(simulated)
        if i < 50 + crowd or q.asked_at > moment
    )
    for site in run_site(crowded):
        got = questions_of(site.client().pages(START, END))

        assert [q.question_id for q in got] == [q.question_id for q in crowded]
