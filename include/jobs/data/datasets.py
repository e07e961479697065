"""Training and test data: months of stored questions, split by time, with a content hash."""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from include.candidates.base import MAX_TAGS_WITH_RARE, count_tags, frequent_tags, least_uses
from include.errors import MissingDataError
from include.evaluation.slices import SliceFeatures, TrainingTagCounts, slice_masks
from include.jobs.data.content_hash import content_hash
from include.jobs.ingestion.completeness import how_to_fetch, stored_completely
from include.months import (
    add_months,
    day_start,
    last_month_before,
    month_of,
    month_range,
    month_start,
    months_between,
    period_end_label,
)
from include.store.encoder_time import EncoderSample
from include.store.questions import questions_per_month
from include.text.prepared import LabelledTexts

log = logging.getLogger(__name__)

NEW_TAG_MONTHS: Final = 3
"""A tag is new if it was first used within this many months before the test month."""


@dataclass(frozen=True, slots=True)
class SplitMonths:
    """
    Months of a split: train on ``train_first`` to ``train_last``, test on the month after.

    All months are ``YYYY-MM``; both training months are included. A refresh is tested on some days
    instead, and trained on every question asked before them.

    Parameters
    ----------
    train_first, train_last : str
        The last one is the last whole month before the test.
    test_month : str
        The month tested on, or the one in which the tested days begin.
    test_from, test_until : str or None
        ``YYYY-MM-DD``, the half-open range of days tested on; None for the whole month.
    window_months : int or None
        The most whole months that a model learns from; None for no limit.
    """

    train_first: str
    train_last: str
    test_month: str
    test_from: str | None = None
    test_until: str | None = None
    window_months: int | None = None

    @classmethod
    def of_days(
        cls,
        train_first: str,
        test_from: datetime,
        test_until: datetime,
        window_months: int | None = None,
    ) -> Self:
        """
        Return the months of a split that is tested on days.

        Parameters
        ----------
        train_first : str
        test_from, test_until : datetime
            Midnights, UTC; half-open.
        window_months : int or None
        """
        return cls(
            train_first=train_first,
            train_last=last_month_before(test_from),
            test_month=month_of(test_from),
            test_from=f"{test_from:%Y-%m-%d}",
            test_until=f"{test_until:%Y-%m-%d}",
            window_months=window_months,
        )

    @property
    def refit_first(self) -> str:
        """
        The first month of the refit, which learns the tested questions too.

        After a whole month the window moves on by a month, so that the next model is compared with
        one of as many months.
        """
        if self.window_months is None or self.test_from is not None:
            return self.train_first
        return max(self.train_first, add_months(self.test_month, 1 - self.window_months))

    @property
    def test_range(self) -> tuple[datetime, datetime]:
        """The half-open time tested on, UTC."""
        start, end = month_range(self.test_month)
        return (
            day_start(self.test_from) if self.test_from else start,
            day_start(self.test_until) if self.test_until else end,
        )

    @property
    def last_loaded(self) -> str:
        """The last month of which questions are needed."""
        return month_of(self.test_range[1] - timedelta(microseconds=1))

    @property
    def label(self) -> str:
        """What is tested on, for people: ``2024-03``, or ``2024-03-20 to 2024-03-26``."""
        start, end = self.test_range
        if self.test_from is None:
            return self.test_month
        return f"{start:%Y-%m-%d} to {end - timedelta(days=1):%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class TrainingData:
    """
    Questions to train on.

    Parameters
    ----------
    dataset_id : str
        Hash of site, content, tags and ``min_tag_count``.
    site, first_month, last_month : str
        Both months included; the last one is the last that is contained as a whole.
    questions : LabelledTexts
        Oldest first; each has at least one tag.
    min_tag_count : int
        The setting.
    least_uses : int
        Uses from which a tag is in the vocabulary, at least ``min_tag_count``; see
        `include.candidates.base.least_uses`.
    vocabulary : tuple of str
        Sorted.
    until : datetime
        Aware, UTC: every question asked before it is contained, later ones are not. The end of
        ``last_month``, or a day of the month after.
    """

    dataset_id: str
    site: str
    first_month: str
    last_month: str
    questions: LabelledTexts
    min_tag_count: int
    least_uses: int
    vocabulary: tuple[str, ...]
    until: datetime


