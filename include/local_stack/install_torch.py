"""
Install the locked PyTorch before the other requirements: on Linux, its CPU build by default.

pip's default torch on Linux is a CUDA build of several gigabytes, which the platform does not use.
This runs before anything is installed, so it imports the standard library only.

``TORCH=cuda`` takes pip's default; ``TORCH_INDEX=URL`` another package index.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

CPU_INDEX: Final = "https://download.pytorch.org/whl/cpu"

Pip = Callable[[Sequence[str]], str]
"""Runs ``pip install`` with arguments; returns its error output, "" if it succeeded."""


def install_torch(
    requirements: Path,
    environment: Mapping[str, str],
    *,
    platform: str = sys.platform,
    installed: str | None = None,
    pip: Pip,
    cpu_index: str = CPU_INDEX,
    timeout_s: int = 10,
) -> str:
    """
    Install the locked torch; return a sentence that says from where.

    The first of these that works: a folder of the user's pip configuration (``find-links``), which
    needs no network; the CPU index, asked once with a short timeout; the user's own index, whose
    build may bring dependencies of its own.

    Parameters
    ----------
    requirements : Path
        The lock file with a line ``torch==VERSION``.
    environment : mapping of str to str
        With ``TORCH`` and ``TORCH_INDEX``, both optional.
    platform : str
        As `sys.platform`; only Linux has a CUDA build as its default.
    installed : str or None
        Version of torch that is installed, if any.
    pip : callable
        Runs ``pip install``, as `run_pip` does.
    cpu_index : str
        Package index of the CPU builds.
    timeout_s : int
        Seconds to connect to the CPU index, and between bytes; it is asked once.

    Raises
    ------
    SystemExit
        If the locked version is missing, ``TORCH`` is unknown, or no index that may be asked has
        torch; with a message.
    """
    locked = _locked_version(requirements)
    build = environment.get("TORCH", "").strip().lower() or "cpu"
    index = environment.get("TORCH_INDEX", "").strip()
    if build not in {"cpu", "cuda"}:
        raise SystemExit(f"TORCH must be cpu or cuda, got {build}; or set TORCH_INDEX=URL")
    if installed is not None and installed.partition("+")[0] == locked:
        return f"torch {installed} is installed already."
    # Its dependencies come with the other requirements, from the user's own index
    wanted = ("--no-deps", f"torch=={locked}")
    if index:
        if error := pip(("--index-url", index, *wanted)):
            raise SystemExit(f"TORCH_INDEX={index} does not give torch {locked}:\n{error}")
        return f"torch {locked} is from {index}."
    if build == "cuda" or platform != "linux":
        _install_default(pip, locked)
        return f"torch {locked} is pip's default build."
    if not pip(("--no-index", *wanted)):
        return f"torch {locked} is from a folder of pip's configuration."
    once = ("--timeout", str(timeout_s), "--retries", "0")
    # The suffix rules out default builds on other indexes of pip's configuration
    if not pip(("--index-url", cpu_index, *once, "--no-deps", f"torch=={locked}+cpu")):
        return f"torch {locked} is PyTorch's CPU build; TORCH=cuda takes pip's default."
    _install_default(pip, locked)
    return (
        f"{cpu_index} cannot be reached or has no torch {locked} for this machine: this is pip's "
        "default build, which may be several gigabytes."
    )


def _install_default(pip: Pip, locked: str) -> None:
    """Install torch from the user's own index, with what that build needs."""
    if error := pip((f"torch=={locked}",)):
        raise SystemExit(f"torch {locked} cannot be installed:\n{error}")


def _locked_version(requirements: Path) -> str:
    found = re.search(
        r"^torch==([^\s;\\]+)", requirements.read_text(encoding="utf-8"), flags=re.MULTILINE
    )
    if found is None:
        raise SystemExit(f"{requirements} has no line torch==VERSION")
    return found[1]


def _installed_version() -> str | None:
    try:
        return version("torch")
    except PackageNotFoundError:
        return None


def run_pip(arguments: Sequence[str], python: str = sys.executable) -> str:
    """Run ``pip install`` for the environment of ``python``; return its errors, "" if none."""
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--quiet")
    done = subprocess.run(
        [*pip, "--disable-pip-version-check", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    return "" if done.returncode == 0 else done.stderr.strip() or "pip failed"


def main(arguments: Sequence[str] | None = None) -> int:
    """Install the torch that a lock file names; return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m include.local_stack.install_torch",
        description="Install the locked torch: on Linux PyTorch's CPU build, if its index can be "
        "reached. TORCH=cuda takes pip's default, TORCH_INDEX=URL takes another index.",
    )
    parser.add_argument("--requirements", type=Path, default=Path("requirements-torch.txt"))
    args = parser.parse_args(arguments)
    said = install_torch(args.requirements, os.environ, installed=_installed_version(), pip=run_pip)
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
