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


def test_modules_that_commands_run_exist():
    shown = make("--dry-run", "--always-make", *COMMANDS)
    modules = {
        module
        for module in re.findall(r"python -m ([\w.]+)", shown)
        if module.split(".")[0] in {"include", "tests", "serving"}
    }
    paths = {module: ROOT / Path(*module.split(".")) for module in modules}

    assert "include.cli" in modules
    assert [
        module
        for module, path in paths.items()
        if not (path.with_suffix(".py").is_file() or (path / "__main__.py").is_file())
    ] == []


def test_every_benchmark_has_a_command():
    modules = {path.stem for path in (ROOT / "tests" / "benchmarks").glob("bench_*.py")}

    assert modules <= {command.replace("-", "_") for command in COMMANDS}


def test_ci_runs_commands_that_exist_and_all_that_check_runs():
    script = (ROOT / ".ci" / "run").read_text()
    (check,) = re.findall(r"^check: ([\w -]+?) *##", MAKEFILE, flags=re.MULTILINE)
    lines = re.findall(r"^make ([a-z -]+)", script, flags=re.MULTILINE)
    run = {command for line in lines for command in line.split()}

    assert run <= set(COMMANDS)
    assert set(check.split()) <= run


def test_tests_come_last_in_ci_so_that_their_summary_does():
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1].startswith("make test ")
