"""The command `tagkeeper` and the benchmarks explain themselves, and tell errors by exit code."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from include.cli import app as cli
from include.errors import FixInputError, MissingDataError, RetryLaterError

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = sorted((ROOT / "tests/benchmarks").glob("bench_*.py"))


def subcommands(group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Return the words of every subcommand, those of groups too."""
    found = []
    for name, command in group.commands.items():
        found += (
            subcommands(command, (*path, name)) if hasattr(command, "commands") else [(*path, name)]
        )
    return found


ALL = subcommands(typer.main.get_command(cli.app))


def test_every_subcommand_says_what_it_is_for_and_what_each_option_means(capsys):
    faults = []
    for path in ALL:
        command = typer.main.get_command(cli.app)
        for name in path:
            command = command.commands[name]
        if not (command.help or "").strip().endswith("."):
            faults.append(f"{' '.join(path)}: no sentence of help")
        faults += [
            f"{' '.join(path)} {option.name}: no help"
            for option in command.params
            if option.name != "help" and not getattr(option, "help", None)
        ]
        assert cli.main([*path, "--help"]) == 0
        assert "Usage: tagkeeper" in capsys.readouterr().out
    assert faults == []


def test_every_benchmark_prints_its_help():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRINT_HELP, *(path.stem for path in BENCHMARKS)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("usage: ") == len(BENCHMARKS)


# One process for all: each would import the same libraries
PRINT_HELP = """
import runpy, sys
names = sys.argv[1:]
for name in names:
    sys.argv = [name, "--help"]
    try:
        runpy.run_module(f"tests.benchmarks.{name}", run_name="__main__")
    except SystemExit as ended:
        assert ended.code == 0, name
    else:
        raise AssertionError(f"{name} --help runs the benchmark")
"""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FixInputError("month must look like 2024-01"), 2),
        (MissingDataError("2024-01 is not [stored]: run it"), 1),
    ],
)
def test_error_is_one_line_and_its_kind_decides_the_exit_code(error, code, monkeypatch, capsys):
    def fail() -> None:
        raise error

    app = typer.Typer()
    app.command()(fail)
    app.command("other")(lambda: None)
    monkeypatch.setattr(cli, "app", app)

    assert cli.main(["fail"]) == code
    assert capsys.readouterr().err == f"{error}\n"


def test_what_may_succeed_later_says_so(monkeypatch, capsys):
    def fail() -> None:
        raise RetryLaterError("the site asks to wait 600 s")

    app = typer.Typer()
    app.command()(fail)
    app.command("other")(lambda: None)
    monkeypatch.setattr(cli, "app", app)

    assert cli.main(["fail"]) == 75
    said = capsys.readouterr().err
    assert said.startswith("the site asks to wait 600 s\n")
    assert "again later" in said


@pytest.mark.parametrize(
    "arguments", [["no-such"], ["rollback"], ["train", "--window-months", "-1"]]
)
def test_wrong_usage_exits_with_2_and_names_the_fault(arguments, capsys):
    assert cli.main(arguments) == 2
    assert "Usage: tagkeeper" in capsys.readouterr().err


def test_parameters_that_are_not_json_are_refused_before_anything_is_reached(capsys, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert cli.main(["train", "--candidate", "tfidf", "-p", "{penalty: 2}"]) == 2
    assert "--parameters is not JSON" in capsys.readouterr().err


def test_help_loads_no_library_that_only_work_needs():
    heavy = {"numpy", "sqlalchemy", "mlflow", "torch", "pandas", "airflow", "sklearn", "pydantic"}
    script = (
        "import sys; from include.cli.app import main; main(['--help']); "
        f"print(sorted({heavy!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stderr == "[]\n"


def test_keys_are_added_listed_and_removed(tmp_path, capsys):
    file = str(tmp_path / "keys")
    assert cli.main(["keys", "add", "alice", "--file", file]) == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith("tk_")
    assert key not in Path(file).read_text()
    assert cli.main(["keys", "list", "--file", file]) == 0
    assert capsys.readouterr().out == "alice\n"
    assert cli.main(["keys", "remove", "alice", "--file", file]) == 0
    assert cli.main(["keys", "list", "--file", file]) == 0
    assert capsys.readouterr().out == ""
    assert cli.main(["keys", "remove", "alice", "--file", file]) == 2
