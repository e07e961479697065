"""Which months of a study the drift check alarms on: what the rule ``on_drift`` acts on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from include.drift.calibration import CALIBRATION_VERSION, calibrate
from include.drift.reference import HISTORY_MONTHS, joined, reference_months
from include.drift.samples import Observed, samples_of
from include.drift.signals import MONTHLY_SIGNALS, read_signals
from include.drift.unrest import PastVocabulary
from include.drift.verdict import Verdict, enough_to_judge, judge
from include.jobs.stability.questions import Questions
from include.months import add_months, month_start, months_between
from include.settings import Settings
from include.store.questions import tag_uses
from include.store.stability import Answers, StoredMonth, read_check, record_check

DRAWS: Final = 500
"""Random splits: enough for the level of a monthly check, at half of the usual cost."""
_SIGNALS: Final = tuple(signal for signal in MONTHLY_SIGNALS if "scores" not in signal.needs)
"""A study keeps what was suggested, but not the scores."""


@dataclass(frozen=True)
class Checks:
    """
    The drift checks of a study's months: a function of what is stored, kept in `stability_checks`.

    Each month is compared with the months before it, as `monitor_drift` does for the model in use.
    The reference's questions are answered by each month's own fresh model, which had not learned
    them; where one of the reference's months has no model in the study, texts and tags alone are
    compared.

    Parameters
    ----------
    engine : Engine
    settings : Settings
        ``site``, ``min_tag_count``, ``false_alarms_per_year`` and ``random_seed`` are read.
    study_id : str
    months : mapping of str to StoredMonth
        Consecutive, oldest first.
    answers : mapping of (model month, test month) to Answers
    questions : Questions
    """

    engine: Engine
    settings: Settings
    study_id: str
    months: Mapping[str, StoredMonth]
    answers: Mapping[tuple[str, str], Answers]
    questions: Questions

    def alarms(self) -> tuple[str, ...]:
        """Return the months that alarm; after each, what is normal begins with it."""
        alarmed: list[str] = []
        for month, stored in self.months.items():
            window = months_between(stored.train_first, add_months(month, -1))
            reference = reference_months(window, alarmed)
            if self._alarms(month, reference, window):
                alarmed.append(month)
        return tuple(alarmed)

    def _alarms(self, month: str, reference: Sequence[str], window: Sequence[str]) -> bool:
        history = self._history(window)
        check_id = self._check_id(month, reference, [each for each in history if each < window[0]])
        with self.engine.connect() as connection:
            known = read_check(connection, check_id)
        if known is not None:
            return known[0]
        verdict = self._judge(month, reference, window, history)
        alarmed = verdict.kind == "drift"
        with self.engine.begin() as connection:
            record_check(
                connection, check_id, self.study_id, month, alarmed=alarmed, reason=verdict.reason
            )
        return alarmed

    def _judge(
        self, month: str, reference: Sequence[str], window: Sequence[str], history: Sequence[str]
    ) -> Verdict:
        answered = self._answered(reference)
        before, now = self._observed(reference, answered), self._observed([month], answered)
        if early := enough_to_judge(len(before) if before else 0, len(now) if now else 0):
            return early
        assert before is not None
        assert now is not None
        latest = self._observed(history, answered=False) or before
        was, current, past = samples_of(before, now, latest)
        with self.engine.connect() as connection:
            earlier = tag_uses(
                connection,
                self.settings.site,
                month_start(min(window[0], history[0])),
                month_start(history[0]),
            )
        calibration = calibrate(
            was,
            len(current),
            history=past,
            vocabulary=PastVocabulary(earlier, self.settings.min_tag_count),
            false_alarms_per_year=self.settings.false_alarms_per_year,
            signals=_SIGNALS,
            draws=DRAWS,
            seed=self.settings.random_seed,
        )
        return judge(read_signals(was, current), calibration)

    def _history(self, window: Sequence[str]) -> tuple[str, ...]:
        """Return the latest months of a window and, where it is short, those before it."""
        before: list[str] = []
        while len(window) + len(before) < HISTORY_MONTHS:
            month = add_months(window[0], -1 - len(before))
            if self.questions.of(month) is None:
                break
            before.insert(0, month)
        return (*before, *window[-HISTORY_MONTHS:])

    def _answered(self, reference: Sequence[str]) -> bool:
        """Return whether every month of the reference has a fresh model in the study."""
        return all((month, month) in self.answers for month in reference)

    def _observed(self, months: Sequence[str], answered: bool) -> Observed | None:
        """Return some months' questions together, None if they have none."""
        parts = []
        for month in months:
            questions = self.questions.of(month)
            if questions is not None:
                answers = self.answers[month, month] if answered else None
                parts.append(questions.answered(answers) if answers else questions.observed)
        return joined(parts) if parts else None

    def _check_id(self, month: str, reference: Sequence[str], earlier: Sequence[str]) -> str:
        """Return the hash of all that the check depends on."""
        fresh = self.months[month].model
        answered = [
            (self.months[each].model.run_id, self.months[each].model.test_id)
            for each in reference
            if self._answered(reference)
        ]
        decisive = {
            "study_id": self.study_id,
            "month": month,
            "learned": fresh.dataset_id,
            "tested": fresh.test_id,
            "run": fresh.run_id if answered else "",
            "reference": list(reference),
            "answered": answered,
            "before": [questions.test_id for questions in self.questions.some(earlier)],
            "rate": self.settings.false_alarms_per_year,
            "seed": self.settings.random_seed,
            "version": [CALIBRATION_VERSION, DRAWS, [signal.name for signal in _SIGNALS]],
        }
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:32]
