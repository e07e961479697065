"""When a check fails, the demo exits with 1, a clear line and the path of the logs."""

from pathlib import Path

import pytest

from include.cli.app import main
from include.demo.context import Demo, Stage, run_stages
from include.demo.stages import clear_earlier_state
from include.errors import CheckFailedError, FixSettingsError
from include.local_stack.options import StackOptions
from include.local_stack.progress import Steps
from include.settings import Settings

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DATA", "SITE", "LIVE", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOCAL_DIR", str(tmp_path / "local"))
    (tmp_path / "local").mkdir()
    return tmp_path / "local"


def test_a_folder_with_other_files_is_not_deleted(folder: Path, capsys):
    kept = folder / "thesis.tex"
    kept.write_text("years of work")

    assert main(["demo"]) == 1

    said = "".join(capsys.readouterr().out.split())  # the terminal's width breaks lines
    assert "Thedemostopped:" in said
    assert "holdsotherfilesthanastack" in said
    assert f"Logs:{folder / 'logs'}" in said
    assert kept.read_text() == "years of work"
    assert "FixSettingsError" in (folder / "logs" / "demo.log").read_text()


def test_what_a_task_or_service_left_without_a_stack_is_cleared(folder: Path):
    (folder / "drift").mkdir()
    (folder / "service-secret").write_text("x")

    clear_earlier_state(folder)

    assert list(folder.iterdir()) == []


def test_backups_of_an_earlier_stack_are_kept(folder: Path):
    for name in ("backups", "spool"):
        (folder / name).mkdir()
    (folder / "state.json").write_text("{}")

    clear_earlier_state(folder)

    assert [path.name for path in folder.iterdir()] == ["backups"]


def test_undrained_predictions_without_a_stack_are_not_deleted(folder: Path):
    (folder / "spool").mkdir()

    with pytest.raises(FixSettingsError, match="spool"):
        clear_earlier_state(folder)


def test_the_real_api_is_refused_before_anything_starts(folder: Path, monkeypatch, capsys):
    monkeypatch.setenv("LIVE", "1")

    assert main(["demo"]) == 1

    assert "cannot start" in capsys.readouterr().out
    assert list(folder.iterdir()) == []


def test_stages_after_one_that_failed_are_not_run(folder: Path):
    from rich.console import Console

    ran = []

    def fails(demo: Demo) -> dict[str, int]:
        raise CheckFailedError("not as it should be")

    def later(demo: Demo) -> dict[str, int]:
        ran.append(1)
        return {}

    demo = Demo(Settings.from_env(), StackOptions("sandbox"), Steps(Console(quiet=True)))
    with pytest.raises(CheckFailedError, match="not as it should be"):
        run_stages(demo, [Stage("one", "One", fails), Stage("two", "Two", later)])

    assert ran == []
    assert demo.seconds == {}
