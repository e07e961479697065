"""Recent predictions of the service, as the drift signals read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from include.candidates.renamed import as_suggestions
from include.drift.calibration import MAX_SAMPLE
from include.drift.samples import Observations
from include.jobs.data.observations import observe
from include.jobs.drift.key_influence import capped_per_key
from include.jobs.drift.models import MonitoredModel
from include.jobs.drift.reference_data import References
from include.store.drift_references import AnsweredQuestion, answered_between
from include.text.prepare import prepare

MAX_WINDOW: Final = timedelta(hours=24)
TARGET_PREDICTIONS: Final = 200
MAX_PER_KEY: Final = MAX_SAMPLE // 4
"""So that a key that asks a lot does not push the questions of others out of the sample."""


@dataclass(frozen=True, slots=True)
class RecentPredictions:
    """
    Answered questions of a window.

    Parameters
    ----------
    compared : list of AnsweredQuestion
        Oldest first, at most `MAX_SAMPLE`.
    question_count : int
        Distinct questions of the window.
    """

    compared: list[AnsweredQuestion]
    question_count: int


def recent_predictions(
    engine: Engine,
    site: str,
    version: str,
    start: datetime,
    end: datetime,
    *,
    trusted: frozenset[str] = frozenset(),
) -> RecentPredictions:
    """
    Return the distinct questions that a version answered in [start, end), aware.

    With fewer than ``TARGET_PREDICTIONS``, the window extends back up to `MAX_WINDOW` before
    ``end`` until it holds so many. With more than ``MAX_SAMPLE``, only the latest are compared, and
    of an API key that is not ``trusted`` at most `MAX_PER_KEY`.
    """
    with engine.connect() as connection:
        answered = answered_between(connection, site, version, start, end)
        if len(answered) < TARGET_PREDICTIONS:
            earliest = min(start, end - MAX_WINDOW)
            longer = answered_between(connection, site, version, earliest, end)
            answered = longer[-max(TARGET_PREDICTIONS, len(answered)) :]
    compared = capped_per_key(answered, MAX_PER_KEY, trusted)[-MAX_SAMPLE:]
    return RecentPredictions(compared, len(answered))


def observe_predictions(
    answered: Sequence[AnsweredQuestion], references: References, model: MonitoredModel
) -> Observations:
    """
    Return questions and suggestions of recent predictions; true tags are not known yet.

    Suggestions that were made before a tag got another name count under that name.
    """
    names = references.tag_names()
    texts = tuple(prepare(row.title, row.body) for row in answered)
    return observe(
        texts,
        [row.asked_at for row in answered],
        ranked=[as_suggestions(row.suggested, names) for row in answered],
        vectors=references.vectors(model, texts),
    )
