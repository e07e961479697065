"""Training and test data: months of stored questions, split by time, with a content hash."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from include.candidates.base import vocabulary_of
from include.errors import MissingDataError
from include.evaluation.slices import TestQuestions, TrainingTagCounts, slice_masks
from include.jobs.data.content_hash import content_hash
from include.jobs.ingestion.completeness import how_to_fetch, stored_completely
from include.months import add_months, month_range, month_start, months_between
from include.store.questions import questions_per_month
from include.text.prepared import LabelledTexts

log = logging.getLogger(__name__)

NEW_TAG_MONTHS: Final = 3
"""A tag is new if it was first used within this many months before the test month."""


@dataclass(frozen=True, slots=True)
class SplitMonths:
    """
    Months of a split: train on ``train_first`` to ``train_last``, test on the month after.

    All are ``YYYY-MM``; both training months are included.
    """

    train_first: str
    train_last: str
    test_month: str


@dataclass(frozen=True, slots=True)
class TrainingData:
    """
    Questions to train on.

    Parameters
    ----------
    dataset_id : str
        Hash of site, content, tags and ``min_tag_count``.
    site, first_month, last_month : str
        Both months included.
    questions : LabelledTexts
        Oldest first; each has at least one tag.
    min_tag_count : int
    vocabulary : tuple of str
        Sorted.
    """

    dataset_id: str
    site: str
    first_month: str
    last_month: str
    questions: LabelledTexts
    min_tag_count: int
    vocabulary: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """
    A test month and the training months before it.

    Parameters
    ----------
    months : SplitMonths
    train : TrainingData
    test : LabelledTexts
        The test month's questions, oldest first; each has at least one tag.
    test_id : str
        Hash of the test month's content.
    """

    months: SplitMonths
    train: TrainingData
    test: LabelledTexts
    test_id: str


def resolve_months(
    connection: Connection,
    site: str,
    *,
    test_month: str | None,
    window_months: int | None,
    now: datetime | None = None,
) -> SplitMonths:
    """
    Return the months of the requested split, as far as questions are stored.

    Parameters
    ----------
    connection : Connection
    site : str
    test_month : str or None
        The latest past month that is completely stored, if None.
    window_months : int or None
        Number of training months; all that are stored without a gap before the test month, if
        None.
    now : datetime or None
        The current time, if None.

    Raises
    ------
    MissingDataError
        If the test month is not stored or only in part, or the month before it is not; the
        message names the month and the command that fetches it.
    """
    counts = questions_per_month(connection, site)
    month = test_month or _latest_complete(connection, site, list(counts), now or datetime.now(UTC))
    if month not in counts:
        raise MissingDataError(f"{site} has no stored questions of {month}: {how_to_fetch(month)}")
    require_complete(connection, site, month)
    last = add_months(month, -1)
    earliest = max(min(counts), add_months(month, -window_months) if window_months else "")
    first = month
    while first > earliest and _is_stored(connection, site, add_months(first, -1), counts):
        first = add_months(first, -1)
    if first == month:
        raise MissingDataError(f"{site} has no stored questions of {last}: {how_to_fetch(last)}")
    if first > earliest:
        log.warning("months before %s are left out: %s is missing", first, add_months(first, -1))
    return SplitMonths(train_first=first, train_last=last, test_month=month)


def require_complete(connection: Connection, site: str, month: str) -> None:
    """Raise MissingDataError if a month, such as the open one, is known to be stored in part."""
    if stored_completely(connection, site, month) is False:
        raise MissingDataError(f"{month} of {site} is stored only in part: {how_to_fetch(month)}")


def split_by_time(
    questions: LabelledTexts, months: SplitMonths, *, site: str, min_tag_count: int
) -> TimeSplit:
    """
    Split questions of all months into training data and test data.

    Questions without a tag are left out: they can be neither trained on nor evaluated.

    Raises
    ------
    MissingDataError
        If either part is empty, or no tag is used often enough.
    """
    start = month_start(months.test_month)
    tagged = questions.tagged()
    if left_out := len(questions) - len(tagged):
        log.warning("%d questions without a tag are left out", left_out)
    first_test = sum(asked_at < start for asked_at in tagged.asked_at)
    train = tagged.take(range(first_test))
    test = tagged.take(range(first_test, len(tagged)))
    if not len(test):
        month = months.test_month
        raise MissingDataError(f"{site} has no tagged question of {month}: {how_to_fetch(month)}")
    data = training_data(
        train,
        site=site,
        first_month=months.train_first,
        last_month=months.train_last,
        min_tag_count=min_tag_count,
    )
    return TimeSplit(months, data, *tested_questions(test, site))


def tested_questions(questions: LabelledTexts, site: str) -> tuple[LabelledTexts, str]:
    """Return a month's questions that have tags, and the hash ``TimeSplit.test_id``."""
    tagged = questions.tagged()
    return tagged, content_hash(site, tagged, 0)


