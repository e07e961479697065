"""The Makefile's commands are listed by `make help`, and run what exists."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
COMMANDS = re.findall(r"^([a-z][a-z-]*):(?! export)", MAKEFILE, flags=re.MULTILINE)

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> str:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_help_comes_first_and_lists_every_command():
    listed = re.findall(r"\x1b\[1m([a-z-]+)", make())

    assert listed[0] == "help"
    assert listed == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_modules_that_a_command_runs_exist(command: str):
    shown = make("--dry-run", "--always-make", command)
    modules = {
        module
        for module in re.findall(r"python -m ([\w.]+)", shown)
        if module.split(".")[0] in {"include", "tests", "serving"}
    }

    for module in modules:
        path = ROOT / Path(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module


def test_every_benchmark_has_a_command():
    modules = {path.stem for path in (ROOT / "tests" / "benchmarks").glob("bench_*.py")}

    assert modules <= {command.replace("-", "_") for command in COMMANDS}


def test_check_runs_lint_types_and_tests():
    shown = make("--dry-run", "check")

    assert [shown.count(tool) > 0 for tool in ("ruff check", "mypy", "pytest")] == [True] * 3


def test_ci_runs_what_check_runs():
    script = (ROOT / ".ci" / "run").read_text()

    assert re.findall(r"^make (.+)$", script, flags=re.MULTILINE)[1:] == [
        "lint spelling types",
        "audit",
        'test ARGS="-q -ra --durations=15"',
    ]