@dataclass(frozen=True, slots=True)
class SampledFrom:
    """
    What a sample of a test month is drawn from, and why; see `include.jobs.data.month_samples`.

    Parameters
    ----------
    questions : LabelledTexts
        All of the month that have a tag, oldest first.
    decision : EncoderSample
    """

    questions: LabelledTexts
    decision: EncoderSample


@dataclass(frozen=True, slots=True)
class TimeSplit:
    """
    The questions of a test month, or of the days of a refresh's test, and those before them.

    Parameters
    ----------
    months : SplitMonths
    train : TrainingData
    test : LabelledTexts
        The tested questions, oldest first; each has at least one tag.
    test_id : str
        Hash of their content.
    sample : SampledFrom or None
        If ``test`` is a sample of the tested questions.
    """

    months: SplitMonths
    train: TrainingData
    test: LabelledTexts
    test_id: str
    sample: SampledFrom | None = None


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
    month = test_month or latest_complete(connection, site, now or datetime.now(UTC), counts)
    if month not in counts:
        raise MissingDataError(f"{site} has no stored questions of {month}: {how_to_fetch(month)}")
    require_complete(connection, site, month)
    first = _first_training_month(connection, site, month, window_months, counts)
    return SplitMonths(
        train_first=first,
        train_last=add_months(month, -1),
        test_month=month,
        window_months=window_months,
    )


def resolve_days(
    connection: Connection,
    site: str,
    *,
    test_from: str,
    test_until: str,
    window_months: int | None,
) -> SplitMonths:
    """
    Return the months of a split that is tested on days and trained on everything before them.

    Parameters
    ----------
    connection : Connection
    site : str
    test_from, test_until : str
        ``YYYY-MM-DD``, half-open.
    window_months : int or None
        Whole training months, beside the days of the month in which the test begins.

    Raises
    ------
    MissingDataError
        If the month before is not stored, or only in part.
    """
    start, end = day_start(test_from), day_start(test_until)
    counts = questions_per_month(connection, site)
    first = _first_training_month(connection, site, month_of(start), window_months, counts)
    return SplitMonths.of_days(first, start, end, window_months)


def _first_training_month(
    connection: Connection,
    site: str,
    month: str,
    window_months: int | None,
    counts: Collection[str],
) -> str:
    """Return the first of the training months before ``month``, without a gap between them."""
    last = add_months(month, -1)
    earliest = max(
        min(counts, default=month), add_months(month, -window_months) if window_months else ""
    )
    first = month
    while first > earliest and _is_stored(connection, site, add_months(first, -1), counts):
        first = add_months(first, -1)
    if first == month:
        require_complete(connection, site, last)
        raise MissingDataError(f"{site} has no stored questions of {last}: {how_to_fetch(last)}")
    if first > earliest:
        log.warning(
            "months before %s are left out: %s is missing or stored only in part",
            first,
            add_months(first, -1),
        )
    return first


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
    start, end = months.test_range
    tagged = questions.tagged()
    if left_out := len(questions) - len(tagged):
        log.warning("%d questions without a tag are left out", left_out)
    first_test = bisect_left(tagged.asked_at, start)
    train = tagged.take(range(first_test))
    test = tagged.take(range(first_test, bisect_left(tagged.asked_at, end)))
    if not len(test):
        raise MissingDataError(
            f"{site} has no tagged question of {months.label}: {how_to_fetch(months.test_month)}"
        )
    data = training_data(
        train,
        site=site,
        first_month=months.train_first,
        until=start,
        min_tag_count=min_tag_count,
    )
    return TimeSplit(months, data, *tested_questions(test, site))


