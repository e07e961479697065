"""Verify that Prometheus reads what it should, where it is installed."""

from pathlib import Path
from typing import Any

import requests

from include.errors import RetryLaterError
from include.local_stack.state import read_state
from include.local_stack.waiting import wait_for


def wait_for_targets(local: Path) -> int | None:
    """
    Return how many targets Prometheus reads, as soon as it reads all; None if it does not run.

    Raises
    ------
    RetryLaterError
        If one stays unread; the message names it and its error.
    """
    state = read_state(local)
    if state is None or "prometheus" not in state.programs:
        return None
    url = f"http://127.0.0.1:{state.ports['prometheus']}/api/v1/targets"
    found: list[dict[str, Any]] = []

    def all_read() -> bool:
        found[:] = _targets(url)
        return bool(found) and all(target["health"] == "up" for target in found)

    wait_for(
        all_read,
        what="Prometheus does not read all its targets",
        progress=lambda: tuple(target["health"] for target in found),
        explain=lambda: "\n".join(
            f"{target['labels']['job']}: {target['health']} {target['lastError']}"
            for target in found
        ),
    )
    return len(found)


def _targets(url: str) -> list[dict[str, Any]]:
    try:
        answer: dict[str, Any] = requests.get(url, timeout=5).json()
    except (requests.RequestException, ValueError) as error:
        raise RetryLaterError(f"Prometheus does not answer: {error}") from None
    targets: list[dict[str, Any]] = answer["data"]["activeTargets"]
    return targets
