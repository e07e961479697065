"""How a world changes at its events: the subjects and their frequencies, month by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from include.errors import FixInputError
from include.sandbox.draws import Draws, cumulated
from include.sandbox.events import Event
from include.sandbox.world import Subject, World, invented_apis, invented_words

_REGIMES_STREAM: Final = 3
_RENAMED_WORDS: Final = 3  # every third word of a renamed technology is replaced, all API names


@dataclass(frozen=True, slots=True)
class Regime:
    """
    What holds in one month.

    Parameters
    ----------
    subjects : tuple of Subject, length n
    cumulative : tuple of float, length n
        Running sums of the subjects' frequencies.
    partners : tuple of tuples of int, length n
        Subjects that may be a question's second subject; empty where there are none.
    """

    subjects: tuple[Subject, ...]
    cumulative: tuple[float, ...]
    partners: tuple[tuple[int, ...], ...]


def make_regimes(
    world: World, events: Sequence[Event], months: Sequence[str], seed: int
) -> tuple[dict[str, Regime], tuple[Event, ...]]:
    """
    Return each month's regime, and the events in order of time with their tags and words.

    Raises
    ------
    FixInputError
        If an event lies outside the months, or together they touch more than 90 % of questions.
    """
    ordered = sorted(events, key=lambda event: event.month)
    _check(ordered, months)
    history = _History(world, ordered, Draws(seed, _REGIMES_STREAM))
    regimes: dict[str, Regime] = {}
    for month in months:
        for index, event in enumerate(ordered):
            if event.month == month:
                history.happen(index)
        regimes[month] = history.regime()
    return regimes, tuple(history.events)


def _check(events: Sequence[Event], months: Sequence[str]) -> None:
    for event in events:
        if event.month not in months:
            raise FixInputError(
                f"event {event.kind} in {event.month} lies outside {months[0]} .. {months[-1]}"
            )
    touched = sum(event.share for event in events)
    if touched > 0.9:
        raise FixInputError(f"the events touch {touched:.0%} of the questions; 90% is the most")


class _History:
    """The world as it stands, changed by one event after the other."""

    def __init__(self, world: World, events: Sequence[Event], draws: Draws) -> None:
        self._world = world
        self._draws = draws
        self._subjects = list(world.subjects)
        self._weights = list(world.weights)
        self._concerned: list[list[int]] = []  # subjects of each event
        self.events = list(events)
        self._choose_subjects()
        self._give_shares()

    def _choose_subjects(self) -> None:
        """Give every event subjects of its own, in different technologies while they last."""
        free = {
            t: self._draws.shuffled(
                [i for i, s in enumerate(self._subjects) if s.technology == t and len(s.tags) > 1]
            )
            for t in self._draws.shuffled(range(len(self._world.technologies)))
        }
        waiting = list(free)
        for event in self.events:
            if event.kind == "api_renamed":
                technology = max(waiting, key=lambda t: len(free[t]), default=-1)
            else:
                technology = next((t for t in waiting if free[t]), -1)
            if technology < 0 or not free[technology]:
                raise FixInputError(f"too many events: no subject is left for {event.kind}")
            waiting.remove(technology)
            waiting.append(technology)
            self._concerned.append(self._take(event, technology, free))

    def _take(self, event: Event, technology: int, free: dict[int, list[int]]) -> list[int]:
        if event.kind == "api_renamed":
            free[technology].clear()
            taken = {index for concerned in self._concerned for index in concerned}
            return [
                i
                for i, s in enumerate(self._subjects)
                if s.technology == technology and i not in taken
            ]
        if event.kind == "tag_born":
            self._subjects.append(self._newborn(technology))
            self._weights.append(0.0)
            return [len(self._subjects) - 1]
        return [free[technology].pop()]

    def _newborn(self, technology: int) -> Subject:
        tag, *words = invented_words(9, self._draws)
        return Subject(
            technology,
            (self._world.technologies[technology].tag, tag),
            (tag, *words),
            invented_apis(6, self._draws),
        )

    def _give_shares(self) -> None:
        """Scale the weights so that each event touches the share of questions it was asked for."""
        present = [
            (event, concerned)
            for event, concerned in zip(self.events, self._concerned, strict=True)
            if event.kind != "tag_born"
        ]
        touched = {index for _, concerned in present for index in concerned}
        rest = 1.0 - sum(event.share for event, _ in present)
        others = sum(w for i, w in enumerate(self._weights) if i not in touched)
        self._weights = [
            0.0 if i in touched else weight * rest / others
            for i, weight in enumerate(self._weights)
        ]
        for event, concerned in present:
            usual = [self._world.weights[i] for i in concerned]
            for index, weight in zip(concerned, usual, strict=True):
                self._weights[index] = event.share * weight / sum(usual)

    def happen(self, index: int) -> None:
        """Change the world by the event at ``index`` and fill in what it did."""
        event, concerned = self.events[index], self._concerned[index]
        change = {
            "tag_born": self._bear,
            "tag_dies": self._die,
            "api_renamed": self._rename,
            "concept_change": self._retag,
        }[event.kind]
        self.events[index] = change(event, concerned)

    def _bear(self, event: Event, concerned: list[int]) -> Event:
        newborn = self._subjects[concerned[0]]
        self._weights = [weight * (1.0 - event.share) for weight in self._weights]
        self._weights[concerned[0]] = event.share
        return replace(event, tags=newborn.tags[1:], new_words=newborn.words + newborn.apis)

    def _die(self, event: Event, concerned: list[int]) -> Event:
        gone = self._subjects[concerned[0]]
        self._weights[concerned[0]] = 0.0
        total = sum(self._weights)
        self._weights = [weight / total for weight in self._weights]
        return replace(event, tags=gone.tags[1:], words=gone.words + gone.apis)

    def _rename(self, event: Event, concerned: list[int]) -> Event:
        tags: dict[str, None] = {}
        gone: list[str] = []
        come: list[str] = []
        for index in concerned:
            old = self._subjects[index]
            apis = invented_apis(len(old.apis), self._draws)
            new_words = invented_words(len(old.words), self._draws)
            words = tuple(
                new if i % _RENAMED_WORDS == 0 else word
                for i, (word, new) in enumerate(zip(old.words, new_words, strict=True))
            )
            self._subjects[index] = replace(old, words=words, apis=apis)
            tags.update(dict.fromkeys(old.tags))
            gone += [*(w for w in old.words if w not in words), *old.apis]
            come += [*(w for w in words if w not in old.words), *apis]
        return replace(
            event,
            tags=tuple(tags),
            words=tuple(dict.fromkeys(gone)),
            new_words=tuple(dict.fromkeys(come)),
        )

    def _retag(self, event: Event, concerned: list[int]) -> Event:
        """Questions of one subject get tags of another technology, which were in use before."""
        old = self._subjects[concerned[0]]
        taken = {index for indices in self._concerned for index in indices}
        choices = [
            subject.tags
            for i, subject in enumerate(self._subjects)
            if i not in taken and subject.technology != old.technology and len(subject.tags) > 1
        ]
        if not choices:
            raise FixInputError("too many events: no tag is left for concept_change")
        new = self._draws.pick(choices)
        self._subjects[concerned[0]] = replace(old, tags=new)
        return replace(event, tags=old.tags, new_tags=new)

    def regime(self) -> Regime:
        """Return what holds now."""
        taken = {index for indices in self._concerned for index in indices}
        alone = {
            indices[0]
            for event, indices in zip(self.events, self._concerned, strict=True)
            if event.kind != "api_renamed"
        }
        partners = tuple(
            ()
            if i in alone
            else tuple(
                j
                for j, other in enumerate(self._subjects)
                if j != i
                and other.technology == subject.technology
                and len(other.tags) > 1
                and j not in alone
                and (j in taken) == (i in taken)
            )
            for i, subject in enumerate(self._subjects)
        )
        return Regime(tuple(self._subjects), cumulated(self._weights), partners)
