"""
A/B tests from start to verdict: champion against challenger on what really happened.

Outcomes are F1@5 over all true tags. With a share, each unit (client, else question) saw one
version, and feedback or the site's tags judge it. In shadow mode both answered each question, and
only the site's tags judge: feedback was given by people who saw the champion's suggestions.
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
    Interval,
    Rule,
    Split,
    Verdict,
    check_split,
    confidence_sequence,
    decide,
    weighted_differences,
)
from include.jobs.release.promotion import Move, promote, withdraw_challenger
from include.registry import ModelVersion, Registry
from include.settings import Settings
from include.store.ab_tests import (
    StoredAbTest,
    last_ended_ab_test,
    open_ab_test,
    read_pairs,
    read_units,
    record_verdict,
    start_ab_test,
)
from include.store.engine import make_engine

TOLD_WITHIN: Final = timedelta(days=2)
"""A test that ended longer ago has been told of, by this run or one before."""
UNPROMOTABLE: Final = "the champion has changed since the test began: its comparison is void"


@dataclass(frozen=True, slots=True)
class Judgement:
    """
    What a look at an A/B test came to; ``figures`` are plain JSON values.

    ``verdict`` is ``promote``, ``stop`` or ``go_on``, ``reason`` one sentence for people.
    """

    ab_test_id: int
    champion_version: str
    challenger_version: str
    shadow: bool
    verdict: Verdict
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
        The version that bears the alias ``challenger`` if None.
    share : float
        The challenger's part of the traffic, in (0, 1); without meaning in shadow mode.

    Raises
    ------
    FixInputError
        If a version is missing, both are the same, the share leaves one without traffic, or
        another test is open.
    """
    if not shadow and not 0 < share < 1:
        raise FixInputError(f"share must be between 0 and 1, both excluded, got {share}")
    champion, challenger = _rivals(registry, challenger_version)
    with engine.begin() as connection:
        ab_test_id = start_ab_test(
            connection,
            champion_version=champion.version,
            challenger_version=challenger.version,
            share=share,
            shadow=shadow,
            started_by=actor,
        )
        # Inside the transaction: a test without its alias would never be served.
        figures = {"ab_test_id": ab_test_id, "share": share, "shadow": shadow}
        move = Move(challenger, "challenger", actor, reason, figures, alias=names.CHALLENGER)
        promote(engine, registry, move)
    return ab_test_id


def stop(engine: Engine, registry: Registry, *, actor: str, reason: str) -> Judgement:
    """End the open A/B test by hand; FixInputError if none is open."""
    with engine.begin() as connection:
        test = open_ab_test(connection)
        if test is None:
            raise FixInputError("no A/B test is open")
        judgement = _judgement(test, "stop", f"stopped by {actor}: {reason}", {})
        _write(connection, judgement)
    withdraw_challenger(engine, registry, actor=actor, reason=judgement.reason)
    return judgement


def judge(
    engine: Engine,
    registry: Registry,
    *,
    rule: Rule,
    actor: str,
    now: datetime | None = None,
) -> Judgement | None:
    """
    Look at the open A/B test, write the verdict down and act on it; None if no test is open.

    The alias moves before the verdict is written: a run cut off in between is repeated whole, and
    a promotion repeated is none.
    """
    with engine.connect() as connection:
        test = open_ab_test(connection)
        if test is None:
            return None
        judgement = _look(connection, registry, test, rule, now or datetime.now(UTC))
    figures = {"ab_test_id": test.ab_test_id, **judgement.figures}
    if judgement.verdict == "promote":
        challenger = _version(registry, test.challenger_version)
        promote(engine, registry, Move(challenger, "promotion", actor, judgement.reason, figures))
    elif judgement.verdict == "stop":
        withdraw_challenger(engine, registry, actor=actor, reason=judgement.reason)
    with engine.begin() as connection:
        _write(connection, judgement)
    return judgement


