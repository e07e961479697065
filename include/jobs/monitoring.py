"""
Check a month, or what the service was asked, for drift; decide whether to retrain.

What ``monitor_drift`` and ``monitor_predictions`` call. Each check is a function of stored data,
and is stored under its window and model: run again, it keeps its report's id.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Self

from rich.console import Console
from sqlalchemy import Engine

from include.candidates.base import Suggestion
from include.candidates.encoders import encoder_factory
from include.drift.calibration import (
    HOURLY_CHECKS,
    LARGEST_SAMPLE,
    MONTHLY_CHECKS,
    Calibration,
    calibrate,
)
from include.drift.power import power
from include.drift.samples import Observed, samples_of
from include.drift.signals import SIGNALS, read_signals
from include.drift.verdict import FEWEST_QUESTIONS, enough_to_judge, judge
from include.errors import TagkeeperError
from include.jobs.features import cached_encoders
from include.jobs.observing import observe
from include.jobs.references import Live, Reference, References
from include.months import check_month, month_of, month_range
from include.registry import Registry
from include.settings import Settings
from include.store.drift import (
    Action,
    Answered,
    Kind,
    Report,
    StoredReport,
    answered_between,
    find_calibration,
    read_report,
    save_calibration,
    save_decision,
    save_report,
)
from include.store.engine import make_engine
from include.text.prepare import prepare

log = logging.getLogger(__name__)

NO_MODEL: Final = "none"
LONGEST_WINDOW: Final = timedelta(hours=24)
ENOUGH_ANSWERED: Final = 200
SIZE_SLACK: Final = 0.85
"""Thresholds made for at least this share of a window's questions fit it: a little strict."""
CHECKS_PER_YEAR: Final[dict[Kind, float]] = {
    "month": MONTHLY_CHECKS,
    "predictions": HOURLY_CHECKS,
}
RETRAINS_ON_DRIFT: Final = {"on_drift", "monthly_and_on_drift"}


@dataclass(frozen=True)
class Compared:
    """The two sides of a check, as the Evidently pages need them too."""

    live: Live
    reference: Reference
    current: Observed


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What follows from a report.

    Parameters
    ----------
    action : {"retrain", "keep", "no_reference"}
    reason : str
    training_run_id : str or None
        The DAG run to trigger; the same for every repetition of the check.
    conf : mapping
        Params of that run.
    """

    action: Action
    reason: str
    training_run_id: str | None = None
    conf: Mapping[str, Any] | None = None


class Monitoring:
    """
    The checks, against one database and one registry.

    Parameters
    ----------
    engine : Engine
    registry : Registry
    settings : Settings
        ``site``, ``min_tag_count``, ``false_alarms_per_year``, ``retraining_policy`` and
        ``random_seed`` are read.
    """

    def __init__(self, engine: Engine, registry: Registry, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self._site = settings.site
        self._references = References(
            engine,
            registry,
            cached_encoders(engine, encoder_factory(settings.bert_model)),
            site=settings.site,
            min_tag_count=settings.min_tag_count,
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
        with self._references.live_model(month) as live:
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
        with self._references.live_model(None) as live:
            if live is None:
                return self._nothing_to_compare("predictions", start, end)
            answered = self._answered(live, start, end)
            if len(answered) < FEWEST_QUESTIONS:
                return self._too_few(live, start, end, len(answered))
            month = month_of(end)
            reference = self._references.of(live, month)
            current = self._observed_answers(live, answered)
            compared = Compared(live, reference, current)
            return self._check("predictions", compared, start, end, month)

    def compared(self, report_id: int) -> Compared | None:
        """Return the two sides of a stored report again, None if it had nothing to compare."""
        report = self.report(report_id).report
        if report.verdict in {"no_reference", "too_few"}:
            return None
        monthly = report.kind == "month"
        month = month_of(report.window_start if monthly else report.window_end)
        with self._references.live_model(month if monthly else None) as live:
            if live is None or live.label != report.model_version:
                return None
            if monthly:
                return self._compared_month(live, month)
            answered = self._answered(live, report.window_start, report.window_end)
            reference = self._references.of(live, month)
            return Compared(live, reference, self._observed_answers(live, answered))

    def report(self, report_id: int) -> StoredReport:
        """Return a stored report; FixInputError if there is none."""
        with self._engine.connect() as connection:
            return read_report(connection, report_id)

    def decide(self, report_id: int) -> Decision:
        """
        Return what follows from a report; nothing is triggered or stored.

        A report that led to a retraining leads to no second one.
        """
        stored = self.report(report_id)
        report, reason = stored.report, str(stored.report.summary["reason"])
        if report.verdict == "no_reference":
            return Decision("no_reference", reason)
        if report.verdict != "drift":
            return Decision("keep", reason)
        if stored.action == "retrain":
            return Decision(
                "keep", f"{stored.training_run_id} was triggered by this report already"
            )
        if report.summary.get("as_of"):
            return Decision("keep", f"The champion has learned this month already. {reason}")
        policy = self._settings.retraining_policy
        if policy not in RETRAINS_ON_DRIFT:
            return Decision("keep", f"Retraining goes by the policy {policy}. {reason}")
        monthly = report.kind == "month"
        return Decision(
            "retrain",
            reason,
            _training_run_id(stored),
            {
                "reason": f"drift report {report_id}: {reason}",
                "drift_report_id": report_id,
                "test_month": month_of(report.window_start) if monthly else None,
            },
        )

    def record(self, report_id: int, decision: Decision) -> None:
        """Store a decision once it has been carried out."""
        with self._engine.begin() as connection:
            save_decision(
                connection,
                report_id,
                decision.action,
                decision.reason,
                decision.training_run_id,
            )

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
        calibration_id, calibration = self._thresholds(kind, compared)
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

    def _thresholds(self, kind: Kind, compared: Compared) -> tuple[int, Calibration]:
        """Return stored thresholds that fit, or find and store them: once per model and size."""
        size, key = len(compared.current), compared.reference.key
        rate = self._settings.false_alarms_per_year
        with self._engine.connect() as connection:
            known = find_calibration(
                connection,
                kind,
                key,
                smallest=int(SIZE_SLACK * size),
                largest=size,
                false_alarms_per_year=rate,
            )
        if known is not None:
            return known
        history = self._references.history(compared.live)
        reference, past = samples_of(compared.reference.answered, history)
        made = calibrate(
            reference,
            size,
            false_alarms_per_year=rate,
            checks_per_year=CHECKS_PER_YEAR[kind],
            history=past,
            signals=[s for s in SIGNALS if kind == "month" or _known_without_tags(s.needs)],
            seed=self._settings.random_seed,
        )
        shown = power(reference, made, seed=self._settings.random_seed)
        with self._engine.begin() as connection:
            return save_calibration(connection, kind, key, made, shown), made

    def _answered(self, live: Live, start: datetime, end: datetime) -> list[Answered]:
        """Return the window's distinct questions, or the last of the day up to its end."""
        with self._engine.connect() as connection:
            answered = answered_between(connection, self._site, live.version, start, end)
            if len(answered) < ENOUGH_ANSWERED:
                earliest = min(start, end - LONGEST_WINDOW)
                longer = answered_between(connection, self._site, live.version, earliest, end)
                answered = longer[-max(ENOUGH_ANSWERED, len(answered)) :]
        return answered[-LARGEST_SAMPLE:]

    def _observed_answers(self, live: Live, answered: Sequence[Answered]) -> Observed:
        texts = tuple(prepare(row.title, row.body) for row in answered)
        return observe(
            texts,
            [row.asked_at for row in answered],
            ranked=[[Suggestion(*pair) for pair in row.suggested] for row in answered],
            vectors=self._references.vectors(live, texts),
        )

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


