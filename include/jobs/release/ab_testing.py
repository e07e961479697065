"""
A/B tests of champion and challenger on true tags, from start to verdict.

The outcome is F1@5 over all true tags. With a share of the traffic, each unit (client, else
question, of one API key) saw one version. True tags are those read from the site; feedback counts
only if `Trust` says so, and only that of the key that asked. In shadow mode both versions answered
each question, and feedback never counts: it was given by people who saw the champion's suggestions.

No verdict rests on one API key alone, unless it is a trusted one. A person may decide at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine

from include import names
from include.errors import FixInputError
from include.evaluation.sequential import StoppingRule
from include.jobs.release.ab_evaluation import (
    CHAMPION_CHANGED,
    AbTestResult,
    Trust,
    evaluate,
    result_of,
)
from include.jobs.release.promotion import AliasMove, promote, withdraw_challenger
from include.registry import ModelVersion, Registry
from include.settings import Settings
from include.store.ab_tests import (
    last_ended_ab_test,
    open_ab_test,
    record_verdict,
    start_ab_test,
)
from include.store.engine import process_engine
from include.task_results import AbTestEnd

NOTIFY_WITHIN: Final = timedelta(days=2)
"""Tests that ended longer ago are not notified of: an earlier run has done so."""


def start(
    engine: Engine,
    registry: Registry,
    *,
    challenger_version: str | None,
    share: float,
    shadow: bool,
    actor: str,
    reason: str,
) -> int:
    """
    Start an A/B test between the champion and a challenger; return its id.

    Parameters
    ----------
    challenger_version : str or None
        The version with the alias ``challenger``, if None.
    share : float
        The challenger's part of the traffic, in (0, 1); ignored in shadow mode.

    Raises
    ------
    FixInputError
        If a version is missing, both are the same, the share leaves one of them without traffic, or
        another test is open.
    """
    if not shadow and not 0 < share < 1:
        raise FixInputError(f"share must be between 0 and 1, both excluded, got {share}")
    champion, challenger = _test_versions(registry, challenger_version)
    with engine.begin() as connection:
        ab_test_id = start_ab_test(
            connection,
            champion_version=champion.version,
            challenger_version=challenger.version,
            share=share,
            shadow=shadow,
            started_by=actor,
        )
        # Inside the transaction: a test without its alias would not be served.
        figures = {"ab_test_id": ab_test_id, "share": share, "shadow": shadow}
        move = AliasMove(challenger, "challenger", actor, reason, figures, alias=names.CHALLENGER)
        promote(engine, registry, move)
    return ab_test_id


def stop(engine: Engine, registry: Registry, *, actor: str, reason: str) -> AbTestResult:
    """Stop the open A/B test; FixInputError if none is open."""
    with engine.begin() as connection:
        test = open_ab_test(connection)
        if test is None:
            raise FixInputError("no A/B test is open")
        result = result_of(test, "stop", f"stopped by {actor}: {reason}", {})
        _write(connection, result)
    withdraw_challenger(engine, registry, actor=actor, reason=result.reason)
    return result


def promote_challenger(
    engine: Engine, registry: Registry, *, actor: str, reason: str
) -> AbTestResult:
    """
    End the open A/B test with the promotion of its challenger, as a person decides.

    Raises
    ------
    FixInputError
        If no test is open, or the champion has changed since it began.
    """
    with engine.connect() as connection:
        test = open_ab_test(connection)
    if test is None:
        raise FixInputError("no A/B test is open")
    champion = registry.alias(names.CHAMPION)
    holder = champion.version if champion is not None else None
    if holder not in {test.champion_version, test.challenger_version}:
        raise FixInputError(f"{CHAMPION_CHANGED}: stop the test with action 'stop'")
    result = result_of(test, "promote", f"promoted by {actor}: {reason}", {})
    challenger = _version(registry, test.challenger_version)
    figures = {"ab_test_id": test.ab_test_id}
    promote(engine, registry, AliasMove(challenger, "promotion", actor, result.reason, figures))
    with engine.begin() as connection:
        _write(connection, result)
    return result


def judge(
    engine: Engine,
    registry: Registry,
    *,
    rule: StoppingRule,
    actor: str,
    trust: Trust = Trust(),  # noqa: B008 - immutable
    now: datetime | None = None,
) -> AbTestResult | None:
    """
    Judge the open A/B test, record the verdict and apply it; None if no test is open.

    The alias moves before the verdict is written: a run that is interrupted in between is repeated
    as a whole, and a repeated promotion changes nothing.
    """
    with engine.connect() as connection:
        test = open_ab_test(connection)
        if test is None:
            return None
        result = evaluate(connection, registry, test, rule, trust, now or datetime.now(UTC))
    figures = {"ab_test_id": test.ab_test_id, **result.figures}
    if result.verdict == "promote":
        challenger = _version(registry, test.challenger_version)
        promote(engine, registry, AliasMove(challenger, "promotion", actor, result.reason, figures))
    elif result.verdict == "stop":
        withdraw_challenger(engine, registry, actor=actor, reason=result.reason)
    with engine.begin() as connection:
        _write(connection, result)
    return result


def _test_versions(
    registry: Registry, challenger_version: str | None
) -> tuple[ModelVersion, ModelVersion]:
    champion = registry.alias(names.CHAMPION)
    if champion is None:
        raise FixInputError("there is no champion yet: train one first")
    if challenger_version:
        challenger = _version(registry, challenger_version)
    else:
        found = registry.alias(names.CHALLENGER)
        if found is None:
            raise FixInputError("no version has the alias challenger: name one in version")
        challenger = found
    if champion.version == challenger.version:
        raise FixInputError(f"champion and challenger are both version {champion.version}")
    return champion, challenger


def _version(registry: Registry, version: str) -> ModelVersion:
    found = registry.version(version)
    if found is None:
        raise FixInputError(f"the registry has no version {version}")
    return found


def _write(connection: Connection, result: AbTestResult) -> None:
    record_verdict(
        connection,
        result.ab_test_id,
        verdict=result.verdict,
        reason=result.reason,
        figures=result.figures,
    )


def run_action(
    settings: Settings, params: Mapping[str, Any], *, actor: str
) -> dict[str, Any] | None:
    """
    Carry out the action of the DAG's form; return plain values for its task's output.

    Parameters
    ----------
    settings : Settings
    params : mapping
        ``action`` (``judge``, ``start``, ``stop``, ``promote``), ``version``, ``share``,
        ``shadow``, ``reason``.
    actor : str
        The DAG run's id.
    """
    engine = process_engine(settings.require_database_url())
    registry = Registry(settings.require_mlflow_uri())
    reason = str(params.get("reason") or "").strip() or "no reason given"
    action = params.get("action", "judge")
    if action == "start":
        ab_test_id = start(
            engine,
            registry,
            challenger_version=params.get("version"),
            share=float(params["share"]),
            shadow=bool(params["shadow"]),
            actor=actor,
            reason=reason,
        )
        return {"ab_test_id": ab_test_id}
    if action == "stop":
        return asdict(stop(engine, registry, actor=actor, reason=reason))
    if action == "promote":
        return asdict(promote_challenger(engine, registry, actor=actor, reason=reason))
    result = judge(
        engine,
        registry,
        rule=StoppingRule(min_gain=settings.min_gain),
        actor=actor,
        trust=Trust(settings.ab_test_feedback, settings.trusted_key_names),
    )
    return asdict(result) if result is not None else None


def ended_test_mail(settings: Settings, now: datetime | None = None) -> AbTestEnd | None:
    """
    Return the A/B test that ended last, to send a mail about; None if none ended recently.

    It is read from the ledger and not from the judging task's return value: a retry of that task
    after its verdict was written finds no open test. A test always gives the same ``mail_run_id``,
    so that it is mailed once.

    Returns
    -------
    AbTestEnd or None
    """
    engine = process_engine(settings.require_database_url())
    with engine.connect() as connection:
        ended = last_ended_ab_test(connection, (now or datetime.now(UTC)) - NOTIFY_WITHIN)
    return AbTestEnd(ended.ab_test_id) if ended else None
