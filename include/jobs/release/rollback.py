"""
Roll the champion back to an earlier version that loads and answers; wait for the service.

The DAG `rollback_champion` calls this; ``tagkeeper rollback --help`` does the
same without Airflow.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import requests
from sqlalchemy import Engine

from include import names
from include.candidates.base import EncoderFactory
from include.candidates.catalogue import load_candidate
from include.errors import (
    CheckFailedError,
    FixInputError,
    ModelUnusableError,
)
from include.jobs.release.promotion import AliasMove, promote
from include.registry import ModelVersion, Registry
from include.settings import Settings
from include.store.engine import process_engine
from include.store.models import Promotion, latest_promotion, promotion_to
from include.task_results import RollbackResult
from include.text.prepare import prepare

PREVIOUS: Final = "previous"
SERVING_TIMEOUT_S: Final = 30.0
_CONFIRMATIONS: Final = 3
"""Workers follow one by one: this many answers in a row must be from the new version."""


def rollback(
    engine: Engine,
    registry: Registry,
    *,
    version: str,
    reason: str,
    actor: str,
    encoders: EncoderFactory,
    request_id: str | None = None,
) -> Promotion:
    """
    Roll the champion back to an earlier version, which is first downloaded, loaded and tried.

    Parameters
    ----------
    engine : Engine
    registry : Registry
    version : str
        A version's number, or ``previous``: the version that the current champion replaced when it
        was promoted. Repeated, it goes one step further back.
    reason : str
        Required; goes into the ledger.
    actor : str
        Who requests it.
    encoders : EncoderFactory
        For loading candidates that embed.
    request_id : str or None
        A DAG run's id: a repeated request (a task that was interrupted and retried) changes nothing
        more, and ``previous`` does not go one step further.

    Raises
    ------
    FixInputError
        If the reason is empty, there is no such version, or it is the champion already.
    ModelUnusableError
        If the version does not load or does not answer; nothing has changed then.
    RetryLaterError
        If MLflow is unavailable; nothing has changed then.
    """
    if not reason.strip():
        raise FixInputError("a rollback needs a reason, which goes into the ledger")
    champion = registry.alias(names.CHAMPION)
    if champion is None:
        raise FixInputError("there is no champion yet: nothing to roll back")
    with engine.connect() as connection:
        last = latest_promotion(connection)
    if request_id and last is not None and last.figures.get("request") == request_id:
        return last
    target = registry.version(_target(engine, champion, version.strip()))
    if target is None:
        raise FixInputError(f"{registry.model} has no version {version}")
    if target.version == champion.version:
        raise FixInputError(f"version {target.version} is the champion already")
    check_usable(registry, target, encoders)
    figures = {"candidate": target.candidate, "request": request_id}
    move = AliasMove(target, "rollback", actor, reason.strip(), figures)
    return promote(engine, registry, move)


def check_usable(registry: Registry, version: ModelVersion, encoders: EncoderFactory) -> None:
    """
    Download and load a version, and let it predict one question.

    Raises
    ------
    ModelUnusableError
        If any of it fails; the message says which version and why.
    RetryLaterError
        If MLflow is unavailable.
    """
    with tempfile.TemporaryDirectory() as folder:
        candidate = load_candidate(registry.download(version, Path(folder)), encoders)
        question = prepare("How do I read a file line by line?", "<p>It is <code>large</code>.</p>")
        try:
            answer = candidate.rank([question], 5)[0]
        except Exception as error:  # a damaged model may raise anything
            raise ModelUnusableError(
                f"version {version.version} loads but does not answer: {error!r}"
            ) from error
    known = set(candidate.vocabulary)
    if not answer or any(item.tag not in known or not math.isfinite(item.score) for item in answer):
        raise ModelUnusableError(f"version {version.version} gives invalid predictions: {answer}")


def served_version(service_url: str) -> str | None:
    """
    Return the champion's version that one worker of the service has loaded, None if it has none.

    Uses ``/readyz``, which needs no API key and has no rate limit: beyond loopback ``/model`` needs
    a key, which an operator who rolls back may not have.
    """
    try:
        response = requests.get(f"{service_url.rstrip('/')}/readyz", timeout=3)
        version = response.json().get("model_version") if response.ok else None
    except (requests.RequestException, ValueError):
        return None
    return str(version) if version else None


def verify_served(
    version: str,
    get_version: Callable[[], str | None],
    *,
    timeout_s: float = SERVING_TIMEOUT_S,
    pause_s: float = 0.5,
) -> float:
    """
    Wait until the service answers with ``version``; return the seconds that it took.

    Parameters
    ----------
    version : str
    get_version : callable
        Returns the version that answers now, such as `served_version` of the service's address.
    timeout_s, pause_s : float
        How long to wait in total and between two requests, > 0.

    Raises
    ------
    CheckFailedError
        If it does not within ``timeout_s``: the alias has moved, but the service has not followed.
    """
    started, matches, found = time.monotonic(), 0, None
    while time.monotonic() - started < timeout_s:
        found = get_version()
        matches = matches + 1 if found == version else 0
        if matches == _CONFIRMATIONS:
            return time.monotonic() - started
        time.sleep(pause_s)
    raise CheckFailedError(
        f"the alias names version {version}, but after {timeout_s:.0f} s the service answers with "
        f"{found or 'nothing'}: look at /readyz of the service"
    )


def _target(engine: Engine, champion: ModelVersion, version: str) -> str:
    """Return the version number that ``version`` means."""
    if version != PREVIOUS:
        return version
    with engine.connect() as connection:
        row = promotion_to(connection, names.CHAMPION, champion.version)
    if row is None or row.from_version is None:
        raise FixInputError(
            f"the ledger has no version before {champion.version}: name the version by number"
        )
    return row.from_version


def roll_back_from_settings(
    settings: Settings, *, version: str, reason: str, actor: str, request_id: str | None = None
) -> RollbackResult:
    """
    Roll back on the platform of the settings; return what the ledger says of it.

    `rollback_champion` calls this. `verify_from_settings` waits for the service.
    """
    from include.candidates.encoders import encoder_factory

    row = rollback(
        process_engine(settings.require_database_url()),
        Registry(settings.require_mlflow_uri()),
        version=version,
        reason=reason,
        actor=actor,
        encoders=encoder_factory(settings.bert_model),
        request_id=request_id,
    )
    return RollbackResult(
        promotion_id=row.promotion_id,
        from_version=row.from_version,
        to_version=row.to_version,
        actor=row.actor,
        reason=row.reason,
    )


def verify_from_settings(settings: Settings, version: str) -> float:
    """Wait until the service of the settings answers with ``version``; return the seconds."""
    return verify_served(version, lambda: served_version(settings.service_url))
