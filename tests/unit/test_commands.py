"""Every module that can be run has a help page."""

import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for pattern in ("include/**/*.py", "serving/*.py", "tests/benchmarks/bench_*.py")
    for path in ROOT.glob(pattern)
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("module", COMMANDS)
def test_command_prints_its_help(module: str, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [module, "--help"])

    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__")

    printed = capsys.readouterr().out
    assert ended.value.code == 0
    assert printed.startswith("usage: ")
    assert len(printed.splitlines()) > 4
