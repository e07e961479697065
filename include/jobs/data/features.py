"""
Prepares and embeds each text once, for training, monitoring and the DAGs.

``tagkeeper transform --from 2024-01 --to 2024-12 --encoder bert`` does it ahead of
time; it is MLproject's ``transform``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine

from include.candidates.base import Encoder, EncoderFactory
from include.capacity import machine_label
from include.errors import FixInputError, MissingDataError
from include.jobs.data.month_shards import build_month, read_months, stale_months
from include.jobs.ingestion.completeness import how_to_fetch, stored_completely
from include.months import month_of, month_range, months_between
from include.store.encoder_time import record_encoder_rate
from include.store.features import (
    TextKey,
    UnpreparedQuestion,
    lock_embedding,
    lock_preparing,
    read_embeddings,
    read_unprepared,
    store_embeddings,
    store_prepared,
    text_key,
)
from include.text.prepare import TEXT_VERSION, prepare
from include.text.prepared import LabelledTexts, PreparedText

log = logging.getLogger(__name__)

IDS_PER_CHUNK: Final = 256
"""Questions whose ids lie in one range are embedded between two commits, under a lock of their own:
an interruption loses some seconds of work, and several machines share it."""
_LONG_S: Final = 3600.0
_LEAST_TIMED: Final = 32
"""Texts whose time says how fast an encoder is."""

TEXTS_PREPARED_AT_ONCE: Final = 5_000
"""Questions prepared in one transaction: some 40 MB of text."""

ProgressCallback = Callable[[int, int], None]
"""Called with the number of texts done and the number of all texts to do."""


def prepare_months(engine: Engine, site: str, months: Sequence[str]) -> int:
    """
    Prepare the texts of new and edited questions; return their number.

    Texts are prepared some thousand at a time, each time in one transaction under a lock per site:
    several processes may call this at once, and no text is prepared twice.
    """
    count = 0
    for month in months:
        last, in_month = None, 0
        while questions := _prepare_next(engine, site, month, last):
            last = questions[-1]
            in_month += len(questions)
        if in_month:
            log.info("%s: %d texts prepared", month, in_month)
        count += in_month
    return count


def _prepare_next(
    engine: Engine, site: str, month: str, last: UnpreparedQuestion | None
) -> list[UnpreparedQuestion]:
    """Prepare and return the next questions of a month, in order of time; none at its end."""
    with engine.begin() as connection:
        lock_preparing(connection, site)
        questions = read_unprepared(
            connection,
            site,
            *month_range(month),
            TEXT_VERSION,
            after=last,
            limit=TEXTS_PREPARED_AT_ONCE,
        )
        if questions:
            texts = [
                prepare(question.title, question.body_html, (site, question.question_id))
                for question in questions
            ]
            hashes = [question.content_hash for question in questions]
            store_prepared(connection, TEXT_VERSION, zip(texts, hashes, strict=True))
    return questions


def load_labelled(engine: Engine, site: str, first_month: str, last_month: str) -> LabelledTexts:
    """
    Return the tagged questions of some months, ready for training or testing, oldest first.

    Months that are new or have changed are prepared and counted first (`month_shards`). Tags and
    dates are in memory; texts and term counts are read when they are needed.

    Parameters
    ----------
    engine : Engine
    site : str
        The API's name of the site.
    first_month, last_month : str
        ``YYYY-MM``, both included.

    Raises
    ------
    FixInputError
        If a month is malformed or the last one is before the first.
    MissingDataError
        If a month has no questions, unless it was ingested completely and the site had none. The
        message names the first such month and the command that fetches it.
    """
    months = months_between(first_month, last_month)
    if not months:
        raise FixInputError(f"last month {last_month} is before first month {first_month}")
    for month in stale_months(engine, site, months):
        prepare_months(engine, site, [month])
        build_month(engine, site, month)
    questions = read_months(engine, site, months)
    present = {month_of(moment) for moment in questions.asked_at}
    for month in months:
        if month in present:
            continue
        with engine.connect() as connection:
            known_empty = stored_completely(connection, site, month) is True
        if not known_empty:
            raise MissingDataError(
                f"no questions of {site} are stored for {month}: {how_to_fetch(month)}"
            )
    return questions


def load_tagged(engine: Engine, site: str, first_month: str, last_month: str) -> LabelledTexts:
    """
    Return the questions of `load_labelled` that have a tag.

    Raises
    ------
    MissingDataError
        If there are none; the message names the command that fetches them.
    """
    tagged = load_labelled(engine, site, first_month, last_month).tagged()
    if not len(tagged):
        raise MissingDataError(
            f"{site} has no tagged questions from {first_month} to {last_month}: "
            f"{how_to_fetch(last_month)}"
        )
    return tagged


def cached_encoders(
    engine: Engine, encoders: EncoderFactory, on_progress: ProgressCallback | None = None
) -> EncoderFactory:
    """
    Return a factory of encoders that look embeddings up before they compute them.

    Parameters
    ----------
    engine : Engine
        Database of the cache.
    encoders : EncoderFactory
        Makes the wrapped encoders; each is made at most once.
    on_progress : callable, optional
        Called after each chunk that is computed.
    """
    made: dict[str, Encoder] = {}

    def make(name: str) -> Encoder:
        if name not in made:
            made[name] = CachedEncoder(engine, encoders(name), on_progress)
        return made[name]

    return make


class CachedEncoder:
    """
    An encoder that embeds each text with a key once, and those without a key directly.

    Vectors are stored chunk by chunk, so that an interrupted run loses one chunk. One process at
    a time computes a chunk; others that need the same texts compute other chunks meanwhile, and
    then read the results. If it will take more than an hour, a warning says so at once. The speed
    is stored, so that later trainings know it before they start.

    Parameters
    ----------
    engine : Engine
        Database of the cache.
    encoder : Encoder
        The wrapped encoder; vectors are stored under its name.
    on_progress : callable, optional
        Called after each chunk that is computed.
    """

    def __init__(
        self, engine: Engine, encoder: Encoder, on_progress: ProgressCallback | None = None
    ) -> None:
        self.name = encoder.name
        self.dimensions = encoder.dimensions
        self._engine = engine
        self._encoder = encoder
        self._on_progress = on_progress
        self._said_long = False
        self._is_loaded = False
        self._machine = machine_label()

    def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return unit-length vectors, shape (n_texts, dimensions)."""
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        keys = {row: text_key(text) for row, text in enumerate(texts) if text.key is not None}
        known = self._vectors({key: texts[row] for row, key in keys.items()})
        for row, key in keys.items():
            vectors[row] = known[key]
        unkeyed = [row for row in range(len(texts)) if row not in keys]
        if unkeyed:
            vectors[unkeyed] = self._encoder.encode([texts[row] for row in unkeyed])
        return vectors

    def _vectors(self, texts: dict[TextKey, PreparedText]) -> dict[TextKey, NDArray[np.float32]]:
        """Return a vector for each text: stored ones first, then those that had to be computed."""
        if not texts:
            return {}
        with self._engine.connect() as connection:
            known = read_embeddings(connection, self.name, self.dimensions, texts)
            connection.commit()
            total, started = len(texts) - len(known), time.monotonic()
            speed = _Speed(title_only=not any(text.prose for text in texts.values()))
            waiting = _chunks_of([key for key in texts if key not in known])
            wait = False  # first what no other process is computing, then the rest
            while waiting:
                busy: dict[str, list[TextKey]] = {}
                for name, keys in waiting.items():
                    if not lock_embedding(connection, f"{self.name} {name}", wait=wait):
                        connection.commit()
                        busy[name] = keys
                        continue
                    part = {key: texts[key] for key in keys}
                    known |= self._computed(connection, part, speed)
                    connection.commit()
                    done = total - (len(texts) - len(known))
                    self._report(done, total, time.monotonic() - started)
                waiting, wait = busy, True
        return known

    def _computed(
        self, connection: Connection, texts: dict[TextKey, PreparedText], speed: _Speed
    ) -> dict[TextKey, NDArray[np.float32]]:
        """
        Return the vectors of a chunk whose lock is held, and store those that are missing.

        The chunk's time is added to ``speed``, which is stored once it says something.
        """
        # Read again: the process that held the lock may have stored them meanwhile
        known = read_embeddings(connection, self.name, self.dimensions, texts)
        todo = [key for key in texts if key not in known]
        if todo:
            started = time.perf_counter()
            computed = self._encoder.encode([texts[key] for key in todo])
            if self._is_loaded:  # the first call may load the model
                speed.add(len(todo), time.perf_counter() - started)
            self._is_loaded = True
            store_embeddings(connection, self.name, todo, computed)
            if speed.texts >= _LEAST_TIMED:
                record_encoder_rate(connection, self.name, self._machine, **asdict(speed))
            known |= zip(todo, computed, strict=True)
        return known

    def _report(self, done: int, total: int, seconds: float) -> None:
        rate = done / seconds if seconds > 0 else 0.0
        log.info("%s: %d of %d texts embedded, %.0f a second", self.name, done, total, rate)
        left_s = (total - done) / rate if rate else 0.0
        if left_s > _LONG_S and not self._said_long:
            self._said_long = True
            log.warning(
                "%s: %d texts at %.1f a second will take %.1f hours; a shorter training window or "
                "a candidate without this encoder takes less",
                self.name,
                total - done,
                rate,
                left_s / 3600,
            )
        if self._on_progress:
            self._on_progress(done, total)


@dataclass(slots=True)
class _Speed:
    """Texts that were embedded, and the seconds that it took, > 0 once there are any."""

    title_only: bool
    texts: int = 0
    seconds: float = 0.0

    def add(self, texts: int, seconds: float) -> None:
        self.texts += texts
        self.seconds += max(seconds, 1e-9)


def _chunks_of(keys: Sequence[TextKey]) -> dict[str, list[TextKey]]:
    """Return the keys by chunk: the same chunk in whatever list a question is."""
    chunks: dict[str, list[TextKey]] = {}
    for key in keys:
        chunks.setdefault(f"{key[0]} {key[1] // IDS_PER_CHUNK}", []).append(key)
    return chunks
