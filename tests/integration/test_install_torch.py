"""`make install` takes PyTorch's CPU build: real pip against package indexes over real HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from include.local_stack.install_torch import install_torch, run_pip

VERSION = "2.13.0"

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]


def make_wheel(folder: Path, version: str) -> None:
    """Write an empty package torch."""
    folder.mkdir(parents=True, exist_ok=True)
    meta = f"torch-{version}.dist-info"
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("torch/__init__.py", "")
        wheel.writestr(
            f"{meta}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
        )
        wheel.writestr(
            f"{meta}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{meta}/RECORD", "")


@contextmanager
def index(folder: Path, version: str) -> Iterator[str]:
    """Serve a package index that has torch in one version."""
    make_wheel(folder / "torch", version)
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def silent_address() -> Iterator[str]:
    """An address that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The interpreter of an empty environment; pip's configuration has no folder and no index."""
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True
    )
    return str(tmp_path / "venv" / "bin" / "python")


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    path = tmp_path / "requirements-torch.txt"
    path.write_text(f"threadpoolctl==3.6.0\ntorch=={VERSION} \\\n    --hash=sha256:0\n")
    return path


def installed(python: str) -> str | None:
    command = "from importlib.metadata import version; print(version('torch'))"
    done = subprocess.run([python, "-c", command], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


def test_linux_takes_the_cpu_build(python: str, requirements: Path, tmp_path: Path):
    with index(tmp_path / "index", f"{VERSION}+cpu") as url:
        said = install_torch(
            requirements,
            {},
            platform="linux",
            pip=partial(run_pip, python=python),
            cpu_index=url,
        )

    assert installed(python) == f"{VERSION}+cpu"
    assert "CPU build" in said


def test_after_an_index_that_never_answers_comes_the_users_own_index(
    python: str, requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with silent_address() as url, index(tmp_path / "own", f"{VERSION}+cu130") as own:
        monkeypatch.setenv("PIP_INDEX_URL", own)
        said = install_torch(
            requirements,
            {},
            platform="linux",
            pip=partial(run_pip, python=python),
            cpu_index=url,
            timeout_s=1,
        )

    assert installed(python) == f"{VERSION}+cu130"
    assert f"{url} cannot be reached" in said


def test_a_folder_of_pips_configuration_wins_without_asking_the_index(
    python: str, requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    make_wheel(tmp_path / "wheels", VERSION)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))

    said = install_torch(
        requirements,
        {},
        platform="linux",
        pip=partial(run_pip, python=python),
        cpu_index="http://127.0.0.1:9",
    )

    assert installed(python) == VERSION
    assert "folder of pip's configuration" in said


def test_an_index_that_the_user_names_is_used_or_fails_loudly(
    python: str, requirements: Path, tmp_path: Path
):
    pip = partial(run_pip, python=python)
    with index(tmp_path / "empty", "1.0") as url, pytest.raises(SystemExit, match=f"{url} does"):
        install_torch(requirements, {"TORCH_INDEX": url}, platform="linux", pip=pip)
    with index(tmp_path / "cuda", f"{VERSION}+cu130") as url:
        install_torch(requirements, {"TORCH_INDEX": url}, platform="linux", pip=pip)

    assert installed(python) == f"{VERSION}+cu130"


@pytest.mark.parametrize(
    ("environment", "platform", "present", "expected"),
    [
        ({"TORCH": "cuda"}, "linux", None, [(f"torch=={VERSION}",)]),
        ({}, "darwin", None, [(f"torch=={VERSION}",)]),
        ({}, "linux", f"{VERSION}+cpu", []),
    ],
)
def test_the_users_own_index_is_asked_for_cuda_and_on_other_systems(
    requirements: Path,
    environment: dict[str, str],
    platform: str,
    present: str | None,
    expected: list[tuple[str, ...]],
):
    asked: list[object] = []

    def pip(arguments: object) -> str:
        asked.append(arguments)
        return ""

    install_torch(requirements, environment, platform=platform, installed=present, pip=pip)

    assert asked == expected


def test_an_unknown_build_and_a_lock_without_torch_are_refused(requirements: Path):
    with pytest.raises(SystemExit, match="TORCH must be cpu or cuda"):
        install_torch(requirements, {"TORCH": "gpu"}, pip=run_pip)
    requirements.write_text("torchmetrics==1.0\n")
    with pytest.raises(SystemExit, match="has no line torch=="):
        install_torch(requirements, {}, pip=run_pip)
