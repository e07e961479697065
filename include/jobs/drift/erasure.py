"""Erase the rows of a client, key or prediction from PostgreSQL and from the reports on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from include import names
from include.drift.evidently_workspace import remove_pages
from include.jobs.drift.evidently_pages import page_title, project_of, workspace_of
from include.registry.runs import Runs
from include.settings import Settings
from include.store.drift import read_report
from include.store.erasure import (
    DataSubject,
    ReportWithWords,
    StoredRows,
    erase_rows,
    erase_words,
    record_erasure,
    reports_with_words,
    stored_rows,
)


@dataclass(frozen=True, slots=True)
class Found:
    """What PostgreSQL holds of a subject: its rows, and the reports that looked at them."""

    rows: StoredRows
    reports: Sequence[ReportWithWords]

    def amounts(self) -> dict[str, int]:
        """Return rows and reports by place."""
        return {
            "predictions": self.rows.predictions,
            "feedback": self.rows.feedback,
            "drift reports": len(self.reports),
        }


def find(engine: Engine, subject: DataSubject, earlier: StoredRows | None = None) -> Found:
    """
    Return what PostgreSQL holds of ``subject``.

    Parameters
    ----------
    engine : Engine
    subject : DataSubject
    earlier : StoredRows or None
        The rows before they were erased, whose time tells which reports looked at them.
    """
    with engine.connect() as connection:
        rows = stored_rows(connection, subject)
        return Found(rows, reports_with_words(connection, subject, earlier or rows))


def erase(engine: Engine, settings: Settings, subject: DataSubject, spooled: int) -> Found:
    """
    Erase what PostgreSQL, MLflow and Evidently's workspace hold; return what it was.

    The pages go first: as long as they exist, a repeated call finds their reports.

    Parameters
    ----------
    engine : Engine
    settings : Settings
    subject : DataSubject
    spooled : int
        Rows that were removed from the spool, for the record.

    Raises
    ------
    RetryLaterError
        If MLflow is unavailable; then nothing of PostgreSQL is erased.
    """
    found = find(engine, subject)
    for report in found.reports:
        _erase_pages(engine, settings, report)
    with engine.begin() as connection:
        for report in found.reports:
            erase_words(connection, report.report_id)
        predictions, feedback = erase_rows(connection, subject)
        amounts = found.amounts() | {
            "predictions": predictions,
            "feedback": feedback,
            "spool": spooled,
        }
        for place, amount in amounts.items():
            if amount:
                record_erasure(connection, subject, place, amount)
    return found


def _erase_pages(engine: Engine, settings: Settings, report: ReportWithWords) -> None:
    """Delete a report's pages in MLflow and in Evidently's workspace."""
    with engine.connect() as connection:
        stored = read_report(connection, report.report_id).report
    remove_pages(workspace_of(settings), project_of(stored), page_title(stored))
    if settings.mlflow_tracking_uri:
        runs = Runs(settings.require_mlflow_uri())
        tags = {"drift_report_id": str(report.report_id), "site": report.site}
        for run in runs.find(names.EXPERIMENT_DRIFT, tags, status=None):
            runs.delete(run)
