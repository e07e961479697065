"""What WATCH=1 adds to a stack, with and without Prometheus on the machine."""

from __future__ import annotations

from pathlib import Path

from include.local_stack import watch
from include.local_stack.layout import LOOPBACK, PORTS, WATCH_PORTS, local_layout
from include.local_stack.options import StackOptions
from include.settings import Settings

INSTALLED = {"prometheus": "/usr/bin/prometheus", "alertmanager": "/usr/bin/alertmanager"}


def layout(folder: Path):
    return local_layout(folder, {**PORTS, **WATCH_PORTS})


def test_exporter_runs_alone_where_the_programs_are_missing(tmp_path):
    names = [process.name for process in watch.watch_processes(layout(tmp_path), {})]

    assert names == ["exporter"]


def test_programs_listen_on_loopback_only(tmp_path):
    processes = watch.watch_processes(layout(tmp_path), INSTALLED)
    addresses = [
        word for process in processes for word in process.command if "listen-address" in word
    ]

    assert len(processes) == 3
    assert addresses == [
        f"--web.listen-address={LOOPBACK}:9093",
        "--cluster.listen-address=",
        f"--web.listen-address={LOOPBACK}:9090",
    ]


def test_debians_name_is_found_and_a_missing_program_is_told_of(tmp_path, monkeypatch):
    program = tmp_path / "prometheus-alertmanager"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    notes: list[str] = []

    assert watch.find_programs(notes.append) == {"alertmanager": str(program)}
    assert [note.split()[0] for note in notes] == ["prometheus"]


def test_no_port_is_that_of_another_server():
    ports = [*PORTS.values(), *WATCH_PORTS.values()]

    assert len(set(ports)) == len(ports)


def test_watching_is_asked_for_by_a_variable():
    asked = [StackOptions.from_mapping({"WATCH": value}).watch for value in ("1", "0", "")]

    assert asked == [True, False, False]


def test_configuration_is_private(tmp_path):
    folder = watch.configure(layout(tmp_path), Settings(), "token")

    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "secrets" / "webhook_token").read_text() == "token"
    assert "127.0.0.1:8025" in (folder / "alertmanager.yml").read_text()
