"""Parsing of the API's responses, keyset pagination, and the rate limiter."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.errors import FixInputError, FixSettingsError, RetryLaterError
from include.questions import Question
from include.sources.api_responses import TransientError, parse_response, raw_question
from include.sources.build_question import accepted_questions
from include.sources.keyset_pagination import KeysetPaginator, PageRequest
from include.sources.rate_limiter import RateLimiter
from include.sources.read_report import ReadReport
from include.sources.stackexchange_api import StackExchangeClient
from include.sources.waits import parse_retry_after

SAMPLES = Path(__file__).resolve().parents[3] / "shared" / "data" / "api_samples"
JSON = {"content-type": "application/json; charset=utf-8"}
HTML = {"content-type": "text/html"}


def error(error_id: int, message: str = "text") -> bytes:
    return json.dumps(
        {"error_id": error_id, "error_name": "name", "error_message": message}
    ).encode()


def item(question_id: int, second: int) -> dict:
    return {"question_id": question_id, "creation_date": second}


def page(**fields: object) -> bytes:
    return json.dumps({"items": [item(1, 1_700_000_000)], **fields}).encode()


def parse_question(raw: dict, site: str) -> Question:
    (question,) = accepted_questions([raw_question(raw, site)], ReadReport())
    return question


def test_page_has_items_backoff_and_quota():
    response = parse_response(200, JSON, page(has_more=True, backoff=10, quota_remaining=7))

    assert (len(response.items), response.has_more) == (1, True)
    assert (response.backoff_s, response.quota_left) == (10.0, 7)


def test_throttle_is_recognised_by_its_body_and_has_its_seconds():
    message = "too many requests from this IP, more requests available in 84268 seconds"

    with pytest.raises(RetryLaterError) as caught:
        parse_response(400, JSON, error(502, message))
    assert caught.value.retry_after_s == 84268


def test_throttle_without_seconds_waits_a_minute():
    with pytest.raises(RetryLaterError) as caught:
        parse_response(400, JSON, error(502, "Violation of backoff parameter"))
    assert caught.value.retry_after_s == 60


@pytest.mark.parametrize("error_id", [400, 403, 404])
def test_errors_that_a_retry_cannot_mend_ask_for_other_settings(error_id):
    with pytest.raises(FixSettingsError, match=r"SITE, STACKEXCHANGE_KEY"):
        parse_response(400, JSON, error(error_id))


@pytest.mark.parametrize("error_id", [401, 402, 405, 406])
def test_errors_of_the_login_ask_for_another_token_or_key(error_id):
    with pytest.raises(FixSettingsError, match=r"STACKEXCHANGE_ACCESS_TOKEN .* STACKEXCHANGE_KEY"):
        parse_response(400, JSON, error(error_id))


def test_a_rejected_edit_is_the_inputs_fault():
    with pytest.raises(FixInputError, match="too short"):
        parse_response(400, JSON, error(407, "the title is too short"))


@pytest.mark.parametrize("error_id", [500, 503])
def test_server_errors_are_transient(error_id):
    with pytest.raises(TransientError):
        parse_response(error_id, JSON, error(error_id))


@pytest.mark.parametrize("status", [200, 400, 403, 429])
def test_web_page_instead_of_json_is_a_ban(status):
    with pytest.raises(RetryLaterError, match="banned") as caught:
        parse_response(status, HTML, b"<!DOCTYPE html><h1>Too many requests</h1>")
    assert caught.value.retry_after_s == 1800


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    "body", [b"<html>", b"", b"slow down", b"{}", b'{"items":[]}', b"[" * 9999]
)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [("90", 90), ("0", 1), ("9" * 400, 1800), ("999999999", 86_400), ("-5", 1800), ("nan", 1800),
     ("inf", 1800), ("soon", 1800), ("", 1800), ("Thu, 01 Jan 1998 00:00:00 GMT", 1)],
)  # fmt: skip
def test_ban_of_any_body_waits_as_retry_after_says_within_bounds(status, body, header, seconds):
    with pytest.raises(RetryLaterError) as caught:
        parse_response(status, {"retry-after": header}, body)
    assert caught.value.retry_after_s == seconds


def test_ban_until_a_date_waits_until_then():
    now = datetime(2024, 5, 1, 11, 58, tzinfo=UTC)

    assert parse_retry_after("Wed, 01 May 2024 12:00:00 GMT", 60.0, lambda: now) == 120
    assert parse_retry_after("Wed, 01 May 2999 12:00:00 GMT", 60.0, lambda: now) == 86_400


@pytest.mark.parametrize(
    ("backoff", "seconds"),
    [(None, 0), (0, 0), (10, 10), ("10", 10), (-5, 60), (float("nan"), 60), (float("inf"), 60),
     (1e12, 86_400), ("soon", 60), ([5], 60), (True, 60)],
)  # fmt: skip
def test_backoff_is_bounded_and_what_is_no_number_waits_a_minute(backoff, seconds):
    assert parse_response(200, JSON, page(backoff=backoff)).backoff_s == seconds


@pytest.mark.parametrize(
    "items",
    [None, {}, "ab", [None], [[]], [{}], [{"question_id": None, "creation_date": 1}],
     [{"question_id": 1, "creation_date": "2024"}], [{"question_id": -1, "creation_date": 1}]],
)  # fmt: skip
def test_page_that_cannot_be_paginated_is_transient(items):
    with pytest.raises(TransientError):
        parse_response(200, JSON, page(items=items))


@pytest.mark.parametrize("owner", [None, [], "name", {}, {"display_name": None}])
def test_question_with_any_owner_is_read(owner):
    raw = {**item(7, 1_700_000_000), "title": "t", "tags": ["a"], "body": None, "owner": owner}
    question = parse_question(raw, "stackoverflow")

    assert (question.author, question.body_html) == ("name" if owner == "name" else "", "")


def test_question_of_the_api_with_a_null_title_is_named():
    with pytest.raises(FixInputError, match="question 7 of the API: title is null"):
        parse_question(item(7, 1_700_000_000), "stackoverflow")


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_web_page_of_a_failing_gateway_is_transient(status):
    with pytest.raises(TransientError):
        parse_response(status, HTML, b"<html>Bad gateway</html>")


def test_web_page_with_404_is_a_wrong_address():
    with pytest.raises(FixSettingsError, match="STACKEXCHANGE_API_URL"):
        parse_response(404, HTML, b"<html>Not found</html>")


@pytest.mark.parametrize("body", [b"", b'{"items":[{"que', b"[]", b"null", b"{}", b"\xff\xfe"])
def test_truncated_or_garbled_body_is_transient(body):
    with pytest.raises(TransientError):
        parse_response(200, JSON, body)


def test_empty_page_with_has_more_is_transient():
    with pytest.raises(TransientError):
        parse_response(200, JSON, b'{"items":[],"has_more":true}')


def test_title_and_author_are_unescaped_once():
    raw = {
        "question_id": 7,
        "creation_date": 1_700_000_000,
        "title": "Why is &amp;lt; not &quot;&lt;&quot;?",
        "body": "<p>a &lt; b</p>",
        "tags": ["html"],
        "owner": {"display_name": "Zo&#235;"},
    }
    question = parse_question(raw, "stackoverflow")

    assert question.title == 'Why is &lt; not "<"?'
    assert question.author == "Zoë"
    assert question.body_html == "<p>a &lt; b</p>"


def test_question_of_a_deleted_account_and_without_licence_is_read():
    raw = {
        "question_id": 7,
        "creation_date": 1_700_000_000,
        "title": "t",
        "tags": [],
        "owner": {"user_type": "does_not_exist"},
    }
    question = parse_question(raw, "stackoverflow")

    assert (question.author, question.licence) == ("", "CC BY-SA 4.0")
    assert question.link == "https://stackoverflow.com/q/7"


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name", ["questions_page_1_with_backoff", "questions_page_100_with_backoff"]
)
def test_recorded_pages_are_parsed(name):
    path = SAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip("recorded pages are not beside this repository")
    response = parse_response(200, JSON, path.read_bytes())
    questions = [parse_question(dict(raw), "stackoverflow") for raw in response.items]

    assert response.backoff_s > 0
    assert response.quota_left is not None
    assert len({q.question_id for q in questions}) == 100
    assert all(q.title and q.tags and q.licence and q.link for q in questions)


@pytest.mark.real_data
def test_recorded_throttle_errors_are_parsed():
    path = SAMPLES / "errors.json"
    if not path.exists():
        pytest.skip("recorded errors are not beside this repository")
    for recorded in json.loads(path.read_text("utf-8")):
        body = json.dumps(recorded["body"]) if "body" in recorded else recorded["body_prefix"] + "}"
        with pytest.raises(RetryLaterError) as caught:
            parse_response(recorded["http_status"], JSON, body.encode())
        assert caught.value.retry_after_s >= 60


def test_request_extends_to_the_last_second_before_the_end():
    assert KeysetPaginator(100, 200).next_request() == PageRequest(first=100, last=199, page=1)


def test_empty_range_has_no_request():
    assert KeysetPaginator(100, 100).next_request() is None


def test_next_request_starts_at_the_last_question_and_repeats_none():
    paginator = KeysetPaginator(0, 100)

    assert len(paginator.advance([item(1, 5), item(2, 9), item(3, 9)], has_more=True)) == 3
    assert paginator.next_request() == PageRequest(first=9, last=99, page=1)
    assert paginator.advance([item(2, 9), item(3, 9), item(4, 9)], has_more=False) == [item(4, 9)]
    assert paginator.next_request() is None


def test_page_numbers_count_only_within_one_crowded_second():
    paginator = KeysetPaginator(0, 100)
    paginator.advance([item(1, 5), item(2, 5)], has_more=True)
    paginator.advance([item(1, 5), item(2, 5)], has_more=True)

    assert paginator.next_request() == PageRequest(first=5, last=99, page=2)
    paginator.advance([item(3, 5), item(4, 6)], has_more=True)
    assert paginator.next_request() == PageRequest(first=6, last=99, page=1)


def test_question_outside_the_range_is_dropped():
    assert KeysetPaginator(0, 100).advance([item(1, 99), item(2, 100)], has_more=False) == [
        item(1, 99)
    ]


@given(
    seconds=st.lists(st.integers(0, 12), max_size=40).map(sorted),
    page_size=st.integers(1, 5),
    end=st.integers(1, 13),
)
def test_pagination_returns_every_question_once_for_any_page_size(seconds, page_size, end):
    site = [item(number, second) for number, second in enumerate(seconds)]
    paginator, got, asked = KeysetPaginator(0, end), [], []
    while (request := paginator.next_request()) is not None:
        asked.append(request)
        found = [i for i in site if request.first <= i["creation_date"] <= request.last]
        start = (request.page - 1) * page_size
        got += paginator.advance(
            found[start : start + page_size], has_more=start + page_size < len(found)
        )

    assert got == [i for i in site if i["creation_date"] < end]
    assert len(set(asked)) == len(asked)


class FakeClock:
    """A clock that only sleeping advances."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_requests_are_kept_apart():
    clock = FakeClock()
    rate_limiter = RateLimiter(4, clock.time, clock.sleep)
    for _ in range(3):
        rate_limiter.acquire()

    assert clock.slept == pytest.approx([0.25, 0.25])


