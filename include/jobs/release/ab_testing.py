"""
A/B tests of champion and challenger on true tags, from start to verdict.

The outcome is F1@5 over all true tags. With a share of the traffic, each unit (client, else
question) saw one version, and its true tags come from feedback or from the site. In shadow mode
both versions answered each question, and true tags come only from the site: feedback was given by
people who saw the champion's suggestions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, Engine

from include import names
from include.errors import FixInputError
from include.evaluation.sequential import (
    AnytimeInterval,
    SampleRatio,
    SequentialVerdict,
    StoppingRule,
    aipw_gains,
    confidence_sequence,
    sample_ratio_test,
    sequential_verdict,
)
from include.jobs.release.promotion import AliasMove, promote, withdraw_challenger
from include.registry import ModelVersion, Registry
from include.settings import Settings
from include.store.ab_tests import (
    StoredAbTest,
    last_ended_ab_test,
    open_ab_test,
    read_paired_scores,
    read_units,
    record_verdict,
    start_ab_test,
)
from include.store.engine import make_engine

NOTIFY_WITHIN: Final = timedelta(days=2)
"""Tests that ended longer ago are not notified of: an earlier run has done so."""
CHAMPION_CHANGED: Final = "the champion has changed since the test began: the comparison is void"


@dataclass(frozen=True, slots=True)
class AbTestResult:
    """
    Result of one look at an A/B test; ``figures`` are plain JSON values.

    ``verdict`` is ``promote``, ``stop`` or ``go_on``, ``reason`` one sentence for people.
    """

    ab_test_id: int
    champion_version: str
    challenger_version: str
    shadow: bool
    verdict: SequentialVerdict
    reason: str
    figures: dict[str, Any]


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
        result = _result(test, "stop", f"stopped by {actor}: {reason}", {})
        _write(connection, result)
    withdraw_challenger(engine, registry, actor=actor, reason=result.reason)
    return result


def judge(
    engine: Engine,
    registry: Registry,
    *,
    rule: StoppingRule,
    actor: str,
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
        result = _evaluate(connection, registry, test, rule, now or datetime.now(UTC))
    figures = {"ab_test_id": test.ab_test_id, **result.figures}
    if result.verdict == "promote":
        challenger = _version(registry, test.challenger_version)
        promote(engine, registry, AliasMove(challenger, "promotion", actor, result.reason, figures))
    elif result.verdict == "stop":
        withdraw_challenger(engine, registry, actor=actor, reason=result.reason)
    with engine.begin() as connection:
        _write(connection, result)
    return result


def _evaluate(
    connection: Connection,
    registry: Registry,
    test: StoredAbTest,
    rule: StoppingRule,
    now: datetime,
) -> AbTestResult:
    """Return the current result of ``test``; writes nothing."""
    champion = registry.alias(names.CHAMPION)
    holder = champion.version if champion is not None else None
    if holder not in {test.champion_version, test.challenger_version}:
        return _result(test, "stop", CHAMPION_CHANGED, {"champion": holder})
    gain, split = _gain(connection, test, rule)
    days = (now - test.started_at).total_seconds() / 86400
    verdict, reason = sequential_verdict(gain, split, days, rule)
    figures = {
        "gain": _finite(asdict(gain)),
        "split": asdict(split) if split is not None else None,
        "days": round(days, 2),
        "rule": asdict(rule),
    }
    return _result(test, verdict, reason, figures)


def _gain(
    connection: Connection, test: StoredAbTest, rule: StoppingRule
) -> tuple[AnytimeInterval, SampleRatio | None]:
    """Return the challenger's gain in F1@5, and the split if the traffic was shared."""
    if test.shadow:
        pairs = read_paired_scores(connection, test.ab_test_id)
        differences = np.array([challenger - champion for champion, challenger in pairs])
        return confidence_sequence(differences, rule), None
    units = read_units(connection, test.ab_test_id)
    treated = [unit.variant == names.CHALLENGER for unit in units]
    split = sample_ratio_test(len(units) - sum(treated), sum(treated), test.share)
    judged = [(unit.score, arm) for unit, arm in zip(units, treated, strict=True) if unit.judged]
    gains = aipw_gains(
        np.array([score for score, _ in judged], dtype=np.float64),
        np.array([arm for _, arm in judged], dtype=np.bool_),
        test.share,
    )
    return confidence_sequence(gains, rule), split


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


def _result(
    test: StoredAbTest, verdict: SequentialVerdict, reason: str, figures: dict[str, Any]
) -> AbTestResult:
    return AbTestResult(
        test.ab_test_id,
        test.champion_version,
        test.challenger_version,
        test.shadow,
        verdict,
        reason,
        figures,
    )


def _write(connection: Connection, result: AbTestResult) -> None:
    record_verdict(
        connection,
        result.ab_test_id,
        verdict=result.verdict,
        reason=result.reason,
        figures=result.figures,
    )


def _finite(figures: dict[str, Any]) -> dict[str, Any]:
    """Return ``figures`` with None in place of numbers that JSON does not have."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }


def run_action(
    settings: Settings, params: Mapping[str, Any], *, actor: str
) -> dict[str, Any] | None:
    """
    Carry out the action of the DAG's form; return plain values for its task's output.

    Parameters
    ----------
    settings : Settings
    params : mapping
        ``action`` (``judge``, ``start``, ``stop``), ``version``, ``share``, ``shadow``, ``reason``.
    actor : str
        The DAG run's id.
    """
    engine = make_engine(settings.require_database_url())
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
    result = judge(engine, registry, rule=StoppingRule(min_gain=settings.min_gain), actor=actor)
    return asdict(result) if result is not None else None


def ended_test_mail(settings: Settings, now: datetime | None = None) -> dict[str, Any] | None:
    """
    Return the mail about the A/B test that ended last; None if none ended recently.

    It is read from the ledger and not from the judging task's return value: a retry of that task
    after its verdict was written finds no open test. A test always gives the same ``mail_run_id``,
    so that it is mailed once.

    Returns
    -------
    dict or None
        ``mail_run_id``, the run of ``send_mail``, and ``facts`` for it.
    """
    engine = make_engine(settings.require_database_url(), pool_size=1)
    with engine.connect() as connection:
        ended = last_ended_ab_test(connection, (now or datetime.now(UTC)) - NOTIFY_WITHIN)
    if ended is None:
        return None
    facts = {"ab_test_id": ended.ab_test_id}
    return {"mail_run_id": f"mail-ab-test-{ended.ab_test_id}", "facts": facts}
