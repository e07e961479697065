"""
Questions of a site that does not exist, with drift that is known.

Everything depends on the seed and the arguments alone. A longer simulation without events begins
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
from include.questions import Question
from include.sandbox.draws import Draws, cumulated
from include.sandbox.events import Event, default_events
from include.sandbox.regimes import Regime, make_regimes
from include.sandbox.wording import Theme, Writer
from include.sandbox.world import CrossTag, World, make_world

SITE: Final = "sandbox"
DEFAULT_SEED: Final = 20240229
DEFAULT_FIRST_MONTH: Final = "2023-01"
DEFAULT_MONTHS: Final = 20
DEFAULT_QUESTIONS_PER_MONTH: Final = 250
LICENCE: Final = "CC BY-SA 4.0"

_MAX_MONTHS: Final = 120
_MAX_TAGS: Final = 5  # the site's own rule
_VOLUME_STREAM: Final = 4
_MONTH_STREAM: Final = 5

# How people tag: chances per question, chosen so that a linear model lands well inside 0.5 .. 0.9.
_VAGUE: Final = 0.06
_SECOND_SUBJECT: Final = 0.75
_CROSS_TAG: Final = 0.6
_CROSS_TAG_USED: Final = 0.9
_RARE_TAG: Final = 0.10
_TECHNOLOGY_TAG_MISSING: Final = 0.08
_TAG_FORGOTTEN: Final = 0.05
_WRONG_TAG: Final = 0.04


@dataclass(frozen=True, slots=True)
class Simulation:
    """
    What a simulation yields.

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
        """The months in which nothing changes."""
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
        >= 0. Chooses technologies, words, invented names, volumes and, unless told, the events.
    first_month : str
        ``YYYY-MM``.
    months : int
        1 .. 120.
    questions_per_month : int
        Mean volume, >= 1; months vary by season and by chance.
    events : sequence of Event or None
        What changes and when; None takes ``default_events``, ``()`` gives a quiet simulation.
    site : str
        The site's name in every question.

    Raises
    ------
    FixInputError
        If a number is out of range or an event does not fit.
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
    regimes, filled = make_regimes(world, events, names, seed)
    volumes = _volumes(seed, names, questions_per_month)
    questions: list[Question] = []
    for index, (month, volume) in enumerate(zip(names, volumes, strict=True)):
        draws = Draws(seed, _MONTH_STREAM, index)
        asker = _Asker(world, regimes[month], draws, site)
        for moment in _moments(month, volume, draws):
            last = questions[-1].question_id if questions else 1000
            questions.append(asker.ask(last + 1 + draws.below(6), moment))
    return Simulation(tuple(questions), filled, names)


def _volumes(seed: int, months: Sequence[str], mean: int) -> list[int]:
    """Return each month's number of questions: a yearly season times chance, at least one."""
    draws = Draws(seed, _VOLUME_STREAM)
    depth, peak = 0.08 + 0.12 * draws.unit(), 12 * draws.unit()
    volumes = []
    for month in months:
        season = 1 + depth * math.cos(2 * math.pi * (int(month[5:]) - peak) / 12)
        noise = float(draws.generator.lognormal(0.0, 0.07))
        volumes.append(max(1, round(mean * season * noise)))
    return volumes


def _moments(month: str, count: int, draws: Draws) -> list[datetime]:
    """Return ``count`` moments of ``month`` in order: fewer at weekends and at night (UTC)."""
    start, end = month_range(month)
    days = [start + timedelta(days=day) for day in range((end - start).days)]
    shares = np.array([0.55 if day.weekday() >= 5 else 1.0 for day in days])
    chosen = draws.generator.choice(len(days), size=count, p=shares / shares.sum())
    seconds = draws.generator.normal(14 * 3600, 5 * 3600, size=count) % 86_400
    offsets = np.sort(chosen * 86_400 + seconds.astype(np.int64))
    return [start + timedelta(seconds=int(offset)) for offset in offsets]


class _Asker:
    """Asks the questions of one month."""

    def __init__(self, world: World, regime: Regime, draws: Draws, site: str) -> None:
        self._world = world
        self._regime = regime
        self._draws = draws
        self._site = site
        # Popular cross tags first, as everything else on such a site is uneven.
        self._cross = cumulated([1 / (rank + 2) for rank in range(len(world.cross_tags))])

    def ask(self, question_id: int, moment: datetime) -> Question:
        """Return one question: choose subject and tags, write the text, forget some tags."""
        draws = self._draws
        index = draws.weighted(self._regime.cumulative)
        second = self._second(index)
        cross = self._cross_tag()
        writer = Writer(self._theme(index, second, cross), draws)
        title = writer.title()
        return Question(
            site=self._site,
            question_id=question_id,
            asked_at=moment.astimezone(UTC),
            title=title,
            body_html=writer.body(),
            tags=self._tags(index, second, cross),
            score=int(draws.unit() ** 4 * 30) - 1,
            view_count=20 + int(draws.unit() ** 3 * 4000),
            answer_count=draws.below(4),
            link=f"https://{self._site}.example/questions/{question_id}",
            author=f"user{1000 + draws.below(9000)}",
            licence=LICENCE,
        )

    def _second(self, index: int) -> int | None:
        partners = self._regime.partners[index]
        if not partners or not self._draws.chance(_SECOND_SUBJECT):
            return None
        return self._draws.pick_early(partners)

    def _cross_tag(self) -> CrossTag | None:
        if not self._draws.chance(_CROSS_TAG):
            return None
        return self._world.cross_tags[self._draws.weighted(self._cross)]

    def _theme(self, index: int, second: int | None, cross: CrossTag | None) -> Theme:
        regime, draws = self._regime, self._draws
        subject = regime.subjects[index]
        aside: tuple[str, ...] = ()
        if second is not None:
            aside += regime.subjects[second].words[:6] + regime.subjects[second].apis[:3]
        if cross is not None:
            aside += cross.words
        return Theme(
            technology=self._world.technologies[subject.technology],
            subject=subject,
            aside=aside,
            stray=regime.subjects[draws.weighted(regime.cumulative)].words,
            vague=draws.chance(_VAGUE),
        )

    def _tags(self, index: int, second: int | None, cross: CrossTag | None) -> tuple[str, ...]:
        """Return 1 to 5 tags: what fits, less what was forgotten, and now and then a wrong one."""
        draws, regime = self._draws, self._regime
        subject = regime.subjects[index]
        tags = dict.fromkeys(subject.tags)
        if second is not None:
            tags[regime.subjects[second].tags[-1]] = None
        if cross is not None and draws.chance(_CROSS_TAG_USED):
            tags[cross.tag] = None
        if draws.chance(_RARE_TAG):
            tags[draws.pick_early(self._world.technologies[subject.technology].rare_tags)] = None
        if len(tags) > 1 and draws.chance(_TECHNOLOGY_TAG_MISSING):
            del tags[subject.tags[0]]
        kept = [tag for tag in tags if not draws.chance(_TAG_FORGOTTEN)] or list(tags)[:1]
        if draws.chance(_WRONG_TAG):
            wrong = regime.subjects[draws.weighted(regime.cumulative)].tags[-1]
            kept = [*kept, wrong] if wrong not in kept else kept
        return tuple(kept[:_MAX_TAGS])
