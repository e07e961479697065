"""Publish Evidently's pages of a stored check in MLflow and in the ``evidently ui`` workspace."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Engine

from include import names
from include.drift.evidently_report import make_pages
from include.drift.evidently_workspace import EvidentlyServer, WorkspacePlace
from include.escaping import markdown
from include.jobs.drift.checks import Monitoring
from include.registry import descriptions
from include.registry.descriptions import NOTE
from include.registry.runs import Runs, run_url
from include.settings import Settings
from include.store.drift import DriftReport, StoredDriftReport, set_artifact
from include.store.drift_calibrations import read_power
from include.store.engine import process_engine

log = logging.getLogger(__name__)

WORKSPACE: Final = "evidently"
PROJECTS: Final = {"month": "Questions by month", "predictions": "Requests to the service"}


def publish(settings: Settings, report_id: int) -> str | None:
    """
    Create the pages of a stored check; return the address of the MLflow run that holds them.

    None without a comparison. Safe to repeat: a report has one run, which is updated.

    Raises
    ------
    RetryLaterError
        If MLflow is unavailable.
    """
    monitoring = Monitoring.from_settings(settings)
    runs = Runs(settings.require_mlflow_uri())
    engine = process_engine(settings.require_database_url())
    return publish_with(monitoring, runs, engine, settings, report_id)


def publish_with(
    monitoring: Monitoring, runs: Runs, engine: Engine, settings: Settings, report_id: int
) -> str | None:
    """Publish as `publish` does, with the given connections."""
    check_data = monitoring.check_data(report_id)
    if check_data is None:
        return None
    stored = monitoring.report(report_id)
    report = stored.report
    title = page_title(report)
    run_id, experiment_id = _run_of(runs, stored, title)
    with TemporaryDirectory() as folder:
        pages = make_pages(
            check_data.reference.observations,
            check_data.analysis,
            Path(folder),
            title=title,
            at=report.window_start,
            workspace=workspace_of(settings),
            project=project_of(report),
            seed=settings.random_seed,
        )
        runs.log_folder(run_id, Path(folder), "evidently")
    scores = {f"evidently/{p.family}/{c}": v for p in pages for c, v in p.drifts.items()}
    runs.log(run_id, metrics=_figures(stored) | scores, tags={NOTE: _note(engine, report)})
    runs.finish(run_id)
    address = run_url(settings.mlflow_page, experiment_id, run_id)
    with engine.begin() as connection:
        set_artifact(connection, report_id, address)
    log.info("report %d: %d pages at %s", report_id, len(pages), address)
    return address


def workspace_of(settings: Settings) -> WorkspacePlace:
    """Return the workspace: that of the server at ``EVIDENTLY_API_URL``, or a local folder."""
    if settings.evidently_api_url is None:
        return settings.local_dir / WORKSPACE
    secret = settings.evidently_secret
    return EvidentlyServer(
        settings.evidently_api_url, None if secret is None else secret.get_secret_value()
    )


def page_title(report: DriftReport) -> str:
    """Return the title of a check's pages, the same in MLflow and in Evidently."""
    return f"{report.site} {report.window_name}, version {report.model_version}"


def project_of(report: DriftReport) -> str:
    """Return the project of a check's pages in Evidently's workspace."""
    return f"{report.site}: {PROJECTS[report.kind]}"


def _figures(stored: StoredDriftReport) -> dict[str, float]:
    """Return the signals and their thresholds as metrics."""
    figures = {f"signal/{s.value.signal}": s.value.value for s in stored.signals}
    thresholds = {
        f"threshold/{s.value.signal}": s.threshold
        for s in stored.signals
        if s.threshold is not None
    }
    return figures | thresholds


def _note(engine: Engine, report: DriftReport) -> str:
    """Return the verdict, and the statistical power of the check."""
    verdict = f"**{report.verdict}**: {markdown(str(report.summary['reason']))}"
    if report.calibration_id is None:
        return verdict
    with engine.connect() as connection:
        power = read_power(connection, report.calibration_id)
    return f"{verdict}\n\n{power_table(power)}"


def power_table(power: Sequence[Mapping[str, Any]]) -> str:
    """
    Return the statistical power in Markdown: a row for each shift, a column for each size.

    Examples
    --------
    >>> print(power_table([{"shift": "texts twice as long", "size": 0.1, "detected": 0.325}]))
    What this check can detect: share of simulated changes that raised an alarm.
    <BLANKLINE>
    | change | 10% of the questions |
    |---|---|
    | texts twice as long | 32 % |
    """
    if not power:
        return ""
    sizes = sorted({row["size"] for row in power})
    found: dict[str, dict[float, float]] = {}
    for row in power:
        found.setdefault(row["shift"], {})[row["size"]] = row["detected"]
    lines = [
        "What this check can detect: share of simulated changes that raised an alarm.",
        "",
        f"| change | {' | '.join(f'{size:.0%} of the questions' for size in sizes)} |",
        f"|---|{'---|' * len(sizes)}",
    ]
    for shift, shares in found.items():
        cells = " | ".join(f"{100 * shares[size]:.0f} %" for size in sizes)
        lines.append(f"| {shift} | {cells} |")
    return "\n".join(lines)


def _run_of(runs: Runs, stored: StoredDriftReport, title: str) -> tuple[str, str]:
    """Return the run and experiment of a report, created if it is new."""
    tags = {"drift_report_id": str(stored.report_id), "site": stored.report.site}
    if known := runs.find(names.EXPERIMENT_DRIFT, tags, status=None):
        return known[0].run_id, known[0].experiment_id
    run_id = runs.start(
        names.EXPERIMENT_DRIFT,
        title,
        tags=tags | {"verdict": stored.report.verdict},
        note=descriptions.drift_check(title, stored.report.verdict),
    )
    return run_id, runs.get(run_id).experiment_id
