"""Read the state of the loop for the first page, by the exporter's own readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import Connection

from include import names
from include.dag_docs import dag_purposes
from include.monitoring.dashboards import QUALITY
from include.monitoring.database_sources import read_months, read_state
from include.monitoring.metrics import Samples
from include.months import period_end_label
from include.pages.overview import ChampionState, DagRunStatus, LastCheck, LiveQuality, LoopState
from include.registry.runs import model_url, trainings_url, version_url
from include.settings import Settings
from include.store.deadlines import Deadlines
from include.store.drift import read_report
from include.store.engine import make_engine
from include.store.models import Promotion, list_promotions
from include.store.tag_names import read_likely_renames

_RETAGGED_FOR: Final = timedelta(days=92)
"""Questions of so many days are looked at for renamed tags."""


def read_loop_state(
    connection: Connection,
    settings: Settings,
    *,
    now: datetime,
    active: Sequence[DagRunStatus] | None,
    failed: Sequence[DagRunStatus],
) -> LoopState:
    """
    Return the state of the loop, in queries of milliseconds.

    Parameters
    ----------
    connection : Connection
    settings : Settings
    now : datetime
        Aware.
    active : sequence of DagRunStatus or None
    failed : sequence of DagRunStatus
        As `include.pages.overview.LoopState` takes them, from Airflow.
    """
    samples = Samples()
    read_state(connection, samples, settings.site, settings.min_live_precision_share)
    read_months(connection, samples, settings.site)
    return LoopState(
        site=settings.site,
        now=now,
        months={
            month: int(count)
            for (month,), count in sorted(samples.values("month_questions").items())
        },
        open_windows=int(_value(samples, "windows_waiting") or 0),
        champion=_champion(samples, settings.mlflow_page),
        live=LiveQuality(
            judged=int(_value(samples, "live_judged_answers") or 0),
            precision=_value(samples, "live_precision_ratio"),
            threshold=_value(samples, "live_precision_threshold_ratio"),
            **_live_page(settings),
        ),
        checks=_checks(samples, _report_pages(connection, samples)),
        unsent=int(_value(samples, "incidents_waiting") or 0),
        backup_at=_moment(_value(samples, "backup_timestamp_seconds")),
        renames=read_likely_renames(connection, settings.site, now - _RETAGGED_FOR),
        active=active,
        failed=failed,
        addresses={
            "Ask for suggestions": settings.service_page,
            **mlflow_addresses(settings.mlflow_page, list_promotions(connection, names.CHAMPION)),
            "Drift reports (Evidently)": settings.evidently_url,
            **({"Charts (Grafana)": settings.grafana_url} if settings.grafana_url else {}),
        },
        dags=dag_purposes(),
    )


def mlflow_addresses(mlflow: str, promotions: Sequence[Promotion]) -> dict[str, str]:
    """
    Return the addresses of MLflow's pages on trainings and the model, by what they are.

    Parameters
    ----------
    mlflow : str
        MLflow's address for people.
    promotions : sequence of Promotion
        The ledger's latest rows about the champion, newest first. The experiment's id is in those
        that a training made; rows of earlier releases do not have it.
    """
    if not promotions:
        return {"Experiments (MLflow)": mlflow}
    ids = (each.figures.get("experiment_id") for each in promotions)
    experiment_id = next((str(each) for each in ids if each), None)
    return {
        "Trainings and their candidates (MLflow)": (
            mlflow if experiment_id is None else trainings_url(mlflow, experiment_id)
        ),
        "Model versions (MLflow)": model_url(mlflow),
    }


def read_loop_state_of(settings: Settings, *, timeout_s: float) -> LoopState:
    """
    Return the state of the loop without Airflow's runs, on a connection of its own.

    Parameters
    ----------
    settings : Settings
    timeout_s : float
        Seconds for everything, > 0.

    Raises
    ------
    FixSettingsError
        If there is no database or no registry.
    SQLAlchemyError
        If PostgreSQL does not answer in time.
    """
    connect = partial(make_engine, settings.require_database_url(), pool_size=1)
    database = Deadlines(connect, timeout_s=timeout_s)
    try:
        with database.begin() as connection:
            return read_loop_state(
                connection, settings, now=datetime.now(UTC), active=None, failed=()
            )
    finally:
        database.dispose()


def _champion(samples: Samples, mlflow: str) -> ChampionState | None:
    version = next((labels[0] for labels in samples.values("champion_info")), None)
    promoted_at = _moment(_value(samples, "champion_promoted_timestamp_seconds"))
    if version is None or promoted_at is None:
        return None
    end = _value(samples, "champion_trained_until_timestamp_seconds")
    start = _moment(_value(samples, "champion_learned_from_timestamp_seconds"))
    return ChampionState(
        version=version,
        promoted_at=promoted_at,
        learned_until=None if end is None else period_end_label(datetime.fromtimestamp(end, UTC)),
        learned_since=start.date() if start else None,
        question_count=_count(samples, "champion_training_questions") if start else None,
        window_count=_count(samples, "champion_window_questions"),
        address=version_url(mlflow, version),
    )


def _live_page(settings: Settings) -> dict[str, str]:
    """Return the page of live quality by day: Grafana's, or else what the service tells."""
    if settings.grafana_url:
        address = f"{settings.grafana_url.rstrip('/')}/d/{QUALITY.uid}"
        return {"address": address, "place": "in Grafana"}
    return {"address": f"{settings.service_page}/model", "place": "at the service"}


def _report_pages(connection: Connection, samples: Samples) -> Mapping[str, str]:
    """Return the address of the latest report of each kind that has pages."""
    found = {
        kind: read_report(connection, int(report_id)).artifact_uri
        for kind, report_id in samples.values("drift_report_info")
    }
    return {kind: address for kind, address in found.items() if address}


def _checks(samples: Samples, pages: Mapping[str, str]) -> Mapping[str, LastCheck]:
    thresholds = samples.values("drift_signal_threshold")
    alarmed = [
        labels
        for labels, value in samples.values("drift_signal_value").items()
        if labels in thresholds and value > thresholds[labels]
    ]
    checked = samples.values("drift_check_timestamp_seconds")
    return {
        kind: LastCheck(
            verdict=verdict,
            checked_at=datetime.fromtimestamp(checked[(kind,)], UTC),
            alarmed=tuple(signal for of, signal in alarmed if of == kind),
            address=pages.get(kind, ""),
        )
        for kind, verdict in samples.values("drift_verdict")
    }


def _value(samples: Samples, name: str) -> float | None:
    return samples.values(name).get(())


def _count(samples: Samples, name: str) -> int | None:
    value = _value(samples, name)
    return None if value is None else int(value)


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
