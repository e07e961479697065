"""How events change a world: the subjects and their frequencies, month by month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from include.errors import FixInputError
from include.sandbox.events import Event
from include.sandbox.random_stream import RandomStream, cumulative_sums
from include.sandbox.world import Subject, World, invented_apis, invented_words

_REGIMES_STREAM: Final = 3
_RENAMED_WORDS: Final = 3  # every third word of a renamed technology is replaced, and all API names


@dataclass(frozen=True, slots=True)
class Regime:
    """
    The subjects and their frequencies in one month.

    Parameters
    ----------
    subjects : tuple of Subject, length n
    cumulative : tuple of float, length n
        Cumulative sums of the subjects' frequencies.
    partners : tuple of tuples of int, length n
        Indices of possible second subjects of a question; may be empty.
    """

    subjects: tuple[Subject, ...]
    cumulative: tuple[float, ...]
    partners: tuple[tuple[int, ...], ...]


def regimes_by_month(
    world: World, events: Sequence[Event], months: Sequence[str], seed: int
) -> tuple[dict[str, Regime], tuple[Event, ...]]:
    """
    Return each month's regime, and the events in order of time with their tags and words.

    Raises
    ------
    FixInputError
        If an event lies outside the months, or together they affect more than 90 % of questions.
    """
    ordered = sorted(events, key=lambda event: event.month)
    _check(ordered, months)
    state = _WorldState(world, ordered, RandomStream(seed, _REGIMES_STREAM))
    regimes: dict[str, Regime] = {}
    for month in months:
        for index, event in enumerate(ordered):
            if event.month == month:
                state.apply(index)
        regimes[month] = state.regime()
    return regimes, tuple(state.events)


def _check(events: Sequence[Event], months: Sequence[str]) -> None:
    for event in events:
        if event.month not in months:
            raise FixInputError(
                f"event {event.kind} in {event.month} lies outside {months[0]} .. {months[-1]}"
            )
    total = sum(event.share for event in events)
    if total > 0.9:
        raise FixInputError(f"the events affect {total:.0%} of questions; the limit is 90%")


class _WorldState:
    """The current state of the world, changed by the events in order."""

    def __init__(self, world: World, events: Sequence[Event], rng: RandomStream) -> None:
        self._world = world
        self._rng = rng
        self._subjects = list(world.subjects)
        self._weights = list(world.weights)
        self._affected: list[list[int]] = []  # subjects of each event
        self.events = list(events)
        self._assign_subjects()
        self._set_shares()

    def _assign_subjects(self) -> None:
        """Assign subjects to every event, of different technologies as far as possible."""
        free = {
            t: self._rng.shuffled(
                [i for i, s in enumerate(self._subjects) if s.technology == t and len(s.tags) > 1]
            )
            for t in self._rng.shuffled(range(len(self._world.technologies)))
        }
        pending = list(free)
        for event in self.events:
            if event.kind == "api_renamed":
                technology = max(pending, key=lambda t: len(free[t]), default=-1)
            else:
                technology = next((t for t in pending if free[t]), -1)
            if technology < 0 or not free[technology]:
                raise FixInputError(f"too many events: no subject is left for {event.kind}")
            pending.remove(technology)
            pending.append(technology)
            self._affected.append(self._take_subjects(event, technology, free))

    def _take_subjects(
        self, event: Event, technology: int, free: dict[int, list[int]]
    ) -> list[int]:
        if event.kind == "api_renamed":
            free[technology].clear()
            taken = {index for affected in self._affected for index in affected}
            return [
                i
                for i, s in enumerate(self._subjects)
                if s.technology == technology and i not in taken
            ]
        if event.kind == "tag_born":
            self._subjects.append(self._new_subject(technology))
            self._weights.append(0.0)
            return [len(self._subjects) - 1]
        return [free[technology].pop()]

    def _new_subject(self, technology: int) -> Subject:
        tag, *words = invented_words(9, self._rng)
        return Subject(
            technology,
            (self._world.technologies[technology].tag, tag),
            (tag, *words),
            invented_apis(6, self._rng),
        )

    def _set_shares(self) -> None:
        """Scale the weights so that each event affects its share of questions."""
        present = [
            (event, affected)
            for event, affected in zip(self.events, self._affected, strict=True)
            if event.kind != "tag_born"
        ]
        affected_indices = {index for _, affected in present for index in affected}
        rest = 1.0 - sum(event.share for event, _ in present)
        others = sum(w for i, w in enumerate(self._weights) if i not in affected_indices)
        self._weights = [
            0.0 if i in affected_indices else weight * rest / others
            for i, weight in enumerate(self._weights)
        ]
        for event, affected in present:
            weights = [self._world.weights[i] for i in affected]
            for index, weight in zip(affected, weights, strict=True):
                self._weights[index] = event.share * weight / sum(weights)

    def apply(self, index: int) -> None:
        """Apply the event at ``index`` and fill in its tags and words."""
        event, affected = self.events[index], self._affected[index]
        change = {
            "tag_born": self._add_tag,
            "tag_dies": self._remove_tag,
            "api_renamed": self._rename_api,
            "concept_change": self._change_tags,
        }[event.kind]
        self.events[index] = change(event, affected)

    def _add_tag(self, event: Event, affected: list[int]) -> Event:
        new_subject = self._subjects[affected[0]]
        self._weights = [weight * (1.0 - event.share) for weight in self._weights]
        self._weights[affected[0]] = event.share
        new_words = new_subject.words + new_subject.apis
        return replace(event, tags=new_subject.tags[1:], new_words=new_words)

    def _remove_tag(self, event: Event, affected: list[int]) -> Event:
        removed = self._subjects[affected[0]]
        self._weights[affected[0]] = 0.0
        total = sum(self._weights)
        self._weights = [weight / total for weight in self._weights]
        return replace(event, tags=removed.tags[1:], words=removed.words + removed.apis)

    def _rename_api(self, event: Event, affected: list[int]) -> Event:
        tags: dict[str, None] = {}
        removed: list[str] = []
        added: list[str] = []
        for index in affected:
            old = self._subjects[index]
            apis = invented_apis(len(old.apis), self._rng)
            new_words = invented_words(len(old.words), self._rng)
            words = tuple(
                new if i % _RENAMED_WORDS == 0 else word
                for i, (word, new) in enumerate(zip(old.words, new_words, strict=True))
            )
            self._subjects[index] = replace(old, words=words, apis=apis)
            tags.update(dict.fromkeys(old.tags))
            removed += [*(w for w in old.words if w not in words), *old.apis]
            added += [*(w for w in words if w not in old.words), *apis]
        return replace(
            event,
            tags=tuple(tags),
            words=tuple(dict.fromkeys(removed)),
            new_words=tuple(dict.fromkeys(added)),
        )

    def _change_tags(self, event: Event, affected: list[int]) -> Event:
        """Give the questions of one subject existing tags of another technology."""
        old = self._subjects[affected[0]]
        taken = {index for indices in self._affected for index in indices}
        choices = [
            subject.tags
            for i, subject in enumerate(self._subjects)
            if i not in taken and subject.technology != old.technology and len(subject.tags) > 1
        ]
        if not choices:
            raise FixInputError("too many events: no tag is left for concept_change")
        new = self._rng.choice(choices)
        self._subjects[affected[0]] = replace(old, tags=new)
        return replace(event, tags=old.tags, new_tags=new)

    def regime(self) -> Regime:
        """Return the current regime."""
        taken = {index for indices in self._affected for index in indices}
        alone = {
            indices[0]
            for event, indices in zip(self.events, self._affected, strict=True)
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
        return Regime(tuple(self._subjects), cumulative_sums(self._weights), partners)