def training_data(
    questions: LabelledTexts, *, site: str, first_month: str, last_month: str, min_tag_count: int
) -> TrainingData:
    """
    Return questions with their vocabulary and the hash of their content.

    Raises
    ------
    MissingDataError
        If no tag is used by ``min_tag_count`` questions.
    """
    tagged = questions.tagged()
    vocabulary = vocabulary_of(tagged.tags, min_tag_count)
    if not vocabulary:
        raise MissingDataError(
            f"no tag of {site} is used {min_tag_count} times from {first_month} to {last_month} "
            f"({len(tagged)} questions): store more months, or lower MIN_TAG_COUNT"
        )
    return TrainingData(
        dataset_id=content_hash(site, tagged, min_tag_count),
        site=site,
        first_month=first_month,
        last_month=last_month,
        questions=tagged,
        min_tag_count=min_tag_count,
        vocabulary=vocabulary,
    )


def all_questions(split: TimeSplit) -> TrainingData:
    """Return the split's training months and test month together, to refit a model on them."""
    train = split.train
    return training_data(
        train.questions + split.test,
        site=train.site,
        first_month=train.first_month,
        last_month=split.months.test_month,
        min_tag_count=train.min_tag_count,
    )


def split_slice_masks(split: TimeSplit) -> dict[str, NDArray[np.bool_]]:
    """Return which test questions belong to each slice; see `slices.slice_masks`."""
    questions = split.train.questions
    counts = Counter(tag for tags in questions.tags for tag in set(tags))
    new_from = month_start(add_months(split.months.test_month, -NEW_TAG_MONTHS))
    old = {
        tag
        for tags, asked_at in zip(questions.tags, questions.asked_at, strict=True)
        if asked_at < new_from
        for tag in tags
    }
    sizes = [(len(text.title) + len(text.prose), len(text.code)) for text in split.test.texts]
    return slice_masks(
        TestQuestions(
            true_tags=split.test.tags,
            word_counts=[len(f"{t.title} {t.prose}".split()) for t in split.test.texts],
            code_shares=[code / max(1, prose + code) for prose, code in sizes],
        ),
        # if all training months are as recent as a new tag's, no tag counts as new
        TrainingTagCounts(counts, len(questions), set(counts) - old if old else ()),
        split.train.vocabulary,
    )


def _latest_complete(
    connection: Connection, site: str, stored: Sequence[str], now: datetime
) -> str:
    """Return the latest past month that is stored and not partly fetched."""
    for month in reversed(stored):
        if month_range(month)[1] <= now and stored_completely(connection, site, month) is not False:
            return month
    raise MissingDataError(
        f"{site} has no completely stored month: {how_to_fetch('2024-01')} (for each month needed)"
    )


def _is_stored(connection: Connection, site: str, month: str, counts: Collection[str]) -> bool:
    """Return whether the month has questions, or was fetched and has none."""
    return month in counts or stored_completely(connection, site, month) is True


def all_months(months: SplitMonths) -> tuple[str, ...]:
    """Return every month that the split needs, oldest first."""
    return months_between(months.train_first, months.test_month)
