"""The client against a local site that misbehaves, over real sockets."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import requests

from include.errors import FixSettingsError, RetryLaterError
from include.questions import Question
from include.sandbox.api import SandboxApi
from include.sandbox.archive import Archive
from include.sandbox.simulator import simulate
from include.sandbox.site import running
from include.sources.stackexchange_api import Page, StackExchangeClient

pytestmark = pytest.mark.integration

START = datetime(2023, 1, 1, tzinfo=UTC)
END = datetime(2023, 3, 1, tzinfo=UTC)
KEY = "s3cret-key"


class Time:
    """One clock for client and site, so that pauses are kept on both sides without waiting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(round(seconds, 3))
        self.now += seconds


@dataclass
class Place:
    """A running site, and clients to it."""

    url: str
    time: Time
    questions: tuple[Question, ...]

    def client(self, **options: object) -> StackExchangeClient:
        chosen = {"site": "sandbox", "api_url": self.url, "requests_per_s": 10.0} | options
        return StackExchangeClient(
            clock=self.time.clock,
            sleep=self.time.sleep,
            now=lambda: datetime(2024, 5, 5, 22, 0, tzinfo=UTC),
            **chosen,
        )

    def fault(self, kind: str, **details: int) -> None:
        answer = requests.post(
            self.url.removesuffix("/2.3") + "/_sandbox/faults",
            json={"kind": kind, **details},
            timeout=5,
        )
        assert answer.status_code == 201, answer.text

    def asked(self) -> list[dict]:
        return requests.get(self.url.removesuffix("/2.3") + "/_sandbox/requests", timeout=5).json()

    def asked_between(self, start: datetime, end: datetime) -> list[Question]:
        return [q for q in self.questions if start <= q.asked_at < end]


@pytest.fixture(scope="module")
def simulated() -> tuple[Question, ...]:
    return simulate(seed=11, months=2, events=()).questions


def place_of(questions: tuple[Question, ...], **options: object) -> Iterator[Place]:
    time = Time()
    api = SandboxApi("sandbox", Archive(questions), clock=time.clock, **options)
    with running(api) as url:
        yield Place(url, time, questions)


@pytest.fixture
def place(simulated) -> Iterator[Place]:
    yield from place_of(simulated)


def all_of(pages: Iterator[Page]) -> list[Question]:
    return [question for page in pages for question in page.questions]


def until_error(pages: Iterator[Page]) -> tuple[list[Page], RetryLaterError | None]:
    got: list[Page] = []
    try:
        for page in pages:
            got.append(page)
    except RetryLaterError as error:
        return got, error
    return got, None


def test_every_question_arrives_once_whole_and_in_order(place):
    assert all_of(place.client().pages(START, END)) == list(place.questions)


def test_span_is_half_open(place):
    first, last = place.questions[10], place.questions[20]
    got = all_of(place.client().pages(first.asked_at, last.asked_at))

    assert got == place.asked_between(first.asked_at, last.asked_at)
    assert first in got
    assert last not in got


