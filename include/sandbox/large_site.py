"""
Simulated questions of a site as large as Stack Overflow: thousands of tags, a million questions.

`include.sandbox.simulator` tells a story that can be read; this module makes volume. Questions are
made in batches whose random numbers depend on the seed and the batch's place alone, so the result
is the same whatever the number of processes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from typing import Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError
from include.months import add_months, month_start, months_between
from include.questions import MAX_TAGS, Question
from include.sandbox.large_text import LargeTextWriter
from include.sandbox.large_world import OLD_TAGS, LargeWorld, make_large_world
from include.sandbox.random_stream import RandomStream
from include.sandbox.simulator import DEFAULT_SEED, LICENCE, SITE, asking_times, monthly_volumes

T = TypeVar("T")

DEFAULT_TAGS: Final = 5_000
_BATCH: Final = 2_000
_BATCH_STREAM: Final = 12
_TIME_STREAM: Final = 13
_TAG_COUNT_SHARES: Final = (0.14, 0.27, 0.30, 0.18, 0.11)
_COMPANION_GEOMETRIC: Final = 0.25
_FIRST_ID: Final = 1_000
_ID_STEP: Final = 4
_YEAR: Final = timedelta(days=365.25)


@dataclass(frozen=True, slots=True)
class LargeSite:
    """
    A simulation of a large site.

    Parameters
    ----------
    questions : int
        Number of all questions, >= 1.
    months : int
        >= 1; the volumes of months vary by season and at random.
    first_month : str
        ``YYYY-MM``.
    tag_count : int
        Number of tags that ever exist, >= 300.
    seed : int
        >= 0.
    site : str
        Name of the site in every question.

    Raises
    ------
    FixInputError
        If a number is out of range.
    """

    questions: int
    months: int = 12
    first_month: str = "2023-01"
    tag_count: int = DEFAULT_TAGS
    seed: int = DEFAULT_SEED
    site: str = SITE

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not (self.questions >= self.months >= 1 and self.tag_count >= 300 and self.seed >= 0):
            raise FixInputError(
                "a large site needs at least a question a month, 300 tags and a seed >= 0; got "
                f"{self.questions} questions, {self.months} months, {self.tag_count} tags, "
                f"seed {self.seed}"
            )

    @classmethod
    def with_questions_before_the_last_month(cls, questions: int, months: int) -> Self:
        """Return a site of which all months but the last have exactly ``questions`` together."""
        relative = list(cls(questions=months, months=months).relative_volumes.values())
        # Their share of this total is at least `questions` and less than one more.
        return cls(questions=-(-questions * sum(relative) // sum(relative[:-1])), months=months)

    @property
    def relative_volumes(self) -> dict[str, int]:
        """Return each month's number of questions on a site of 100,000 a month on average."""
        last = add_months(self.first_month, self.months - 1)
        names = months_between(self.first_month, last)
        return dict(zip(names, monthly_volumes(self.seed, names, mean=100_000), strict=True))

    @property
    def volumes(self) -> dict[str, int]:
        """Return each month's number of questions; their sum is ``questions``."""
        relative = list(self.relative_volumes.values())
        ends = np.cumsum(relative) * self.questions // sum(relative)
        return dict(zip(self.relative_volumes, np.diff(ends, prepend=0).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class _Batch:
    """Up to `_BATCH` consecutive questions of one month; ``first`` counts from the site's first."""

    site: LargeSite
    month: str
    month_count: int
    first_in_month: int
    first: int
    count: int


def large_questions(site: LargeSite, *, processes: int = 1) -> Iterator[Question]:
    """Yield the questions of ``site``, oldest first, ids ascending."""
    for batch in map_batches(site, list, processes=processes):
        yield from batch


def map_batches(
    site: LargeSite, render: Callable[[Sequence[Question]], T], *, processes: int = 1
) -> Generator[T]:
    """
    Yield ``render`` of consecutive batches of questions, in order.

    Parameters
    ----------
    site : LargeSite
    render : callable
        Applied where the batch is made, for instance to write it; a function of a module.
    processes : int
        >= 1. Two batches a process are made ahead of the reader.
    """
    if processes == 1:
        for batch in _batches(site):
            yield render(_questions(batch))
        return
    batches = _batches(site)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting: deque[Future[T]] = deque(
            pool.submit(_rendered, batch, render) for batch in islice(batches, 2 * processes)
        )
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(pool.submit(_rendered, batch, render) for batch in islice(batches, 1))
            yield result


def _batches(site: LargeSite) -> Iterator[_Batch]:
    first = 0
    for month, volume in site.volumes.items():
        for first_in_month in range(0, volume, _BATCH):
            count = min(_BATCH, volume - first_in_month)
            yield _Batch(site, month, volume, first_in_month, first + first_in_month, count)
        first += volume


def _rendered(batch: _Batch, render: Callable[[Sequence[Question]], T]) -> T:
    return render(_questions(batch))


def _questions(batch: _Batch) -> list[Question]:
    """Return the questions of a batch."""
    site = batch.site
    world = make_large_world(site.seed, site.tag_count)
    rng = np.random.default_rng((site.seed, _BATCH_STREAM, batch.first))
    end = batch.first_in_month + batch.count
    times = _month_times(site, batch.month, batch.month_count)[batch.first_in_month : end]
    year = (times[0] - month_start(site.first_month)) / _YEAR
    tags, counts = _draw_tags(world, year, batch.count, rng)
    writer = LargeTextWriter(world, year, rng)
    texts = writer.write(tags, counts, batch.first)
    numbers = _FIRST_ID + _ID_STEP * (batch.first + np.arange(batch.count))
    numbers += rng.integers(0, _ID_STEP, batch.count)
    scores = (rng.random(batch.count) ** 4 * 30).astype(int) - 1
    views = 20 + (rng.random(batch.count) ** 3 * 4000).astype(int)
    answers = rng.integers(0, 4, batch.count)
    authors = rng.integers(1_000, 100_000, batch.count)
    figures = np.stack([numbers, scores, views, answers, authors], axis=1).tolist()
    return [
        Question(
            site=site.site,
            question_id=number,
            asked_at=asked_at,
            title=title,
            body_html=body,
            tags=tuple(dict.fromkeys(world.tags[tag] for tag in row[:count])),
            score=score,
            view_count=view,
            answer_count=answer,
            link=f"https://{site.site}.example/questions/{number}",
            author=f"user{author}",
            licence=LICENCE,
        )
        for asked_at, (title, body), row, count, (number, score, view, answer, author) in zip(
            times, texts, tags.tolist(), counts.tolist(), figures, strict=True
        )
    ]


@lru_cache(maxsize=2)
def _month_times(site: LargeSite, month: str, count: int) -> list[datetime]:
    number = int(month[:4]) * 12 + int(month[5:])
    return asking_times(month, count, RandomStream(site.seed, _TIME_STREAM, number))


def _draw_tags(
    world: LargeWorld, year: float, count: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return five tags for each question, shape (count, 5), and how many of them it has."""
    shares = world.tag_shares(year)
    head = np.searchsorted(shares, rng.random(count)).clip(0, len(shares) - 1)
    place = rng.geometric(_COMPANION_GEOMETRIC, (count, MAX_TAGS - 1)) - 1
    place = np.minimum(place, world.companions.shape[1] - 1)
    tags = np.concatenate([head[:, None], world.companions[head[:, None], place]], axis=1)
    tags = np.where(world.exists(year)[tags], tags, tags % OLD_TAGS)
    counts = rng.choice(np.arange(1, MAX_TAGS + 1), count, p=_TAG_COUNT_SHARES)
    return tags, counts
