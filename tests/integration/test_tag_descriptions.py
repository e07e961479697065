"""What a site says of its tags: from its API into PostgreSQL, and on to the service's machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests
from sqlalchemy import Engine

from include.errors import RetryLaterError
from include.jobs.ingestion.tag_descriptions import STALE_AFTER, DescriptionIngestion
from include.questions import Question
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.site import running
from include.sources.stackexchange_api import StackExchangeClient
from include.store.questions import upsert_questions
from include.store.tag_descriptions import read_descriptions, store_descriptions
from serving.lookups import Lookups
from serving.model_cache import ModelCache
from serving.model_reloader import ModelReloader
from serving.release import Release
from tests.serving.test_served_models import Machine, no_encoders

pytestmark = pytest.mark.integration

SITE = "sandbox"
NOW = datetime(2023, 6, 1, tzinfo=UTC)
CSHARP = 'C# (pronounced "see sharp") is a language & more; <T> is a type.'


@contextmanager
def site_with(descriptions: dict[str, str], **options: object) -> Iterator[str]:
    api = SandboxApi(SITE, QuestionIndex([]), descriptions=descriptions, **options)
    with running(api) as url:
        yield url


def ask(engine: Engine, *tags: tuple[str, ...]) -> None:
    questions = [
        Question(SITE, n, NOW - timedelta(days=1, seconds=n), f"Question {n}", "<p>Why?</p>", each)
        for n, each in enumerate(tags, start=1)
    ]
    with engine.begin() as connection:
        upsert_questions(connection, questions)


def pull(engine: Engine, url: str, now: datetime = NOW) -> dict:
    client = StackExchangeClient(
        api_url=url, site=SITE, requests_per_s=30, sleep=lambda _: None, now=lambda: now
    )
    return DescriptionIngestion(engine, client, SITE, now=lambda: now).pull()


def requests_of(url: str) -> int:
    return len(requests.get(url.removesuffix("/2.3") + "/_sandbox/requests", timeout=5).json())


def stored(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        return read_descriptions(connection, SITE)


def test_descriptions_are_plain_text_and_a_tag_without_one_is_asked_for_once(engine):
    ask(engine, ("c#", "unknown"), ("c#", ".net"))
    with site_with({"c#": CSHARP, ".net": "A framework."}) as url:
        first = pull(engine, url)
        again = pull(engine, url)
        asked = requests_of(url)

    assert stored(engine) == {"c#": CSHARP, ".net": "A framework."}
    assert (first["tags"], first["described"], first["requests"]) == (3, 2, 1)
    assert (again["tags"], again["requests"], asked) == (0, 0, 1)


def test_twenty_tags_share_a_request_and_the_most_used_come_first(engine):
    ask(engine, *[(f"tag-{n:02}",) for n in range(25)], ("tag-24",))
    said = {f"tag-{n:02}": f"About {n}." for n in range(25)}
    with site_with(said, quota=11) as url, pytest.raises(RetryLaterError, match="reserve"):
        pull(engine, url)

    assert list(stored(engine)) == [*(f"tag-{n:02}" for n in range(19)), "tag-24"]


def test_a_long_backoff_ends_a_pull_after_the_descriptions_that_came_with_it(engine):
    ask(engine, *[(f"tag-{n:02}",) for n in range(25)])
    said = {f"tag-{n:02}": f"About {n}." for n in range(25)}
    with site_with(said) as url:
        address = url.removesuffix("/2.3") + "/_sandbox/faults"
        assert requests.post(address, json={"kind": "backoff", "seconds": 900}, timeout=5).ok
        with pytest.raises(RetryLaterError, match="backoff of 900 s"):
            pull(engine, url)
        asked = requests_of(url)

    assert (len(stored(engine)), asked) == (20, 1)


def test_a_description_is_read_again_when_it_is_old(engine):
    ask(engine, ("go",))
    with site_with({"go": "A game."}) as url:
        pull(engine, url)
    with site_with({"go": "A language."}) as url:
        early = pull(engine, url, NOW + STALE_AFTER)
        late = pull(engine, url, NOW + STALE_AFTER + timedelta(days=1))

    assert (early["tags"], late["tags"]) == (0, 1)
    assert stored(engine) == {"go": "A language."}


def test_characters_that_postgresql_refuses_do_not_stop_a_pull(engine):
    ask(engine, ("go",))
    with site_with({"go": "A \x00language\ud800."}) as url:
        pull(engine, url)

    assert stored(engine) == {"go": "A language�."}


def test_workers_know_the_descriptions_also_after_a_restart_without_postgresql(engine, tmp_path):
    machine = Machine(tmp_path)
    machine.publish("1", "go", "json")
    machine.leader().poll()
    with engine.begin() as connection:
        store_descriptions(connection, SITE, {"go": "A language.", "json": None}, NOW)
    Lookups(
        machine.model_cache,
        connect=lambda: engine,
        site=SITE,
        read_release=lambda database: Release(),
    ).poll()

    worker = ModelReloader(ModelCache(machine.model_cache.folder), machine.leader(), no_encoders)
    worker.reload()
    found = worker.current.tag_index.named(["go", "json"])

    assert [each.description for each in found] == ["A language.", None]
