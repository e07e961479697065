"""
Builds a month's shard once: the hash of its content, its tags and dates, and its term counts.

Whoever trains, tests or studies reads the shards, so a month is hashed and split into words once
per content and version of the code, and no task holds all texts; of the families that read them,
`lda` holds bags of words and `word2vec` numbers of words. Shards are rows of PostgreSQL, so that
several machines share them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from include.candidates import term_counts, terms
from include.candidates.term_counts import TermCounts, count_texts
from include.jobs.data.content_hash import MonthHash
from include.jobs.data.stored_texts import ShardPart, StoredTexts, TextSource
from include.months import month_range
from include.store.arrays import Arrays, text_array, texts_of
from include.store.features import LabelledText, stream_labelled
from include.store.month_shards import (
    MonthKey,
    MonthSnapshot,
    add_shard,
    drop_old_shards,
    finish_month,
    lock_month,
    month_states,
    read_questions,
    read_stored_months,
)
from include.store.tag_names import read_tag_names
from include.tag_names import TagNames
from include.text import tokens
from include.text.prepare import TEXT_VERSION
from include.text.prepared import LabelledTexts

log = logging.getLogger(__name__)

QUESTIONS_PER_PART: Final = 20_000
"""Questions counted at once: with texts of ordinary length some 50 MB."""
_KEPT: Final = timedelta(days=2)
"""Shards of an earlier content are kept so long, for tasks that are still reading them."""
_MICROSECOND: Final = timedelta(microseconds=1)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def shard_version() -> str:
    """Return the version of the code that prepares texts and counts terms; part of shards' keys."""
    digest = hashlib.sha256(TEXT_VERSION.encode())
    for module in (tokens, terms, term_counts):
        assert module.__file__ is not None
        digest.update(Path(module.__file__).read_bytes())
    return f"{TEXT_VERSION}-{digest.hexdigest()[:12]}"


def stale_months(engine: Engine, site: str, months: Sequence[str]) -> list[str]:
    """Return those of ``months`` that have questions but no shards of their present content."""
    return [month for month, stored in _current(engine, site, months).items() if stored is None]


def build_month(
    engine: Engine, site: str, month: str, *, questions_per_part: int = QUESTIONS_PER_PART
) -> None:
    """
    Store the shards of a month whose texts are prepared; safe to repeat.

    One process at a time builds a month; others wait and find it built.

    Parameters
    ----------
    engine : Engine
    site : str
    month : str
        ``YYYY-MM``.
    questions_per_part : int
        Questions held in memory at once, >= 1.
    """
    start, end = month_range(month)
    key = MonthKey(site, month, shard_version())
    with engine.begin() as connection:
        lock_month(connection, key)
        # Read before the texts: a change in between makes the month stale again
        state = month_states(connection, site, start, end).get(month)
        known = read_stored_months(connection, site, key.version, month, month).get(month)
        if state is None or (known and known.row_state == state):
            return
        content, untagged, count = MonthHash(), 0, 0
        rows = stream_labelled(connection, site, start, end, TEXT_VERSION)
        for part, chunk in enumerate(_chunks(rows, questions_per_part)):
            tagged = [row for row in chunk if row.tags]
            untagged += len(chunk) - len(tagged)
            count += len(tagged)
            for row in tagged:
                content.add(row.text, row.tags)
            counts = count_texts(row.text for row in tagged)
            add_shard(connection, key, part, _question_arrays(tagged), _count_arrays(counts))
        stored = MonthSnapshot(key, state, content.hexdigest(), count, untagged)
        same = known is not None and known.content_hash == stored.content_hash
        finish_month(connection, stored, known=same)
        drop_old_shards(connection, stored, datetime.now(UTC) - _KEPT)
    log.info("%s: %d questions are counted", month, count)