def test_no_request_is_made_twice_nor_more_than_is_needed(place):
    all_of(place.client().pages(START, END))
    queries = [tuple(sorted(asked["query"].items())) for asked in place.asked()]

    assert len(set(queries)) == len(queries) == -(-len(place.questions) // 99)


def test_requests_ask_for_full_pages_with_bodies_and_no_total(place):
    next(place.client(key=KEY).pages(START, END))
    query = place.asked()[0]["query"]

    assert (query["pagesize"], query["filter"], query["key"]) == ("100", "withbody", KEY)
    assert (query["sort"], query["order"]) == ("creation", "asc")


def test_requests_keep_the_distance_that_was_set(place):
    all_of(place.client(requests_per_s=2.0).pages(START, END))
    moments = [asked["at"] for asked in place.asked()]

    assert all(b - a >= 0.5 for a, b in pairwise(moments))


def test_empty_span_of_the_site_gives_one_empty_page(place):
    after = END + timedelta(days=1)
    (page,) = place.client().pages(END, after)

    assert (page.questions, page.cursor, page.requests) == ((), after, 1)


def test_stopped_walk_goes_on_at_its_cursor(place):
    place.fault("throttle", after=2, seconds=5)
    pages, error = until_error(place.client().pages(START, END))
    got, cursor = all_of(iter(pages)), pages[-1].cursor
    assert isinstance(error, RetryLaterError)
    assert {q.question_id for q in place.asked_between(START, cursor)} <= {
        q.question_id for q in got
    }
    got += all_of(place.client().pages(cursor, END))

    assert {q.question_id for q in got} == {q.question_id for q in place.questions}
    assert len(got) < len(place.questions) + 5  # only the cursor's own second comes again


def test_throttle_says_when_to_come_back(place):
    place.fault("throttle", seconds=84268)

    with pytest.raises(RetryLaterError, match="throttle_violation") as caught:
        next(place.client().pages(START, END))
    assert caught.value.retry_after_s == 84268
    assert len(place.asked()) == 1


def test_page_with_backoff_is_kept_and_the_pause_obeyed_before_the_next(place):
    place.fault("backoff", seconds=17)
    pages = place.client().pages(START, END)

    assert len(next(pages).questions) == 100
    assert place.time.slept == []
    assert len(next(pages).questions) > 0
    assert max(place.time.slept) == 17
    assert [asked["outcome"] for asked in place.asked()] == ["backoff", "page"]


def test_backoff_on_the_last_page_is_obeyed_before_the_walk_ends(place):
    place.fault("backoff", seconds=9)
    list(place.client().pages(START, START + timedelta(days=3)))

    assert place.time.slept == [9]


@pytest.mark.parametrize(
    ("kind", "details"),
    [("server_error", {"status": 500}), ("server_error", {"status": 503}), ("cut", {})],
)
def test_passing_fault_is_tried_again_after_growing_pauses(place, kind, details):
    place.fault(kind, times=2, **details)
    first = next(place.client().pages(START, END))

    assert list(first.questions) == list(place.questions[:100])
    assert first.requests == 3
    assert place.time.slept == [2, 4]


def test_connection_cut_in_the_middle_of_the_walk_loses_and_doubles_nothing(place):
    place.fault("cut", after=1)
    place.fault("server_error", after=3)

    assert all_of(place.client().pages(START, END)) == list(place.questions)


def test_outage_that_lasts_is_left_for_later(place):
    place.fault("server_error", times=50)

    with pytest.raises(RetryLaterError, match="failed 5 times"):
        next(place.client().pages(START, END))
    assert len(place.asked()) == 5
    assert place.time.slept == [2, 4, 8, 16]


def test_site_that_does_not_listen_is_left_for_later(place):
    client = place.client(api_url="http://127.0.0.1:9/2.3")

    with pytest.raises(RetryLaterError, match="ConnectionError"):
        next(client.pages(START, END))


@pytest.mark.parametrize("status", [200, 403, 429])
def test_ban_page_is_left_for_later_without_another_request(place, status):
    place.fault("ban_page", status=status)

    with pytest.raises(RetryLaterError, match="banned"):
        next(place.client().pages(START, END))
    assert len(place.asked()) == 1


def test_unknown_site_is_a_wrong_setting(place):
    with pytest.raises(FixSettingsError, match="No site found for name `nowhere`"):
        next(place.client(site="nowhere").pages(START, END))


def test_wrong_address_of_the_api_is_a_wrong_setting(place):
    with pytest.raises(FixSettingsError, match="no_method"):
        next(place.client(api_url=place.url + "/answers").pages(START, END))


def test_unknown_key_is_a_wrong_setting_and_stays_out_of_the_message(simulated):
    for place in place_of(simulated, key="the right one"):
        with pytest.raises(FixSettingsError, match="key") as caught:
            next(place.client(key=KEY).pages(START, END))
        assert KEY not in str(caught.value)


def test_key_stays_out_of_the_message_of_an_outage(place, caplog):
    client = place.client(api_url="http://127.0.0.1:9/2.3", key=KEY)

    with caplog.at_level("WARNING"), pytest.raises(RetryLaterError) as caught:
        next(client.pages(START, END))
    assert KEY not in str(caught.value) + caplog.text


def test_quota_stops_at_the_reserve_after_the_page_was_delivered(simulated):
    for place in place_of(simulated, quota=12):
        pages = place.client(quota_reserve=10).pages(START, END)

        assert [next(pages).quota_left, next(pages).quota_left] == [11, 10]
        with pytest.raises(RetryLaterError, match="10 are kept in reserve") as caught:
            next(pages)
        assert caught.value.retry_after_s == 2 * 3600 + 60  # midnight UTC, two hours on
        assert len(place.asked()) == 2


def test_quota_that_is_suddenly_gone_stops_the_walk_after_the_page(place):
    place.fault("quota_exhausted", after=1, remaining=0)
    pages, error = until_error(place.client(quota_reserve=0).pages(START, END))
    got = all_of(iter(pages))

    assert "0 requests of today's quota" in str(error)
    assert got == list(place.questions[: len(got)])
    assert len(got) > 150
    with pytest.raises(RetryLaterError, match="more requests available in 8"):
        next(place.client(quota_reserve=0).pages(START, END))


def test_question_edited_between_two_pages_is_neither_lost_nor_doubled(place):
    place.fault("edit", times=2)
    got = all_of(place.client().pages(START, END))

    assert [q.question_id for q in got] == [q.question_id for q in place.questions]
    assert any("edited-meanwhile" in q.tags for q in got)


@pytest.mark.parametrize("crowd", [100, 101, 250])
def test_crowded_second_is_read_to_its_end(simulated, crowd):
    moment = simulated[50].asked_at
    crowded = tuple(
        replace(q, asked_at=moment) if 50 <= i < 50 + crowd else q
        for i, q in enumerate(simulated)
        if i < 50 + crowd or q.asked_at > moment
    )
    for place in place_of(crowded):
        got = all_of(place.client().pages(START, END))

        assert [q.question_id for q in got] == [q.question_id for q in crowded]