def tested_questions(questions: LabelledTexts, site: str) -> tuple[LabelledTexts, str]:
    """Return a month's questions that have tags, and the hash ``TimeSplit.test_id``."""
    tagged = questions.tagged()
    return tagged, content_hash(site, tagged, 0)


def training_data(
    questions: LabelledTexts, *, site: str, first_month: str, until: datetime, min_tag_count: int
) -> TrainingData:
    """
    Return questions with their vocabulary and the hash of their content.

    Parameters
    ----------
    questions : LabelledTexts
        All that were asked from the start of ``first_month`` and before ``until``.
    site, first_month : str
    until : datetime
        Aware.
    min_tag_count : int

    Raises
    ------
    MissingDataError
        If no tag is used by ``min_tag_count`` questions.
    """
    tagged = questions.tagged()
    counts = count_tags(tagged.tags)
    least = least_uses(counts.values(), min_tag_count)
    vocabulary = frequent_tags(counts, least)
    if least > min_tag_count:
        log.info(
            "%d uses put a tag in the vocabulary, not %d: with fewer it would have more than "
            "%d tags",
            *(least, min_tag_count, MAX_TAGS_WITH_RARE),
        )
    if not vocabulary:
        raise MissingDataError(
            f"no tag of {site} is used {min_tag_count} times from {first_month} to "
            f"{period_end_label(until)} "
            f"({len(tagged)} questions): store more months, or lower MIN_TAG_COUNT"
        )
    return TrainingData(
        dataset_id=content_hash(site, tagged, min_tag_count),
        site=site,
        first_month=first_month,
        last_month=last_month_before(until),
        questions=tagged,
        min_tag_count=min_tag_count,
        least_uses=least,
        vocabulary=vocabulary,
        until=until,
    )


def all_questions(split: TimeSplit) -> TrainingData:
    """Return what a model is refitted on: the test month's questions and the window before them."""
    train, months = split.train, split.months
    tested = split.test if split.sample is None else split.sample.questions
    first = bisect_left(train.questions.asked_at, month_start(months.refit_first))
    return training_data(
        train.questions.take(range(first, len(train.questions))) + tested,
        site=train.site,
        first_month=months.refit_first,
        until=months.test_range[1],
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
        SliceFeatures(
            true_tags=split.test.tags,
            word_counts=[len(f"{t.title} {t.prose}".split()) for t in split.test.texts],
            code_shares=[code / max(1, prose + code) for prose, code in sizes],
        ),
        # if all training months are as recent as a new tag's, no tag counts as new
        TrainingTagCounts(counts, len(questions), set(counts) - old if old else ()),
        split.train.vocabulary,
    )


def latest_complete(connection: Connection, site: str, now: datetime, stored: Iterable[str]) -> str:
    """
    Return the latest past month that is stored and not partly fetched.

    Parameters
    ----------
    connection : Connection
    site : str
    now : datetime
        Aware.
    stored : iterable of str
        The months that have questions.

    Raises
    ------
    MissingDataError
        If there is none.
    """
    for month in sorted(stored, reverse=True):
        if month_range(month)[1] <= now and stored_completely(connection, site, month) is not False:
            return month
    raise MissingDataError(
        f"{site} has no completely stored month: {how_to_fetch('2024-01')} (for each month needed)"
    )


def _is_stored(connection: Connection, site: str, month: str, counts: Collection[str]) -> bool:
    """Return whether the month is stored as a whole, as far as anybody can say."""
    complete = stored_completely(connection, site, month)
    return month in counts if complete is None else complete


def all_months(months: SplitMonths) -> tuple[str, ...]:
    """Return every month that the split needs, oldest first."""
    return months_between(months.train_first, months.last_loaded)