def test_slow_caller_does_not_wait():
    clock = FakeClock()
    rate_limiter = RateLimiter(4, clock.time, clock.sleep)
    rate_limiter.acquire()
    clock.now += 5
    rate_limiter.acquire()

    assert clock.slept == []


def test_backoff_counts_from_when_it_was_set():
    clock = FakeClock()
    rate_limiter = RateLimiter(4, clock.time, clock.sleep)
    rate_limiter.acquire()
    rate_limiter.back_off(10)
    clock.now += 3
    rate_limiter.acquire()

    assert clock.slept == pytest.approx([7.0])


@pytest.mark.parametrize(
    "wrong", [{"requests_per_s": 31}, {"requests_per_s": 0}, {"quota_reserve": -1}]
)
def test_settings_that_would_get_the_client_banned_are_refused(wrong):
    with pytest.raises(FixSettingsError):
        StackExchangeClient(api_url="http://127.0.0.1/2.3", site="s", **wrong)


@pytest.mark.parametrize(
    "start", [datetime(2024, 1, 1), datetime(2024, 1, 1, microsecond=5, tzinfo=UTC)]
)
def test_times_that_the_api_cannot_express_are_refused(start):
    client = StackExchangeClient(api_url="http://127.0.0.1/2.3", site="s")

    with pytest.raises(FixInputError):
        next(client.pages(start, datetime(2024, 2, 1, tzinfo=UTC)))


def test_invalid_address_is_a_wrong_setting():
    client = StackExchangeClient(api_url="nowhere", site="s")

    with pytest.raises(FixSettingsError, match="STACKEXCHANGE_API_URL"):
        next(client.pages(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC)))
