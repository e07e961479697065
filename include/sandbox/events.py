"""The drift events of a simulation: what changes, when, and for what share of questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from include.errors import FixInputError
from include.months import add_months, check_month
from include.sandbox.random_stream import RandomStream

EventKind = Literal["tag_born", "tag_dies", "api_renamed", "concept_change"]
KINDS: Final[tuple[EventKind, ...]] = get_args(EventKind)
QUIET_FIRST_MONTHS: Final = 12  # no default event before this many months
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
    One permanent change, from the start of ``month``.

    Requested by the first three fields; the simulation returns it with all fields.

    Parameters
    ----------
    month : str
        ``YYYY-MM``.
    kind : {"tag_born", "tag_dies", "api_renamed", "concept_change"}
        ``tag_born``: questions about a new subject, with a new tag and new words.
        ``tag_dies``: no more questions about a subject.
        ``api_renamed``: a technology's API names and some of its words are replaced; the tags stay
        (covariate shift).
        ``concept_change``: the same questions get other tags; the words stay (concept drift).
    share : float
        Expected share of a month's questions that it affects, in (0, 0.5]: from the month on, or
        before it for ``tag_dies``.
    tags : tuple of str
        Tags that are new, that end, whose words change, or that are replaced.
    new_tags : tuple of str
        For ``concept_change``: existing tags that are used instead.
    words, new_words : tuple of str
        Words and API names that these questions no longer use, and that they use instead; other
        questions may still use a common word.
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
    Return the default events of a simulation: each kind once, up to six if it is long.

    They are spread over the months after the first twelve, at most one a month, in an order and
    in months that depend on ``seed``; several of those months have none.
    """
    months_left = months - QUIET_FIRST_MONTHS
    if months_left < 1:
        return ()
    rng = RandomStream(seed, _EVENTS_STREAM)
    count = min(months_left, max(len(KINDS), months_left // 4), _MOST_EVENTS)
    kinds = rng.shuffled(KINDS)
    events = []
    for i in range(count):
        first, following = i * months_left // count, (i + 1) * months_left // count
        kind = kinds[i % len(kinds)]
        month = add_months(first_month, QUIET_FIRST_MONTHS + first + rng.integer(following - first))
        events.append(Event(month, kind, DEFAULT_SHARES[kind]))
    return tuple(events)


def demo_events(first_month: str, months: int) -> tuple[Event, ...]:
    """
    Return the events of the site of `make up` and `make demo`, those within its months.

    There are two that degrade a model, far apart: in the tenth month, the questions of one subject
    get other tags; in the seventeenth, questions about a new subject begin.
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