def decision_of(settings: Settings, report_id: int, *, dag_id: str, run_id: str) -> dict[str, Any]:
    """
    Return what follows from a report as plain values, for the DAGs' tasks.

    Parameters
    ----------
    settings : Settings
    report_id : int
    dag_id, run_id : str
        The check's own run, which the mail links to.

    Returns
    -------
    dict
        ``report_id``, the fields of `Decision`, and for a retraining ``mail_run_id`` (the run of
        ``send_mail``: one per training) and ``mail`` (its facts).
    """
    decision = Monitoring.from_settings(settings).decide(report_id)
    mail = {
        "report_id": report_id,
        "dag_id": dag_id,
        "run_id": run_id,
        "training_run_id": decision.training_run_id,
    }
    return {
        "report_id": report_id,
        **asdict(decision),
        "mail_run_id": f"mail-{decision.training_run_id}" if decision.training_run_id else None,
        "mail": mail,
    }


def record_decision(settings: Settings, decision: Mapping[str, Any]) -> str:
    """Store a decision that has been carried out, as ``decision_of`` returned it; return it."""
    done = Decision(decision["action"], decision["reason"], decision["training_run_id"])
    Monitoring.from_settings(settings).record(int(decision["report_id"]), done)
    return f"{done.action}: {done.reason}"


def _known_without_tags(needs: Sequence[str]) -> bool:
    """Return whether a signal can be read before the true tags are known."""
    return set(needs) <= {"suggested", "scores", "vectors"}


def _training_run_id(stored: StoredReport) -> str:
    """
    Return the id of the training run that a report triggers.

    A month's report triggers one. The hourly reports of one model trigger one a month between
    them: there is nothing newer to learn from before the next month is stored.
    """
    report = stored.report
    if report.kind == "month":
        return f"drift-report-{stored.report_id}"
    return f"drift-predictions-{report.model_version}-{month_of(report.window_end)}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Check one month from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m include.jobs.monitoring", description="Check a stored month for drift."
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
