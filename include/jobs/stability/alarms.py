"""Months of a study with a drift alarm, on which the policy ``on_drift`` retrains."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from include.drift.calibration import CALIBRATION_VERSION, calibrate_thresholds
from include.drift.reference import HISTORY_MONTHS, concat, reference_months
from include.drift.samples import Observations, build_samples
from include.drift.signal_catalogue import MONTHLY_ALERTING_SIGNALS, calculate_signals
from include.drift.variability import PastVocabulary
from include.drift.verdict import DriftVerdict, drift_verdict, insufficient_data
from include.jobs.stability.questions import StudyQuestions
from include.months import add_months, month_start, months_between
from include.settings import Settings
from include.store.questions import tag_uses
from include.store.stability import Answers, StoredMonth, read_check, record_check

DRAWS: Final = 500
"""Random splits: enough for the level of a monthly check, at half the cost of the default."""
_SIGNALS: Final = tuple(
    signal for signal in MONTHLY_ALERTING_SIGNALS if "scores" not in signal.needs
)
"""A study stores suggested tags, but not their scores."""


@dataclass(frozen=True)
class StudyChecks:
    """
    The drift checks of a study's months, with results stored in `stability_checks`.

    Each month is compared with the months before it, as `monitor_drift` does for the champion. Each
    month of the reference has the predictions of its own fresh model, which was not trained on it;
    if one of these months has no model in the study, only texts and tags are compared.

    Parameters
    ----------
    engine : Engine
    settings : Settings
        ``site``, ``min_tag_count``, ``false_alarms_per_year`` and ``random_seed`` are read.
    study_id : str
    months : mapping of str to StoredMonth
        Consecutive, oldest first.
    answers : mapping of (model month, test month) to Answers
    questions : StudyQuestions
    """

    engine: Engine
    settings: Settings
    study_id: str
    months: Mapping[str, StoredMonth]
    answers: Mapping[tuple[str, str], Answers]
    questions: StudyQuestions

    def alarms(self) -> tuple[str, ...]:
        """Return the months with an alarm; the reference of later months starts with the latest."""
        alarmed: list[str] = []
        for month, stored in self.months.items():
            window = months_between(stored.train_first, add_months(month, -1))
            reference = reference_months(window, alarmed)
            if self._has_alarm(month, reference, window):
                alarmed.append(month)
        return tuple(alarmed)

    def _has_alarm(self, month: str, reference: Sequence[str], window: Sequence[str]) -> bool:
        history = self._history(window)
        check_id = self._check_id(month, reference, [each for each in history if each < window[0]])
        with self.engine.connect() as connection:
            known = read_check(connection, check_id)
        if known is not None:
            return known[0]
        verdict = self._check(month, reference, window, history)
        alarmed = verdict.kind == "drift"
        with self.engine.begin() as connection:
            record_check(
                connection, check_id, self.study_id, month, alarmed=alarmed, reason=verdict.reason
            )
        return alarmed

    def _check(
        self, month: str, reference: Sequence[str], window: Sequence[str], history: Sequence[str]
    ) -> DriftVerdict:
        has_answers = self._has_answers(reference)
        reference_data, analysis_data = (
            self._observed(reference, has_answers),
            self._observed([month], has_answers),
        )
        if insufficient := insufficient_data(
            len(reference_data) if reference_data else 0, len(analysis_data) if analysis_data else 0
        ):
            return insufficient
        assert reference_data is not None
        assert analysis_data is not None
        history_data = self._observed(history, has_answers=False) or reference_data
        reference_sample, analysis_sample, history_sample = build_samples(
            reference_data, analysis_data, history_data
        )
        with self.engine.connect() as connection:
            earlier = tag_uses(
                connection,
                self.settings.site,
                month_start(min(window[0], history[0])),
                month_start(history[0]),
            )
        calibration = calibrate_thresholds(
            reference_sample,
            len(analysis_sample),
            history=history_sample,
            vocabulary=PastVocabulary(earlier, self.settings.min_tag_count),
            false_alarms_per_year=self.settings.false_alarms_per_year,
            signals=_SIGNALS,
            draws=DRAWS,
            seed=self.settings.random_seed,
        )
        return drift_verdict(calculate_signals(reference_sample, analysis_sample), calibration)

    def _history(self, window: Sequence[str]) -> tuple[str, ...]:
        """Return the latest months of a window and, where it is short, those before it."""
        before: list[str] = []
        while len(window) + len(before) < HISTORY_MONTHS:
            month = add_months(window[0], -1 - len(before))
            if self.questions.of(month) is None:
                break
            before.insert(0, month)
        return (*before, *window[-HISTORY_MONTHS:])

    def _has_answers(self, reference: Sequence[str]) -> bool:
        """Return whether every month of the reference has a fresh model in the study."""
        return all((month, month) in self.answers for month in reference)

    def _observed(self, months: Sequence[str], has_answers: bool) -> Observations | None:
        """Return the observations of some months, None if they have no questions."""
        parts = []
        for month in months:
            questions = self.questions.of(month)
            if questions is not None:
                answers = self.answers[month, month] if has_answers else None
                parts.append(questions.with_answers(answers) if answers else questions.observations)
        return concat(parts) if parts else None

    def _check_id(self, month: str, reference: Sequence[str], earlier: Sequence[str]) -> str:
        """Return the hash of everything that determines the result of the check."""
        fresh = self.months[month].model
        answered = [
            (self.months[each].model.run_id, self.months[each].model.test_id)
            for each in reference
            if self._has_answers(reference)
        ]
        inputs = {
            "study_id": self.study_id,
            "month": month,
            "learned": fresh.dataset_id,
            "tested": fresh.test_id,
            "run": fresh.run_id if answered else "",
            "reference": list(reference),
            "answered": answered,
            "before": [questions.test_id for questions in self.questions.of_months(earlier)],
            "rate": self.settings.false_alarms_per_year,
            "seed": self.settings.random_seed,
            "version": [CALIBRATION_VERSION, DRAWS, [signal.name for signal in _SIGNALS]],
        }
        return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()[:32]
