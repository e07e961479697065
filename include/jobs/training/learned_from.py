"""What a candidate learns from: how many of the questions, and whether memory holds them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Self

from include.candidates.base import Candidate, count_tags
from include.errors import FixInputError
from include.jobs.data.datasets import TrainingData


@dataclass(frozen=True, slots=True)
class LearnedFrom:
    """
    The part of a training window that a candidate learns from.

    Parameters
    ----------
    question_count : int
        The latest ones of the window.
    window_count : int
        Questions in the window.
    first_asked_at, last_asked_at : datetime
        Of the questions learned from; aware, UTC.
    tag_count : int
        Tags of the vocabulary that at least ``least_uses`` of these questions have.
    least_uses : int
        Uses in the window from which a tag is in the vocabulary.
    """

    question_count: int
    window_count: int
    first_asked_at: datetime
    last_asked_at: datetime
    tag_count: int
    least_uses: int

    @classmethod
    def of(cls, candidate: Candidate, data: TrainingData) -> Self:
        """Return what ``candidate.fit`` learns from, known before it starts."""
        window_count = len(data.questions)
        count = min(window_count, candidate.question_limit or window_count)
        uses = count_tags(data.questions.tags[-count:])
        return cls(
            question_count=count,
            window_count=window_count,
            first_asked_at=data.questions.asked_at[-count],
            last_asked_at=data.questions.asked_at[-1],
            tag_count=sum(uses[tag] >= data.least_uses for tag in data.vocabulary),
            least_uses=data.least_uses,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; times in ISO 8601."""
        return asdict(self) | {
            "first_asked_at": self.first_asked_at.isoformat(),
            "last_asked_at": self.last_asked_at.isoformat(),
        }

    def __str__(self) -> str:
        """Return one sentence for people."""
        part = (
            f"all {self.window_count:,}"
            if self.question_count == self.window_count
            else f"the latest {self.question_count:,} of {self.window_count:,}"
        )
        uses = "once" if self.least_uses == 1 else f"{self.least_uses} times"
        return (
            f"{part} questions, asked from {self.first_asked_at:%Y-%m-%d} to "
            f"{self.last_asked_at:%Y-%m-%d}, with {self.tag_count:,} tags used at least {uses}"
        )


def obstacle(candidate: Candidate, data: TrainingData, memory_mb: int) -> str | None:
    """
    Return why a candidate cannot learn from every question of a window; None if it can.

    Parameters
    ----------
    candidate : Candidate
    data : TrainingData
    memory_mb : int
        Budget of the machine's trainings in MiB.
    """
    count, limit = len(data.questions), candidate.question_limit
    if limit is not None and count > limit:
        return f"{candidate.name} learns from {limit:,} of {count:,} questions"
    needed = candidate.fit_memory_mb(count, len(data.vocabulary))
    if needed > memory_mb:
        return f"{candidate.name} needs {needed:,.0f} MB of {memory_mb:,} for {count:,} questions"
    return None


def check_memory(candidate: Candidate, data: TrainingData, memory_mb: int) -> None:
    """
    Refuse a training that the memory budget cannot hold, before it starts.

    Parameters
    ----------
    candidate : Candidate
    data : TrainingData
    memory_mb : int
        Budget of the machine's trainings in MiB; see `include.memory_budget`.

    Raises
    ------
    FixInputError
        Says how many questions the budget holds, and what to choose instead.
    """
    tag_count = len(data.vocabulary)
    needed = candidate.fit_memory_mb(len(data.questions), tag_count)
    if needed <= memory_mb:
        return
    limit = candidate.question_limit
    held = _largest_count(candidate, tag_count, memory_mb, limit or len(data.questions))
    instead = f"set max_questions to {held}" if limit and held else "train on fewer months"
    raise FixInputError(
        f"{candidate.name} needs about {needed:,.0f} MB for {len(data.questions):,} questions and "
        f"{tag_count:,} tags, the budget of trainings is {memory_mb:,} MB "
        f"(TRAINING_MEMORY_MB), which holds {held:,} questions: choose linear, which has no limit, "
        f"or {instead}, or raise min_tag_count"
    )


def _largest_count(candidate: Candidate, tag_count: int, memory_mb: int, limit: int) -> int:
    """Return the largest number of questions within the budget, by bisection; 0 if none is."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if candidate.fit_memory_mb(middle, tag_count) <= memory_mb:
            low = middle
        else:
            high = middle - 1
    return low
