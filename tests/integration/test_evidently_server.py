"""Evidently's workspace over the network: the same pages as in a folder, for those with the secret."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from include.drift.evidently_report import FAMILIES, make_pages
from include.drift.evidently_workspace import EvidentlyServer, remove_pages
from include.drift.samples import Observations
from include.errors import FixSettingsError, RetryLaterError
from include.jobs.drift.evidently_pages import workspace_of
from include.local_stack.waiting import wait_for
from include.settings import Settings

SECRET = "a secret of this test"
PROJECT = "devops.stackexchange: Questions by month"
OBSERVED = Observations(
    months=["2024-01"] * 40,
    words=[["docker", "image", f"w{n % 7}"] for n in range(40)],
    word_counts=[float(n) for n in range(40)],
    code_shares=[n / 40 for n in range(40)],
    tags=[[f"tag{n % 3}"] for n in range(40)],
    suggested=[[(f"tag{n % 3}", 0.5)] for n in range(40)],
    f1=[0.5] * 40,
)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address and folder of a running Evidently's UI that demands the secret."""
    folder, port = tmp_path_factory.mktemp("workspace"), free_port()
    started = subprocess.Popen(
        [
            *(sys.executable, "-m", "include.cli", "evidently-ui"),
            *("--port", str(port), "--workspace", str(folder)),
        ],
        env=os.environ | {"EVIDENTLY_SECRET": SECRET, "DO_NOT_TRACK": "1"},
    )
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{url}/api/version", timeout=2).ok
        except requests.RequestException:
            return False

    try:
        wait_for(answers, what="Evidently's UI does not answer", standstill_s=60)
        yield url, folder
    finally:
        started.terminate()
        started.wait(timeout=20)


def add_pages(place: EvidentlyServer, folder: Path, title: str) -> None:
    at = datetime(2024, 2, 1, tzinfo=UTC)
    make_pages(OBSERVED, OBSERVED, folder, title=title, at=at, workspace=place, project=PROJECT)


def stored_names(folder: Path) -> list[str]:
    # Here, as the import takes seconds, which each worker would need for its collection
    from evidently.ui.workspace import Workspace

    workspace = Workspace.create(str(folder))
    (project,) = (one for one in workspace.list_projects() if one.name == PROJECT)
    return sorted(
        workspace.get_run(project.id, run).name for run in workspace.list_runs(project.id)
    )


def test_a_check_that_is_repeated_or_erased_over_the_network_leaves_the_pages_of_others(
    server: tuple[str, Path], tmp_path: Path
):
    url, folder = server
    place = EvidentlyServer(url, SECRET)

    for title in ("2024-01", "2024-02", "2024-02"):
        add_pages(place, tmp_path, title)
    both = stored_names(folder)
    removed = remove_pages(place, PROJECT, "2024-01")

    assert both == sorted(f"{month}: {one}" for month in ("2024-01", "2024-02") for one in FAMILIES)
    assert removed == len(FAMILIES)
    assert stored_names(folder) == sorted(f"2024-02: {family}" for family in FAMILIES)


def test_who_does_not_know_the_secret_is_told_which_setting_to_set(
    server: tuple[str, Path], tmp_path: Path
):
    with pytest.raises(FixSettingsError, match="EVIDENTLY_SECRET"):
        add_pages(EvidentlyServer(server[0], "wrong"), tmp_path, "2024-03")


def test_server_that_does_not_answer_is_tried_again_later(tmp_path: Path):
    nowhere = EvidentlyServer(f"http://127.0.0.1:{free_port()}", SECRET)

    with pytest.raises(RetryLaterError, match="does not answer"):
        add_pages(nowhere, tmp_path, "2024-03")


def test_workspace_is_the_servers_where_its_address_is_set(tmp_path: Path):
    settings = Settings(local_dir=tmp_path)
    remote = {"evidently_api_url": "http://evidently:8085"}

    assert workspace_of(settings) == tmp_path / "evidently"
    assert workspace_of(settings.model_copy(update=remote)) == EvidentlyServer(
        "http://evidently:8085"
    )
