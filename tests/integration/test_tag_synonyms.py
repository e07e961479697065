"""Synonyms from the site and from files, and who speaks of canonical tags from then on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import requests
from sqlalchemy import Engine, text

from include.cli.app import main
from include.errors import RetryLaterError
from include.jobs.data.content_hash import content_hash
from include.jobs.data.features import load_labelled
from include.jobs.ingestion.synonyms import FULL_AFTER, SynonymIngestion, import_synonyms
from include.questions import Question
from include.sandbox.api import SandboxApi
from include.sandbox.question_index import QuestionIndex
from include.sandbox.site import running
from include.sources.stackexchange_api import StackExchangeClient
from include.store.ab_tests import read_paired_scores, start_ab_test
from include.store.predictions import (
    Prediction,
    copy_predictions,
    count_indicators,
    daily_indicators,
    prediction_line,
)
from include.store.questions import read_questions, tag_uses, upsert_questions
from include.store.tag_names import read_likely_renames, read_tag_names, store_synonyms
from include.tag_names import LikelyRename, TagNames, TagSynonym
from serving.lookups import Lookups
from serving.model_cache import ModelCache
from serving.model_reloader import ModelReloader
from serving.release import Release
from tests.serving.test_served_models import Machine, no_encoders

pytestmark = pytest.mark.integration

SITE = "sandbox"
START = datetime(2023, 1, 1, tzinfo=UTC)
NOW = datetime(2023, 6, 1, tzinfo=UTC)


def synonym(old: str, new: str | None, days: int = 0) -> TagSynonym:
    return TagSynonym(old, new, START + timedelta(days=days))


def question(number: int, *tags: str, days: int | None = None) -> Question:
    asked_at = START + timedelta(days=number if days is None else days, seconds=number)
    return Question(SITE, number, asked_at, f"Question {number}", "<p>Why does it?</p>", tags)


def store(engine: Engine, *questions: Question) -> None:
    with engine.begin() as connection:
        upsert_questions(connection, questions)


def learn(engine: Engine, *synonyms: TagSynonym) -> bool:
    with engine.begin() as connection:
        return store_synonyms(connection, SITE, synonyms, "file", complete=True)


def names_of(engine: Engine) -> TagNames:
    with engine.connect() as connection:
        return read_tag_names(connection, SITE)


def rows_of(engine: Engine) -> list[tuple]:
    with engine.connect() as connection:
        known = connection.execute(text("SELECT * FROM tag_synonyms ORDER BY from_tag, source"))
        named = connection.execute(text("SELECT * FROM canonical_tags ORDER BY tag"))
        return [tuple(row) for row in [*known, *named]]


@contextmanager
def site_with(*synonyms: TagSynonym, **options: object) -> Iterator[str]:
    api = SandboxApi(SITE, QuestionIndex([]), synonyms=synonyms, **options)
    with running(api) as url:
        yield url


def pulling(engine: Engine, url: str, now: datetime = NOW) -> SynonymIngestion:
    client = StackExchangeClient(
        api_url=url, site=SITE, requests_per_s=30, sleep=lambda _: None, now=lambda: now
    )
    return SynonymIngestion(engine, client, SITE, now=lambda: now)


def fault(url: str, kind: str, **details: int) -> None:
    address = url.removesuffix("/2.3") + "/_sandbox/faults"
    assert requests.post(address, json={"kind": kind, **details}, timeout=5).ok


def replace_synonyms(url: str, *synonyms: TagSynonym) -> None:
    items = [
        {"from_tag": s.from_tag, "to_tag": s.to_tag, "creation_date": int(s.created_at.timestamp())}
        for s in synonyms
    ]
    address = url.removesuffix("/2.3") + "/_sandbox/synonyms"
    assert requests.put(address, json=items, timeout=5).ok


def requests_of(url: str) -> list[dict]:
    return requests.get(url.removesuffix("/2.3") + "/_sandbox/requests", timeout=5).json()


def test_a_pull_stores_every_page_and_leaves_the_same_rows_when_repeated(engine):
    many = [synonym(f"old-{n}", f"new-{n}", n // 3) for n in range(250)]
    with site_with(*many) as url:
        first = pulling(engine, url).pull()
        rows = rows_of(engine)
        again = pulling(engine, url).pull(full=True)

    assert (first["synonyms"], first["requests"], first["changed"]) == (250, 3, True)
    assert names_of(engine).canonical == {f"old-{n}": f"new-{n}" for n in range(250)}
    assert again["changed"] is False
    assert rows_of(engine) == rows


def test_a_later_pull_reads_only_what_is_new_with_one_request(engine):
    many = [synonym(f"old-{n}", f"new-{n}", n) for n in range(120)]
    with site_with(*many) as url:
        pulling(engine, url).pull()
        replace_synonyms(url, *many, synonym("k8s", "kubernetes", 140))
        result = pulling(engine, url).pull()

    assert (result["requests"], result["full"]) == (1, False)
    assert names_of(engine).of("k8s") == "kubernetes"


def test_a_full_pull_forgets_what_the_site_no_longer_lists(engine):
    with site_with(synonym("golang", "go"), synonym("k8s", "kubernetes", 1)) as url:
        pulling(engine, url).pull()
        replace_synonyms(url, synonym("k8s", "kubernetes", 1))
        pulling(engine, url).pull()
        assert names_of(engine).of("golang") == "go"
        result = pulling(engine, url, NOW + FULL_AFTER).pull()

    assert result["full"] is True
    assert names_of(engine).canonical == {"k8s": "kubernetes"}


def test_a_pull_stops_at_the_reserve_of_the_quota_and_continues_after_it(engine):
    many = [synonym(f"old-{n}", f"new-{n}", n // 3) for n in range(250)]
    with site_with(*many) as url:
        fault(url, "quota_exhausted", remaining=5)
        with pytest.raises(RetryLaterError, match="quota"):
            pulling(engine, url).pull()
        assert len(names_of(engine).canonical) == 100

    with site_with(*many) as url:
        pulling(engine, url).pull()
    assert len(names_of(engine).canonical) == 250


def test_a_page_with_backoff_is_kept_and_a_failed_one_is_asked_for_again(engine):
    many = [synonym(f"old-{n}", f"new-{n}", n // 3) for n in range(150)]
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    with site_with(*many, clock=lambda: clock[0]) as url:
        fault(url, "backoff", seconds=20)
        fault(url, "server_error")
        client = StackExchangeClient(
            api_url=url, site=SITE, sleep=sleep, clock=lambda: clock[0], now=lambda: NOW
        )
        result = SynonymIngestion(engine, client, SITE, now=lambda: NOW).pull()
        outcomes = [request["outcome"] for request in requests_of(url)]

    assert outcomes == ["backoff", "server_error", "page"]
    assert (result["synonyms"], result["requests"]) == (150, 3)
    assert clock[0] >= 20


def test_a_file_counts_more_than_the_site_and_a_second_one_replaces_it(engine, tmp_path):
    with site_with(synonym("golang", "go"), synonym("js", "javascript")) as url:
        pulling(engine, url).pull()
    path = tmp_path / "own.csv"
    path.write_text("from_tag,to_tag\ngolang,go-language\nhomework,\n")
    import_synonyms(engine, path, SITE)
    own = {"golang": "go-language", "homework": None, "js": "javascript"}
    assert names_of(engine).canonical == own

    path.write_text("from_tag,to_tag\nhomework,\n")
    import_synonyms(engine, path, SITE)
    assert names_of(engine).canonical == own | {"golang": "go"}


def test_the_command_imports_a_file_of_synonyms(
    engine, database_url, monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("DATABASE_URL", database_url)
    path = tmp_path / "own.jsonl"
    path.write_text('{"from_tag": "k8s", "to_tag": "kubernetes"}\n{"from_tag": "homework"}\n')

    assert main(["import", str(path), "--synonyms", "--site", SITE]) == 0
    assert "2 synonyms and retired tags" in capsys.readouterr().out
    assert names_of(engine).canonical == {"k8s": "kubernetes", "homework": None}


def test_questions_are_read_by_canonical_names_and_stay_stored_as_asked(engine):
    store(engine, question(1, "golang", "json"), question(2, "golang", "go"), question(3, "c"))
    learn(engine, synonym("golang", "go"))

    assert load_labelled(engine, SITE, "2023-01", "2023-01").tags == (
        ("go", "json"),
        ("go",),
        ("c",),
    )
    with engine.connect() as connection:
        stored = read_questions(connection, SITE, START, NOW)
        uses = tag_uses(connection, SITE, START, NOW)
    assert [q.tags for q in stored] == [("golang", "json"), ("golang", "go"), ("c",)]
    assert uses == {"go": 2, "json": 1, "c": 1}


def test_a_question_with_retired_tags_only_is_left_out(engine):
    store(engine, question(1, "homework"), question(2, "homework", "c"))
    learn(engine, synonym("homework", None))

    questions = load_labelled(engine, SITE, "2023-01", "2023-01")
    assert questions.tags == (("c",),)
    assert [text.key for text in questions.texts] == [(SITE, 2)]


def dataset_id(engine: Engine) -> str:
    return content_hash(SITE, load_labelled(engine, SITE, "2023-01", "2023-01"), 1)


def built(engine: Engine) -> list[tuple]:
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT question_id::text, xmin::text FROM prepared_texts "
                "UNION ALL SELECT month || part, xmin::text FROM month_shards ORDER BY 1"
            )
        )
        return [tuple(row) for row in rows]


def test_a_new_synonym_changes_the_dataset_and_prepares_no_text_anew(engine):
    store(engine, question(1, "golang"), question(2, "homework"), question(3, "c"))
    before, cached = dataset_id(engine), built(engine)

    learn(engine, synonym("golang", "go"), synonym("homework", None))
    after = dataset_id(engine)
    assert after != before
    assert dataset_id(engine) == after
    assert built(engine) == cached

    learn(engine)
    assert dataset_id(engine) == before


def test_a_synonym_that_no_question_has_leaves_the_dataset_as_it_is(engine):
    store(engine, question(1, "golang"), question(2, "c"))
    before = dataset_id(engine)
    learn(engine, synonym("k8s", "kubernetes"))

    assert dataset_id(engine) == before


def test_a_test_month_keeps_the_tags_as_asked_for_strict_metrics(engine):
    store(engine, question(1, "go"), question(2, "golang", days=40), question(3, "c", days=41))
    learn(engine, synonym("golang", "go"))
    questions = load_labelled(engine, SITE, "2023-01", "2023-02")

    test = questions.take([1, 2])
    assert (test.tags, test.strict_tags) == ((("go",), ("c",)), (("golang",), ("c",)))


def test_live_precision_counts_a_synonym_as_the_same_tag(engine):
    store(engine, question(1, "golang", days=0))
    answer = Prediction(
        prediction_id=UUID(int=7),
        asked_at=START + timedelta(hours=1),
        site=SITE,
        title="t",
        body="b",
        tags=(("go", 0.9), ("golang", 0.8), ("c", 0.1)),
        model_version="1",
        candidate="tfidf",
        variant="champion",
        latency_ms=1.0,
        question_id=1,
    )
    with engine.begin() as connection:
        copy_predictions(connection, [prediction_line(answer)])

    def precision() -> float:
        with engine.begin() as connection:
            count_indicators(connection, SITE, START.date())
        with engine.connect() as connection:
            return daily_indicators(connection, SITE, START.date())[0]["precision"]

    assert precision() == pytest.approx(1 / 3)
    learn(engine, synonym("golang", "go"))
    assert precision() == pytest.approx(1 / 2)


def test_the_service_follows_the_table_without_a_new_model(engine, tmp_path):
    machine = Machine(tmp_path)
    machine.publish("1", "golang", "homework", "json")
    machine.leader().poll()

    def look_up() -> None:
        lookups = Lookups(
            machine.model_cache,
            connect=lambda: engine,
            site=SITE,
            read_release=lambda database: Release(),
        )
        lookups.poll()

    worker = ModelReloader(ModelCache(machine.model_cache.folder), machine.leader(), no_encoders)
    worker.reload()

    assert worker.current.champion.candidate.vocabulary == ("golang", "homework", "json")
    learn(engine, synonym("golang", "go"), synonym("homework", None))
    look_up()
    worker.reload()

    assert worker.current.champion.candidate.vocabulary == ("go", "json")
    assert worker.current.champion.version == "1"
    learn(engine)
    look_up()
    worker.reload()
    assert worker.current.champion.candidate.vocabulary == ("golang", "homework", "json")


def test_a_rename_is_found_in_the_edits_of_questions_until_its_synonym_is_known(engine):
    later = START + timedelta(days=60)
    for number in range(1, 9):
        first = question(number, "golang", "json", days=1)
        store(engine, replace(first, fetched_at=first.asked_at))
        new = ("go", "json") if number < 8 else ("golang", "json", "xml")
        store(engine, replace(question(number, *new, days=1), fetched_at=later))
    store(engine, question(9, "json", days=1))

    def found() -> list[LikelyRename]:
        with engine.connect() as connection:
            return read_likely_renames(connection, SITE, START)

    assert found() == [LikelyRename("golang", "go", 7, 8)]
    learn(engine, synonym("golang", "go"))
    assert found() == []
    learn(engine, synonym("golang", "golang"))
    assert found() == [], "a person keeps the name"


def test_a_person_may_keep_a_name_that_the_site_calls_a_synonym(engine):
    with site_with(synonym("golang", "go"), synonym("js", "javascript")) as url:
        pulling(engine, url).pull()
    learn(engine, synonym("golang", "golang"))

    assert names_of(engine).canonical == {"js": "javascript"}


def test_an_ab_test_counts_an_old_name_as_the_same_tag(engine):
    store(engine, question(1, "go", "json", days=0))
    with engine.begin() as connection:
        test_id = start_ab_test(
            connection,
            champion_version="1",
            challenger_version="2",
            share=0.5,
            shadow=True,
            started_by="test",
        )
    rows = [
        Prediction(
            prediction_id=UUID(int=number),
            asked_at=START + timedelta(hours=1),
            site=SITE,
            title="t",
            body="b",
            tags=tags,
            model_version=str(number),
            candidate="tfidf",
            variant=variant,
            latency_ms=1.0,
            question_id=1,
            shadow=variant == "challenger",
            ab_test_id=test_id,
        )
        for number, variant, tags in (
            (1, "champion", (("golang", 0.9), ("go", 0.8))),
            (2, "challenger", (("go", 0.9), ("json", 0.8))),
        )
    ]
    with engine.begin() as connection:
        copy_predictions(connection, [prediction_line(row) for row in rows])

    def scores() -> list[float]:
        with engine.connect() as connection:
            (pair,) = read_paired_scores(connection, test_id)
            return [round(pair.champion * 7 / 2, 3), round(pair.challenger * 7 / 2, 3)]

    assert scores() == [1, 2]
    learn(engine, synonym("golang", "go"))
    assert scores() == [1, 2], "one tag under two names is found once"
    learn(engine, synonym("go", "golang"))
    assert scores() == [1, 2]


def test_the_command_reads_the_synonyms_of_the_site(engine, database_url, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SITE", SITE)
    with site_with(synonym("golang", "go")) as url:
        monkeypatch.setenv("STACKEXCHANGE_API_URL", url)
        assert main(["synonyms"]) == 0
        first = capsys.readouterr().out
        assert main(["synonyms", "--full"]) == 0
        second = capsys.readouterr().out

    assert "1 synonyms of sandbox read with 1 requests; names of tags have changed" in first
    assert "no name has changed" in second
    assert names_of(engine).of("golang") == "go"
