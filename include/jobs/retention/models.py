"""Old versions of the model, and runs of trainings and drift checks, in MLflow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Engine

from include import names
from include.jobs.retention.steps import RetentionStep
from include.registry import ModelVersion, Registry
from include.registry.runs import Run, Runs
from include.settings import Settings
from include.store.ab_tests import open_ab_test
from include.store.models import list_promotions, lock_promotion
from include.store.retention import Removal, forget_pages


def model_steps(engine: Engine, settings: Settings, now: datetime) -> Iterator[RetentionStep]:
    """
    Yield the versions and runs that are old and needed by nothing, versions first.

    See `needed_versions` and `needed_runs`. Each version is looked at again, under the lock of
    promotions, before it goes.
    """
    if not settings.keep_runs_days:
        return
    uri = settings.require_mlflow_uri()
    registry, runs = Registry(uri), Runs(uri)
    before = now - timedelta(days=settings.keep_runs_days)
    with engine.connect() as connection:
        needed = needed_versions(connection, registry, settings.keep_champions)
    versions = registry.versions()
    old = [v for v in versions if v.version not in needed and v.created_at < before]
    for version in old:
        yield RetentionStep(
            Removal("version", version.version, 1),
            partial(_delete_version, engine, registry, version, settings.keep_champions),
        )
    kept = [version for version in versions if version not in old]
    needed_ids = needed_runs(kept, runs)
    kinds = {names.EXPERIMENT_TRAINING: "run", names.EXPERIMENT_DRIFT: "report"}
    for experiment, kind in kinds.items():
        for run in runs.started_before(experiment, before):
            if run.run_id not in needed_ids:
                yield RetentionStep(
                    Removal(kind, run.run_id, 1), partial(_delete_run, engine, runs, run)
                )


def needed_versions(connection: Connection, registry: Registry, keep_champions: int) -> set[str]:
    """
    Return the versions that must stay, however old.

    They are those with any alias, those that the ledger's latest ``keep_champions`` rows about the
    champion name (the targets of rollbacks), and those of the open A/B test.
    """
    needed = set(registry.aliases().values())
    for row in list_promotions(connection, names.CHAMPION, limit=keep_champions):
        needed |= {row.to_version, *({row.from_version} if row.from_version else ())}
    for row in list_promotions(connection, names.CHALLENGER, limit=1):
        needed.add(row.to_version)
    test = open_ab_test(connection)
    if test is not None:
        needed |= {test.champion_version, test.challenger_version}
    return needed


def needed_runs(versions: Iterable[ModelVersion], runs: Runs) -> set[str]:
    """Return the runs that logged or evaluated kept versions, and their parents."""
    direct = {
        run_id
        for version in versions
        for run_id in (version.run_id, version.tags.get("evaluation_run_id", ""))
        if run_id
    }
    return direct | {parent for run_id in direct if (parent := runs.parent_of(run_id))}


def _delete_version(
    engine: Engine, registry: Registry, version: ModelVersion, keep_champions: int
) -> None:
    """Delete a version, unless somebody has come to need it meanwhile."""
    with engine.begin() as connection:
        lock_promotion(connection)
        if version.version not in needed_versions(connection, registry, keep_champions):
            registry.delete_version(version.version)


def _delete_run(engine: Engine, runs: Runs, run: Run) -> None:
    """Delete a run with its model and artifacts, and the links to its pages."""
    runs.delete(run)
    with engine.begin() as connection:
        forget_pages(connection, run.run_id)
