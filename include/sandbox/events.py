"""The events of a simulation: what changed, when, and for how many questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from include.errors import FixInputError
from include.months import add_months, check_month
from include.sandbox.draws import Draws

EventKind = Literal["tag_born", "tag_dies", "api_renamed", "concept_change"]
KINDS: Final[tuple[EventKind, ...]] = get_args(EventKind)
QUIET_MONTHS: Final = 12  # no default event before this many months
DEFAULT_SHARES: Final[dict[EventKind, float]] = {
    "tag_born": 0.12,
    "tag_dies": 0.08,
    "api_renamed": 0.15,
    "concept_change": 0.12,
}
_MOST_EVENTS: Final = 6  # more would touch nearly every question
_EVENTS_STREAM: Final = 2


@dataclass(frozen=True, slots=True)
class Event:
    """
    One lasting change, from the first instant of ``month`` on.

    Asked for with the first three fields; the simulation returns it with the others filled in.

    Parameters
    ----------
    month : str
        ``YYYY-MM``.
    kind : {"tag_born", "tag_dies", "api_renamed", "concept_change"}
        ``tag_born``: questions about something new, with a new tag and new words.
        ``tag_dies``: a subject is not asked about any more.
        ``api_renamed``: a technology's API names and some of its words are replaced, same tags.
        ``concept_change``: the same questions get other tags, same words.
    share : float
        Expected share of a month's questions that it touches, in (0, 0.5]: after the month, or
        before it for ``tag_dies``.
    tags : tuple of str
        Tags that are born, die, whose words change, or that are given up.
    new_tags : tuple of str
        For ``concept_change``: existing tags that are used instead.
    words, new_words : tuple of str
        Words and API names that these questions no longer use, and that they use from now on;
        other questions may go on using an everyday word.
    """

    month: str
    kind: EventKind
    share: float = 0.1
    tags: tuple[str, ...] = ()
    new_tags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    new_words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_month(self.month)
        if self.kind not in KINDS:
            raise FixInputError(f"kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        if not 0 < self.share <= 0.5:
            raise FixInputError(f"share must be in (0, 0.5], got {self.share}")


def default_events(seed: int, first_month: str, months: int) -> tuple[Event, ...]:
    """
    Return the events of a simulation that was not told which: each kind once, six if it is long.

    They are spread over the months after the first twelve, at most one a month, in an order and
    in months that depend on ``seed``; several of those months hold none.
    """
    room = months - QUIET_MONTHS
    if room < 1:
        return ()
    draws = Draws(seed, _EVENTS_STREAM)
    count = min(room, max(len(KINDS), room // 4), _MOST_EVENTS)
    kinds = draws.shuffled(KINDS)
    events = []
    for i in range(count):
        first, following = i * room // count, (i + 1) * room // count
        kind = kinds[i % len(kinds)]
        month = add_months(first_month, QUIET_MONTHS + first + draws.below(following - first))
        events.append(Event(month, kind, DEFAULT_SHARES[kind]))
    return tuple(events)


def story_events(first_month: str, months: int) -> tuple[Event, ...]:
    """
    Return the events of the site that `make up` and `make demo` show, those within its months.

    Two that cost a model something, far apart: questions of one subject come to be tagged otherwise
    in the tenth month, and people begin to ask about something new in the seventeenth.
    """
    events = (
        Event(add_months(first_month, 9), "concept_change", 0.2),
        Event(add_months(first_month, 16), "tag_born", 0.2),
    )
    return tuple(event for event in events if event.month < add_months(first_month, months))


def write_events(events: Sequence[Event], path: Path) -> None:
    """Write ``events`` to ``path`` as a JSON list of objects with the fields of Event."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(event) for event in events], indent=2) + "\n", "utf-8")


def read_events(path: Path) -> tuple[Event, ...]:
    """Read what ``write_events`` wrote."""
    return tuple(
        Event(
            month=row["month"],
            kind=row["kind"],
            share=row["share"],
            tags=tuple(row["tags"]),
            new_tags=tuple(row["new_tags"]),
            words=tuple(row["words"]),
            new_words=tuple(row["new_words"]),
        )
        for row in json.loads(path.read_text("utf-8"))
    )
