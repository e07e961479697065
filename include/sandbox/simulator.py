"""
Simulated questions of a site that does not exist, with known drift.

The result depends only on the seed and the arguments. A longer simulation without events starts
with the shorter one of the same seed, and volumes do not depend on the events.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from include.errors import FixInputError
from include.months import add_months, month_range, months_between
from include.questions import MAX_TAGS, Question
from include.sandbox.events import Event, default_events
from include.sandbox.question_writer import QuestionTopic, QuestionWriter
from include.sandbox.random_stream import RandomStream, cumulative_sums
from include.sandbox.regimes import Regime, regimes_by_month
from include.sandbox.world import CrossTag, World, make_world

SITE: Final = "sandbox"
DEFAULT_SEED: Final = 20240229
DEFAULT_FIRST_MONTH: Final = "2023-01"
DEFAULT_MONTHS: Final = 20
DEFAULT_QUESTIONS_PER_MONTH: Final = 250
LICENCE: Final = "CC BY-SA 4.0"

_MAX_MONTHS: Final = 120
_VOLUME_STREAM: Final = 4
_MONTH_STREAM: Final = 5

# Shares of questions, set so that a linear model's F1@5 lies well inside 0.5 .. 0.9.
_VAGUE_SHARE: Final = 0.06
_SECOND_SUBJECT_SHARE: Final = 0.75
_CROSS_TAG_SHARE: Final = 0.6
_CROSS_TAG_USED_SHARE: Final = 0.9
_RARE_TAG_SHARE: Final = 0.10
_TECHNOLOGY_TAG_MISSING_SHARE: Final = 0.08
_TAG_FORGOTTEN_SHARE: Final = 0.05
_WRONG_TAG_SHARE: Final = 0.04


@dataclass(frozen=True, slots=True)
class Simulation:
    """
    The result of a simulation.

    Parameters
    ----------
    questions : tuple of Question
        Oldest first, ids ascending.
    events : tuple of Event
        In order of time, each with its tags and words.
    months : tuple of str
        Every simulated month, ``YYYY-MM``.
    """

    questions: tuple[Question, ...]
    events: tuple[Event, ...]
    months: tuple[str, ...]

    @property
    def quiet_months(self) -> tuple[str, ...]:
        """The months without an event."""
        changed = {event.month for event in self.events}
        return tuple(month for month in self.months if month not in changed)


def simulate(
    seed: int = DEFAULT_SEED,
    first_month: str = DEFAULT_FIRST_MONTH,
    months: int = DEFAULT_MONTHS,
    questions_per_month: int = DEFAULT_QUESTIONS_PER_MONTH,
    events: Sequence[Event] | None = None,
    site: str = SITE,
) -> Simulation:
    """
    Return the questions of ``months`` months and the events among them.

    Parameters
    ----------
    seed : int
        >= 0. Determines technologies, words, invented names, volumes and default events.
    first_month : str
        ``YYYY-MM``.
    months : int
        1 .. 120.
    questions_per_month : int
        Mean volume, >= 1; months vary by season and at random.
    events : sequence of Event or None
        The drift events; None takes ``default_events``, ``()`` gives a stationary simulation.
    site : str
        Name of the site in every question.

    Raises
    ------
    FixInputError
        If a number is out of range or an event is impossible.
    """
    if seed < 0 or not 1 <= months <= _MAX_MONTHS or questions_per_month < 1:
        raise FixInputError(
            f"seed must be >= 0, months 1..{_MAX_MONTHS}, questions_per_month >= 1; "
            f"got {seed}, {months}, {questions_per_month}"
        )
    if events is None:
        events = default_events(seed, first_month, months)
    names = months_between(first_month, add_months(first_month, months - 1))
    world = make_world(seed)
    regimes, filled = regimes_by_month(world, events, names, seed)
    volumes = monthly_volumes(seed, names, questions_per_month)
    questions: list[Question] = []
    for index, (month, volume) in enumerate(zip(names, volumes, strict=True)):
        rng = RandomStream(seed, _MONTH_STREAM, index)
        generator = _QuestionGenerator(world, regimes[month], rng, site)
        for moment in asking_times(month, volume, rng):
            last = questions[-1].question_id if questions else 1000
            questions.append(generator.generate(last + 1 + rng.integer(6), moment))
    return Simulation(tuple(questions), filled, names)


def monthly_volumes(seed: int, months: Sequence[str], mean: int) -> list[int]:
    """Return each month's number of questions: yearly season times random noise, at least one."""
    rng = RandomStream(seed, _VOLUME_STREAM)
    depth, peak = 0.08 + 0.12 * rng.uniform(), 12 * rng.uniform()
    volumes = []
    for month in months:
        season = 1 + depth * math.cos(2 * math.pi * (int(month[5:]) - peak) / 12)
        noise = float(rng.generator.lognormal(0.0, 0.07))
        volumes.append(max(1, round(mean * season * noise)))
    return volumes


