"""
Move an alias and write its ledger row together.

The row and the alias are in two systems. The row is written first, and the alias is moved before
the transaction commits. Both steps are idempotent: repeating an interrupted promotion completes the
missing half and never writes a second row.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine

from include import names
from include.errors import ModelUnusableError, RetryLaterError
from include.registry import ModelVersion, Registry
from include.store.models import (
    Promotion,
    PromotionKind,
    latest_promotion,
    lock_promotion,
    promoted_hash,
    record_promotion,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AliasMove:
    """
    A move of an alias to a version.

    Parameters
    ----------
    version : ModelVersion
        The version that gets the alias.
    kind : str
        As in `include.store.models.Promotion`; ``promotion`` becomes ``first`` if no version had
        the alias.
    actor : str
        A person's name or a DAG run's id.
    reason : str
        One sentence for people.
    figures : mapping
        Plain JSON values behind the decision.
    alias : str, default="champion"
    replaces : str or None
        The version that the decision was made against, which must still have the alias; empty if
        no version had it, None for whichever has it.
    """

    version: ModelVersion
    kind: PromotionKind
    actor: str
    reason: str
    figures: Mapping[str, Any]
    alias: str = names.CHAMPION
    replaces: str | None = None


def promote(engine: Engine, registry: Registry, move: AliasMove) -> Promotion:
    """
    Move the alias and write the ledger row under the promotion lock; return the row.

    Safe to repeat: if the version has the alias and is in the ledger's last row, nothing changes,
    and that row is returned. A version that becomes champion stops being challenger.

    Raises
    ------
    ModelUnusableError
        If a version that was promoted before has other files now: the registry was changed.
    RetryLaterError
        If MLflow is unavailable, somebody else is moving an alias, or the alias was moved since the
        decision; nothing has changed then.
    """
    with engine.begin() as connection:
        lock_promotion(connection)
        return _move_locked(connection, registry, move)


def withdraw_challenger(
    engine: Engine, registry: Registry, *, actor: str, reason: str
) -> Promotion | None:
    """Remove the alias ``challenger`` and record it; None if no version has it."""
    with engine.begin() as connection:
        lock_promotion(connection)
        return _withdraw(connection, registry, actor=actor, reason=reason)


def _move_locked(connection: Connection, registry: Registry, move: AliasMove) -> Promotion:
    """Do the work of ``promote``; the caller holds the lock."""
    holder, last = registry.alias(move.alias), latest_promotion(connection, move.alias)
    holds = holder is not None and holder.version == move.version.version
    if holds and last is not None and last.to_version == move.version.version:
        return last
    _check_replaced(move, holder, holds=holds)
    if move.kind == "rollback" or move.figures.get("ab_test_id") is not None:
        _check_unchanged(connection, move.version)
    # after an interruption the alias may have moved already: the ledger then has the version before
    before = (last.to_version if last else None) if holds else (holder.version if holder else None)
    first = move.kind == "promotion" and before is None
    row = record_promotion(
        connection,
        alias=move.alias,
        from_version=before,
        to_version=move.version.version,
        kind="first" if first else move.kind,
        actor=move.actor,
        reason=move.reason,
        figures=move.figures,
        artifact_sha256=move.version.sha256 or None,
    )
    if move.alias == names.CHAMPION:
        challenger = registry.alias(names.CHALLENGER)
        if challenger is not None and challenger.version == move.version.version:
            reason = f"became {names.CHAMPION}"
            _withdraw(connection, registry, actor=move.actor, reason=reason)
    registry.set_alias(move.alias, move.version.version)
    log.info("%s: %s to %s (%s)", move.alias, before or "none", row.to_version, row.reason)
    return row


def _withdraw(
    connection: Connection, registry: Registry, *, actor: str, reason: str
) -> Promotion | None:
    """Remove the challenger's alias; the caller holds the lock."""
    challenger = registry.alias(names.CHALLENGER)
    if challenger is None:
        return None
    row = record_promotion(
        connection,
        alias=names.CHALLENGER,
        from_version=challenger.version,
        to_version=challenger.version,
        kind="withdrawal",
        actor=actor,
        reason=reason,
        figures={},
        artifact_sha256=challenger.sha256 or None,
    )
    registry.remove_alias(names.CHALLENGER)
    return row


def _check_replaced(move: AliasMove, holder: ModelVersion | None, *, holds: bool) -> None:
    """Check that the alias still belongs to the version that the decision was made against."""
    current = holder.version if holder else ""
    if move.replaces is not None and not holds and current != move.replaces:
        raise RetryLaterError(
            f"{move.alias} moved from version {move.replaces or 'none'} to {current or 'none'} "
            f"since version {move.version.version} was compared with it: compare again"
        )


def _check_unchanged(connection: Connection, version: ModelVersion) -> None:
    """Check that a version still has the files with which it was promoted before, if it was."""
    known = promoted_hash(connection, version.version)
    if known is not None and known != version.sha256:
        raise ModelUnusableError(
            f"version {version.version} was changed in the registry since it was promoted: its "
            f"SHA-256 is {version.sha256[:12] or 'none'}, then it was {known[:12]}. Find out who "
            "changed it; promote another version"
        )
