"""Celery workers of a local stack: apart from each other, without secrets in the open."""

import stat
from pathlib import Path

import pytest

from include import names
from include.capacity import TrainingCapacity
from include.errors import FixSettingsError
from include.local_stack import celery_workers
from include.local_stack.credentials import Credentials
from include.local_stack.layout import CELERY_PORTS, PORTS, StackLayout, local_layout, worker_name
from include.local_stack.options import StackOptions
from include.local_stack.processes import Process
from include.local_stack.worker import own_address
from include.timeouts import LIMITS, time_limits

CAPACITY = TrainingCapacity(slots=2, threads=1, memory_mb=8_000)


def layout(folder: Path) -> StackLayout:
    return local_layout(folder, {**PORTS, **CELERY_PORTS}, celery_workers=2)


def processes(folder: Path) -> dict[str, Process]:
    defined = celery_workers.celery_processes(layout(folder), "/bin/redis-server", 2, CAPACITY)
    return {process.name: process for process in defined}


def environment_of(folder: Path) -> dict[str, str]:
    return celery_workers.celery_environment(
        layout(folder),
        Credentials(),
        concurrency="2",
        heartbeat_timeout_s="300",
        visibility_timeout_s="86400",
    )


def own_variables(process: Process) -> dict[str, str]:
    return dict(word.split("=", 1) for word in process.command if "=" in word)


@pytest.mark.parametrize(("given", "expected"), [("", 0), ("0", 0), (" 3 ", 3)])
def test_number_of_workers_is_read_from_the_environment(given: str, expected: int):
    assert StackOptions.from_mapping({"CELERY_WORKERS": given}).celery_workers == expected


@pytest.mark.parametrize("given", ["two", "-1", "1.5", "1000"])
def test_what_is_no_number_of_workers_is_refused(given: str):
    with pytest.raises(FixSettingsError, match="CELERY_WORKERS must be a number"):
        StackOptions.from_mapping({"CELERY_WORKERS": given})


def test_without_workers_nothing_needs_an_address_or_a_port_of_its_own(tmp_path: Path):
    assert local_layout(tmp_path, PORTS).ports == PORTS


def test_workers_share_neither_folders_nor_addresses_nor_memory(tmp_path: Path):
    first, second = (own_variables(processes(tmp_path)[worker_name(n)]) for n in (1, 2))
    memory = [int(one.pop("TRAINING_MEMORY_MB")) for one in (first, second)]
    callable_of_both = {one.pop("AIRFLOW__CORE__HOSTNAME_CALLABLE") for one in (first, second)}

    assert set(first.values()).isdisjoint(second.values())
    assert sum(memory) == CAPACITY.memory_mb
    assert callable_of_both == {f"{own_address.__module__}.{own_address.__name__}"}


def test_log_server_reads_where_its_worker_writes_on_the_workers_address(tmp_path: Path):
    worker, logs = (processes(tmp_path)[f"{worker_name(2)}{part}"] for part in ("", "-logs"))

    assert own_variables(worker) == own_variables(logs)
    assert logs.command[-4:] == ("--host", "127.0.0.3", "--port", "8793")
    assert own_variables(worker)["WORKER_ADDRESS"] == "127.0.0.3"


def test_a_machine_without_a_workers_address_is_told_so(tmp_path: Path):
    elsewhere = StackLayout(
        root=tmp_path,
        local=tmp_path,
        listen="127.0.0.1",
        hosts={worker_name(1): "192.0.2.1"},  # reserved for documentation: no machine has it
        ports={},
    )

    with pytest.raises(FixSettingsError, match=r"loopback address 192\.0\.2\.1"):
        celery_workers.require_addresses(elsewhere, 1)


def test_absent_redis_is_told_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(FixSettingsError, match="apt-get install redis-server"):
        celery_workers.find_redis()


def test_password_of_redis_is_in_a_private_file_and_in_no_command(tmp_path: Path):
    secrets = Credentials()
    celery_workers.configure_redis(layout(tmp_path), secrets.redis_password)
    file = tmp_path / "redis" / "redis.conf"
    words = " ".join(word for one in processes(tmp_path).values() for word in one.command)

    assert f"requirepass {secrets.redis_password}\n" in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not any(secret in words for secret in vars(secrets).values())


def test_celery_repeats_no_task_that_may_still_run(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TIMEOUT_SCALE", "3")

    assert celery_workers.visibility_timeout_s() > max(
        time_limits(dag_id).task.total_seconds() for dag_id in LIMITS
    )


def test_executors_are_celery_by_default_and_the_local_one_for_tasks_that_name_it(tmp_path: Path):
    environment = environment_of(tmp_path)

    assert environment["AIRFLOW__CORE__EXECUTOR"].split(",") == [
        names.EXECUTOR_CELERY,
        names.EXECUTOR_LOCAL,
    ]
