"""What the service was asked and answered lately, as the drift signals see it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from include.candidates.base import Suggestion
from include.drift.calibration import LARGEST_SAMPLE
from include.drift.samples import Observed
from include.jobs.data.observations import observe
from include.jobs.drift.models import Live
from include.jobs.drift.reference_data import References
from include.store.drift_references import Answered, answered_between
from include.text.prepare import prepare

LONGEST_WINDOW: Final = timedelta(hours=24)
ENOUGH_ANSWERED: Final = 200


def asked_lately(
    engine: Engine, site: str, version: str, start: datetime, end: datetime
) -> list[Answered]:
    """
    Return the distinct questions that a version answered in [start, end), aware.

    Where they are fewer than ``ENOUGH_ANSWERED``, the latest so many of the day up to ``end``; of a
    busy hour, the latest ``LARGEST_SAMPLE``.
    """
    with engine.connect() as connection:
        answered = answered_between(connection, site, version, start, end)
        if len(answered) < ENOUGH_ANSWERED:
            earliest = min(start, end - LONGEST_WINDOW)
            longer = answered_between(connection, site, version, earliest, end)
            answered = longer[-max(ENOUGH_ANSWERED, len(answered)) :]
    return answered[-LARGEST_SAMPLE:]


def observe_asked(answered: Sequence[Answered], references: References, live: Live) -> Observed:
    """Describe what was asked and answered; true tags are not known yet."""
    texts = tuple(prepare(row.title, row.body) for row in answered)
    return observe(
        texts,
        [row.asked_at for row in answered],
        ranked=[[Suggestion(*pair) for pair in row.suggested] for row in answered],
        vectors=references.vectors(live, texts),
    )