def _look(
    connection: Connection, registry: Registry, test: StoredAbTest, rule: Rule, now: datetime
) -> Judgement:
    """Return today's judgement of ``test``; nothing is written."""
    champion = registry.alias(names.CHAMPION)
    holder = champion.version if champion is not None else None
    if holder not in {test.champion_version, test.challenger_version}:
        return _judgement(test, "stop", UNPROMOTABLE, {"champion": holder})
    gain, split = _gain(connection, test, rule)
    days = (now - test.started_at).total_seconds() / 86400
    verdict, reason = decide(gain, split, days, rule)
    figures = {
        "gain": _finite(asdict(gain)),
        "split": asdict(split) if split is not None else None,
        "days": round(days, 2),
        "rule": asdict(rule),
    }
    return _judgement(test, verdict, reason, figures)


def _gain(connection: Connection, test: StoredAbTest, rule: Rule) -> tuple[Interval, Split | None]:
    """Return the challenger's gain in F1@5, and the split where the traffic was shared."""
    if test.shadow:
        pairs = read_pairs(connection, test.ab_test_id)
        differences = np.array([challenger - champion for champion, challenger in pairs])
        return confidence_sequence(differences, rule), None
    units = read_units(connection, test.ab_test_id)
    treated = [unit.variant == names.CHALLENGER for unit in units]
    split = check_split(len(units) - sum(treated), sum(treated), test.share)
    judged = [(unit.score, arm) for unit, arm in zip(units, treated, strict=True) if unit.judged]
    gains = weighted_differences(
        np.array([score for score, _ in judged], dtype=np.float64),
        np.array([arm for _, arm in judged], dtype=np.bool_),
        test.share,
    )
    return confidence_sequence(gains, rule), split


def _rivals(
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
            raise FixInputError("no version bears the alias challenger: name one in version")
        challenger = found
    if champion.version == challenger.version:
        raise FixInputError(f"champion and challenger are both version {champion.version}")
    return champion, challenger


def _version(registry: Registry, version: str) -> ModelVersion:
    found = registry.version(version)
    if found is None:
        raise FixInputError(f"the registry has no version {version}")
    return found


def _judgement(
    test: StoredAbTest, verdict: Verdict, reason: str, figures: dict[str, Any]
) -> Judgement:
    return Judgement(
        test.ab_test_id,
        test.champion_version,
        test.challenger_version,
        test.shadow,
        verdict,
        reason,
        figures,
    )


def _write(connection: Connection, judgement: Judgement) -> None:
    record_verdict(
        connection,
        judgement.ab_test_id,
        verdict=judgement.verdict,
        reason=judgement.reason,
        figures=judgement.figures,
    )


def _finite(figures: dict[str, Any]) -> dict[str, Any]:
    """Return ``figures`` with None for what JSON cannot hold."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in figures.items()
    }


def run(settings: Settings, params: Mapping[str, Any], *, actor: str) -> dict[str, Any] | None:
    """
    Do what the DAG's form asks for; return plain values for its task's output.

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
    judgement = judge(engine, registry, rule=Rule(min_gain=settings.min_gain), actor=actor)
    return asdict(judgement) if judgement is not None else None


def mail_of_ended(settings: Settings, now: datetime | None = None) -> dict[str, Any] | None:
    """
    Return the mail that the latest end of a test calls for; None if none ended lately.

    Read from the ledger and not from what the judging task returned: cut off after its verdict was
    written, that task finds no open test when it comes back. The same test always gives the same
    ``mail_run_id``, so that it is told of once.

    Returns
    -------
    dict or None
        ``mail_run_id``, the run of ``send_mail``, and ``facts`` for it.
    """
    engine = make_engine(settings.require_database_url(), pool_size=1)
    with engine.connect() as connection:
        ended = last_ended_ab_test(connection, (now or datetime.now(UTC)) - TOLD_WITHIN)
    if ended is None:
        return None
    facts = {"ab_test_id": ended.ab_test_id}
    return {"mail_run_id": f"mail-ab-test-{ended.ab_test_id}", "facts": facts}
