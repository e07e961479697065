"""
Check a month, or what the service was asked, for drift.

What ``monitor_drift`` and ``monitor_predictions`` call; what follows is in
`include.jobs.drift.decisions`. Each check is a function of stored data,
and is stored under its window and model: run again, it keeps its report's id.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from rich.console import Console
from sqlalchemy import Engine

from include.candidates.encoders import encoder_factory
from include.drift.samples import Observed, samples_of
from include.drift.signals import read_signals
from include.drift.verdict import FEWEST_QUESTIONS, enough_to_judge, judge
from include.errors import TagkeeperError
from include.jobs.data.features import cached_encoders
from include.jobs.drift.models import Live, LiveModels
from include.jobs.drift.recent_predictions import ENOUGH_ANSWERED, asked_lately, observe_asked
from include.jobs.drift.reference_data import Reference, References
from include.jobs.drift.thresholds import Thresholds
from include.months import add_months, check_month, month_of, month_range
from include.registry import Registry
from include.settings import Settings
from include.store.drift import Kind, Report, StoredReport, read_report, save_report
from include.store.engine import make_engine

log = logging.getLogger(__name__)

NO_MODEL: Final = "none"


@dataclass(frozen=True)
class Compared:
    """The two sides of a check, as the Evidently pages need them too."""

    live: Live
    reference: Reference
    current: Observed


class Monitoring:
    """
    The checks, against one database and one registry.

    Parameters
    ----------
    engine : Engine
    registry : Registry
    settings : Settings
        ``site``, ``min_tag_count``, ``false_alarms_per_year``, ``bert_model`` and
        ``random_seed`` are read.
    """

    def __init__(self, engine: Engine, registry: Registry, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._site = settings.site
        encoders = cached_encoders(engine, encoder_factory(settings.bert_model))
        self._models = LiveModels(
            engine,
            registry,
            encoders,
            site=settings.site,
            min_tag_count=settings.min_tag_count,
        )
        self._references = References(
            engine,
            encoders,
            site=settings.site,
            min_tag_count=settings.min_tag_count,
            seed=settings.random_seed,
        )
        self._thresholds = Thresholds(
            engine,
            self._references,
            false_alarms_per_year=settings.false_alarms_per_year,
            seed=settings.random_seed,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Connect as the settings say; FixSettingsError names what is missing."""
        registry = Registry(settings.require_mlflow_uri())
        return cls(make_engine(settings.require_database_url()), registry, settings)

    def check_month(self, month: str) -> int:
        """
        Check a stored month with its true tags; return the report's id.

        Raises
        ------
        MissingDataError
            If the month, or one that the model learned from, is not stored.
        ModelUnusableError
            If the champion does not load.
        RetryLaterError
            If MLflow is away.
        """
        start, end = month_range(check_month(month))
        with self._models.at(month) as live:
            if live is None:
                return self._nothing_to_compare("month", start, end)
            compared = self._compared_month(live, month)
            return self._check("month", compared, start, end, month)

    def check_predictions(self, start: datetime, end: datetime) -> int:
        """
        Check what the champion was asked and answered; return the report's id.

        Where fewer than ``ENOUGH_ANSWERED`` distinct questions came in, the window reaches back up
        to a day; with fewer than ``FEWEST_QUESTIONS`` even so, the verdict is ``too_few``.

        Parameters
        ----------
        start, end : datetime
            Half-open, aware, an hour as a rule.

        Raises
        ------
        ModelUnusableError, RetryLaterError, MissingDataError
            As `check_month`.
        """
        with self._models.at(None) as live:
            if live is None:
                return self._nothing_to_compare("predictions", start, end)
            answered = asked_lately(self._engine, self._site, live.version, start, end)
            if len(answered) < FEWEST_QUESTIONS:
                return self._too_few(live, start, end, len(answered))
            month = month_of(end)
            reference = self._references.of(live, month)
            current = observe_asked(answered, self._references, live)
            compared = Compared(live, reference, current)
            return self._check("predictions", compared, start, end, month)

    def prepare_checks(self) -> tuple[int, ...]:
        """
        Answer the champion's reference and find thresholds before the first check needs them.

        For a month as large as the last that the champion learned, and for an hour of the usual
        number of questions. A window of another size gets thresholds of its own at its check, from
        the same stored reference and in seconds. Safe to repeat: what is stored stays.

        Returns
        -------
        tuple of int
            Ids of the thresholds; empty if there is no champion or too little to compare with.

        Raises
        ------
        ModelUnusableError, RetryLaterError, MissingDataError
            As `check_month`.
        """
        with self._models.at(None) as live:
            if live is None:
                return ()
            reference = self._references.of(live, add_months(live.learned[-1], 1))
            last = sum(month == live.learned[-1] for month in reference.answered.months)
            if enough_to_judge(len(reference.answered), max(last, FEWEST_QUESTIONS)):
                return ()
            sizes: tuple[tuple[Kind, int], ...] = (
                ("month", last),
                ("predictions", ENOUGH_ANSWERED),
            )
            return tuple(
                self._thresholds.of(kind, live, reference, size)[0]
                for kind, size in sizes
                if size >= FEWEST_QUESTIONS
            )

    def compared(self, report_id: int) -> Compared | None:
        """Return the two sides of a stored report again, None if it had nothing to compare."""
        report = self.report(report_id).report
        if report.verdict in {"no_reference", "too_few"}:
            return None
        monthly = report.kind == "month"
        month = month_of(report.window_start if monthly else report.window_end)
        with self._models.at(month if monthly else None) as live:
            if live is None or live.label != report.model_version:
                return None
            if monthly:
                return self._compared_month(live, month)
            answered = asked_lately(
                self._engine, self._site, live.version, report.window_start, report.window_end
            )
            reference = self._references.of(live, month)
            return Compared(live, reference, observe_asked(answered, self._references, live))

    def report(self, report_id: int) -> StoredReport:
        """Return a stored report; FixInputError if there is none."""
        with self._engine.connect() as connection:
            return read_report(connection, report_id)

    def _compared_month(self, live: Live, month: str) -> Compared:
        current = self._references.observed(live, month)
        return Compared(live, self._references.of(live, month), current)

    def _check(
        self, kind: Kind, compared: Compared, start: datetime, end: datetime, month: str
    ) -> int:
        """Read the signals, compare them with their thresholds, store both and the verdict."""
        live, reference, current = compared.live, compared.reference, compared.current
        report = Report(
            kind=kind,
            site=self._site,
            window_start=start,
            window_end=end,
            model_version=live.label,
            question_count=len(current),
            verdict="quiet",
            summary={"as_of": live.as_of},
            reference_first=reference.key.first_month,
            reference_last=reference.key.last_month,
        )
        if early := enough_to_judge(len(reference.answered), len(current)):
            summary = {**report.summary, "reason": early.reason}
            return self._store(replace(report, verdict=early.kind, summary=summary))
        was, now = samples_of(reference.answered, current)
        calibration_id, calibration = self._thresholds.of(kind, live, reference, len(now))
        values = read_signals(was, now)
        verdict = judge(values, calibration)
        summary = {
            **report.summary,
            "reason": verdict.reason,
            "reference_questions": len(was),
            "candidate": live.candidate.name,
        }
        if was.f1 is not None and now.f1 is not None:
            summary |= {"f1_reference": float(was.f1.mean()), "f1": float(now.f1.mean())}
        log.info("%s %s: %s. %s", kind, month, verdict.kind, verdict.reason)
        stored = replace(
            report, verdict=verdict.kind, summary=summary, calibration_id=calibration_id
        )
        with self._engine.begin() as connection:
            return save_report(connection, stored, values, calibration.thresholds)

    def _nothing_to_compare(self, kind: Kind, start: datetime, end: datetime) -> int:
        verdict = enough_to_judge(None, 0)
        assert verdict is not None
        return self._store(
            Report(
                kind=kind,
                site=self._site,
                window_start=start,
                window_end=end,
                model_version=NO_MODEL,
                question_count=0,
                verdict=verdict.kind,
                summary={"reason": verdict.reason},
            )
        )

    def _too_few(self, live: Live, start: datetime, end: datetime, count: int) -> int:
        return self._store(
            Report(
                kind="predictions",
                site=self._site,
                window_start=start,
                window_end=end,
                model_version=live.label,
                question_count=count,
                verdict="too_few",
                summary={
                    "reason": f"{count} distinct questions came in within a day; a comparison "
                    f"needs {FEWEST_QUESTIONS}."
                },
            )
        )

    def _store(self, report: Report) -> int:
        with self._engine.begin() as connection:
            return save_report(connection, report)


def main(arguments: Sequence[str] | None = None) -> None:
    """Check one month from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m include.jobs.drift.checks", description="Check a stored month for drift."
    )
    parser.add_argument("--month", required=True, help="YYYY-MM")
    asked = parser.parse_args(arguments)
    console = Console()
    try:
        monitoring = Monitoring.from_settings(Settings.from_env())
        report_id = monitoring.check_month(asked.month)
        stored = monitoring.report(report_id)
    except TagkeeperError as error:
        sys.exit(str(error))
    console.print(f"report {report_id}: {stored.report.verdict}. {stored.report.summary['reason']}")
    for signal in stored.signals:
        mark = "ALARM" if signal.alarmed else ""
        limit = "" if signal.threshold is None else f"{signal.threshold:.4f}"
        console.print(f"{signal.value.signal:18} {signal.value.value:9.4f} {limit:>9} {mark}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    main()
