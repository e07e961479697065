"""What the platform writes is for its user alone, and what it finds is not changed for others."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from include.errors import FixSettingsError
from include.local_stack import postgres, private_folders
from include.local_stack.layout import PORTS, local_layout
from include.local_stack.ports import reserved_ports
from include.local_stack.provision import make_folders
from tests.conftest import free_port

pytestmark = pytest.mark.integration

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The temporary folder that everybody shares."""
    shared = tmp_path / "shared"
    shared.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(shared))
    return shared


def test_folder_in_the_shared_temporary_folder_is_private(temporary):
    assert mode(private_folders.temporary_folder()) == 0o700
    assert private_folders.temporary_folder().parent == temporary


def test_planted_link_is_refused(temporary, tmp_path):
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o700)
    (temporary / f"tagkeeper-{os.geteuid()}").symlink_to(victim)

    with pytest.raises(FixSettingsError, match="not a private folder of this user"):
        private_folders.temporary_folder()
    assert list(victim.iterdir()) == []


def test_folder_that_others_may_enter_is_refused(temporary):
    (temporary / f"tagkeeper-{os.geteuid()}").mkdir(mode=0o700)
    (temporary / f"tagkeeper-{os.geteuid()}").chmod(0o777)

    with pytest.raises(FixSettingsError, match="remove it"):
        private_folders.temporary_folder()


@as_root
def test_folder_of_another_user_is_refused(temporary):
    planted = temporary / f"tagkeeper-{os.geteuid()}"
    planted.mkdir(mode=0o700)
    os.chown(planted, pwd.getpwnam("nobody").pw_uid, -1)

    with pytest.raises(FixSettingsError, match="remove it"):
        private_folders.temporary_folder()


def test_lock_of_a_port_follows_no_link(temporary, tmp_path):
    port = free_port()
    victim = tmp_path / "victim"
    victim.write_text("kept")
    (private_folders.temporary_folder() / f"port-{port}").symlink_to(victim)

    with pytest.raises(OSError, match="symbolic link"), reserved_ports({"service": port}):
        pass
    assert victim.read_text() == "kept"


def test_folders_of_the_state_are_closed_to_others(tmp_path):
    local = tmp_path / "local"
    (local / "spool").mkdir(parents=True, mode=0o755)
    layout = local_layout(local, PORTS)
    make_folders(layout)

    assert {mode(path) for path in local.iterdir()} == {0o700}


@as_root
def test_private_folders_above_the_data_stay_private(tmp_path):
    above = tmp_path / "home"
    local = above / "project" / ".local"
    local.mkdir(parents=True)
    above.chmod(0o700)

    data = postgres.cluster(local)
    try:
        postgres.initialise(data, "secret")

        assert mode(above) == 0o700
        assert (local / "postgres").resolve() == data
        assert (data / "PG_VERSION").exists()
        assert mode(data) == 0o700
        assert postgres.cluster(local) == data
    finally:
        subprocess.run(["rm", "-rf", str(data)], check=True)


@as_root
def test_programs_in_a_private_folder_are_copied(tmp_path):
    assert postgres._may_enter(postgres.ACCOUNT, postgres.binaries())


METRICS = """
import os, sys
from pathlib import Path
from include.errors import FixSettingsError
from serving.metrics_folder import make_metrics_folder
try:
    make_metrics_folder(os.environ, Path(sys.argv[1]))
except FixSettingsError as error:
    sys.exit(str(error))
print(os.environ["PROMETHEUS_MULTIPROC_DIR"], flush=True)
sys.stdin.readline()
"""


def start_in(folder: Path, local: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", METRICS, str(local)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def working_folder(tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "precious.db").write_text("kept")
    return folder


def test_empty_metrics_folder_counts_as_unset(working_folder, tmp_path):
    service = start_in(working_folder, tmp_path / "local", PROMETHEUS_MULTIPROC_DIR="")
    out, _ = service.communicate("\n")

    assert out.startswith(str(tmp_path / "local" / "service-metrics"))
    assert (working_folder / "precious.db").read_text() == "kept"


@pytest.mark.parametrize("value", [".", "./", "../work"])
def test_working_directory_is_refused_for_metrics(working_folder, tmp_path, value):
    service = start_in(working_folder, tmp_path / "local", PROMETHEUS_MULTIPROC_DIR=value)
    _, error = service.communicate("\n")

    assert service.returncode == 1
    assert "is the working directory" in error
    assert (working_folder / "precious.db").read_text() == "kept"


def test_second_start_leaves_the_figures_of_the_running_one(working_folder, tmp_path):
    first = start_in(working_folder, tmp_path / "local")
    folder = Path(first.stdout.readline().strip())
    (folder / "counter_1.db").write_text("figures")
    second = start_in(working_folder, tmp_path / "local")
    other = Path(second.stdout.readline().strip())

    assert other != folder
    assert (folder / "counter_1.db").read_text() == "figures"

    first.communicate("\n")
    second.communicate("\n")
    third = start_in(working_folder, tmp_path / "local")
    third.stdout.readline()

    assert not folder.exists()  # its processes have ended
    third.communicate("\n")