def read_months(engine: Engine, site: str, months: Sequence[str]) -> LabelledTexts:
    """
    Return the tagged questions of months whose shards are stored; texts are read when needed.

    Shards hold the tags as they were asked. Here, where everybody reads them, they get their
    canonical names; a question that has retired tags only is left out as one without a tag.
    """
    parts: list[ShardPart] = []
    ids: list[NDArray[np.int64]] = []
    tags: list[tuple[str, ...]] = []
    asked_at: list[datetime] = []
    as_asked: list[tuple[str, ...]] = []
    known: dict[str, str] = {}
    first = 0
    with engine.connect() as connection:
        stored = read_stored_months(connection, site, shard_version(), months[0], months[-1])
        names = read_tag_names(connection, site)
        for month in stored.values():
            if month.untagged_count:
                log.warning(
                    "%d questions of %s without a tag are left out",
                    month.untagged_count,
                    month.key.month,
                )
            for number, arrays in enumerate(read_questions(connection, month)):
                count = len(arrays["ids"])
                written_tags, of_part = _tags_of(arrays, names, known)
                written = texts_of(arrays["tag_names"])
                renamed = [(tag, names.of(tag)) for tag in written if names.of(tag) != tag]
                parts.append(
                    ShardPart(month, number, first, count, of_part.count(()), tuple(renamed))
                )
                ids.append(arrays["ids"])
                tags += of_part
                as_asked += written_tags
                asked_at += [_EPOCH + _MICROSECOND * int(at) for at in arrays["asked_at"]]
                first += count
    every_id = np.concatenate(ids) if ids else np.zeros(0, np.int64)
    source = TextSource(engine, site, every_id, parts)
    questions = LabelledTexts(
        StoredTexts(source, np.arange(first)),
        tuple(tags),
        tuple(asked_at),
        tuple(as_asked) if any(part.renamed for part in parts) else None,
    )
    return questions.tagged()


def _current(engine: Engine, site: str, months: Sequence[str]) -> dict[str, MonthSnapshot | None]:
    """Return each month that has questions, with its shards if they are of its present rows."""
    start, end = month_range(months[0])[0], month_range(months[-1])[1]
    with engine.connect() as connection:
        states = month_states(connection, site, start, end)
        stored = read_stored_months(connection, site, shard_version(), months[0], months[-1])
    return {
        month: stored[month] if month in stored and stored[month].row_state == state else None
        for month, state in states.items()
    }


def _chunks(rows: Iterable[LabelledText], size: int) -> Iterator[list[LabelledText]]:
    source = iter(rows)
    while chunk := list(islice(source, size)):
        yield chunk


def _question_arrays(rows: Sequence[LabelledText]) -> Arrays:
    names = sorted({tag for row in rows for tag in row.tags})
    column = {tag: number for number, tag in enumerate(names)}
    return {
        "ids": np.array([row.text.key[1] for row in rows if row.text.key], dtype=np.int64),
        "asked_at": np.array([(row.asked_at - _EPOCH) // _MICROSECOND for row in rows], np.int64),
        "tag_names": text_array(names),
        "tag_counts": np.array([len(row.tags) for row in rows], dtype=np.uint8),
        "tags": np.array([column[tag] for row in rows for tag in row.tags], dtype=np.int32),
    }


def _tags_of(
    arrays: Arrays, names: TagNames, known: dict[str, str]
) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """
    Return the questions' tags as they were asked, and their canonical tags, each once.

    Where no tag has another name, both are one list. Equal names are one object, however many
    questions use them.
    """
    written = [known.setdefault(name, name) for name in texts_of(arrays["tag_names"])]
    column = iter(arrays["tags"].tolist())
    columns = [tuple(islice(column, count)) for count in arrays["tag_counts"].tolist()]
    as_asked = [tuple([written[number] for number in row]) for row in columns]
    if names.canonical.keys().isdisjoint(written):
        return as_asked, as_asked
    return as_asked, [
        tuple([known.setdefault(tag, tag) for tag in names.of_all(row)]) for row in as_asked
    ]


def _count_arrays(counts: TermCounts) -> Arrays:
    return {
        "terms": text_array(counts.terms),
        "starts": counts.starts,
        "columns": counts.columns,
        "body": counts.body,
        "title": counts.title,
    }