def asking_times(month: str, count: int, rng: RandomStream) -> list[datetime]:
    """Return ``count`` times in ``month``, ascending: fewer at weekends and at night (UTC)."""
    start, end = month_range(month)
    days = [start + timedelta(days=day) for day in range((end - start).days)]
    shares = np.array([0.55 if day.weekday() >= 5 else 1.0 for day in days])
    selected = rng.generator.choice(len(days), size=count, p=shares / shares.sum())
    seconds = rng.generator.normal(14 * 3600, 5 * 3600, size=count) % 86_400
    offsets = np.sort(selected * 86_400 + seconds.astype(np.int64))
    return [start + timedelta(seconds=int(offset)) for offset in offsets]


class _QuestionGenerator:
    """Generates the questions of one month."""

    def __init__(self, world: World, regime: Regime, rng: RandomStream, site: str) -> None:
        self._world = world
        self._regime = regime
        self._rng = rng
        self._site = site
        # The first cross tags are the most popular, as frequencies on such a site are uneven.
        self._cross = cumulative_sums([1 / (rank + 2) for rank in range(len(world.cross_tags))])

    def generate(self, question_id: int, moment: datetime) -> Question:
        """Return one question: choose subject and tags, write the text, omit some tags."""
        rng = self._rng
        index = rng.weighted_index(self._regime.cumulative)
        second = self._second(index)
        cross = self._cross_tag()
        writer = QuestionWriter(self._topic(index, second, cross), rng)
        title = writer.title()
        return Question(
            site=self._site,
            question_id=question_id,
            asked_at=moment.astimezone(UTC),
            title=title,
            body_html=writer.body(),
            tags=self._tags(index, second, cross),
            score=int(rng.uniform() ** 4 * 30) - 1,
            view_count=20 + int(rng.uniform() ** 3 * 4000),
            answer_count=rng.integer(4),
            link=f"https://{self._site}.example/questions/{question_id}",
            author=f"user{1000 + rng.integer(9000)}",
            licence=LICENCE,
        )

    def _second(self, index: int) -> int | None:
        partners = self._regime.partners[index]
        if not partners or not self._rng.bernoulli(_SECOND_SUBJECT_SHARE):
            return None
        return self._rng.skewed_choice(partners)

    def _cross_tag(self) -> CrossTag | None:
        if not self._rng.bernoulli(_CROSS_TAG_SHARE):
            return None
        return self._world.cross_tags[self._rng.weighted_index(self._cross)]

    def _topic(self, index: int, second: int | None, cross: CrossTag | None) -> QuestionTopic:
        regime, rng = self._regime, self._rng
        subject = regime.subjects[index]
        secondary_words: tuple[str, ...] = ()
        if second is not None:
            secondary_words += regime.subjects[second].words[:6] + regime.subjects[second].apis[:3]
        if cross is not None:
            secondary_words += cross.words
        return QuestionTopic(
            technology=self._world.technologies[subject.technology],
            subject=subject,
            secondary_words=secondary_words,
            unrelated_words=regime.subjects[rng.weighted_index(regime.cumulative)].words,
            vague=rng.bernoulli(_VAGUE_SHARE),
        )

    def _tags(self, index: int, second: int | None, cross: CrossTag | None) -> tuple[str, ...]:
        """Return 1 to 5 tags: the fitting ones, minus forgotten ones, rarely with a wrong one."""
        rng, regime = self._rng, self._regime
        subject = regime.subjects[index]
        tags = dict.fromkeys(subject.tags)
        if second is not None:
            tags[regime.subjects[second].tags[-1]] = None
        if cross is not None and rng.bernoulli(_CROSS_TAG_USED_SHARE):
            tags[cross.tag] = None
        if rng.bernoulli(_RARE_TAG_SHARE):
            tags[rng.skewed_choice(self._world.technologies[subject.technology].rare_tags)] = None
        if len(tags) > 1 and rng.bernoulli(_TECHNOLOGY_TAG_MISSING_SHARE):
            del tags[subject.tags[0]]
        kept = [tag for tag in tags if not rng.bernoulli(_TAG_FORGOTTEN_SHARE)] or list(tags)[:1]
        if rng.bernoulli(_WRONG_TAG_SHARE):
            wrong = regime.subjects[rng.weighted_index(regime.cumulative)].tags[-1]
            kept = [*kept, wrong] if wrong not in kept else kept
        return tuple(kept[:MAX_TAGS])
