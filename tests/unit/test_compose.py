"""docker-compose.yaml, the Dockerfile and .env.example: valid, and equal to the local stack."""

import json
import os
import re
import shlex
import subprocess
import tempfile
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml
from compose_spec import PyCompose

from include import names
from include.capacity import TrainingCapacity, postgres_memory, this_machine
from include.local_stack.celery_workers import (
    AIRFLOW_ONLY,
    FOR_WORKERS,
    celery_environment,
    configure_redis,
    container_processes,
    visibility_timeout_s,
)
from include.local_stack.credentials import Credentials
from include.local_stack.environment import (
    Databases,
    SiteApi,
    airflow_environment,
    mlflow_environment,
    platform_environment,
)
from include.local_stack.layout import LOOPBACK, PORTS, ROOT, WATCH_PORTS, container_layout
from include.local_stack.options import REAL_API
from include.local_stack.pools import planned_pools
from include.local_stack.postgres import binaries
from include.local_stack.processes import Process, postgres_process, processes
from include.local_stack.watch import configure, watch_processes
from include.monitoring.config import FILES
from include.settings import Settings

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
LAYOUT = container_layout()
PROGRAMS = {name: f"/bin/{name}" for name in ("prometheus", "alertmanager")}
PROCESSES = {
    one.name: one
    for one in (
        *processes(LAYOUT, ("--site", "${SITE}")),
        *watch_processes(LAYOUT, PROGRAMS),
        *container_processes(LAYOUT),
    )
}
OWN_PROCESSES = {name: one for name, one in PROCESSES.items() if name not in {*PROGRAMS, "redis"}}
GRAFANA_PORT = 3000
VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")


def plain(value: object) -> str:
    """Return a compose value with ``${NAME:-default}`` and ``${NAME:?words}`` as ``${NAME}``."""
    return VARIABLE.sub(r"${\1}", str(value))


def default_of(variable: re.Match[str]) -> str:
    """Return what compose puts in a variable's place before it reads the file: here the default."""
    required = variable[0].startswith(f"${{{variable[1]}:?")
    return "x" if required or variable[2] is None else variable[2]


def variables() -> set[str]:
    """Return every variable that compose takes from .env."""
    return {match[1] for match in VARIABLE.finditer((ROOT / "docker-compose.yaml").read_text())}


def database(role: str) -> str:
    return f"postgresql+psycopg2://{role}:${{{role.upper()}_DB_PASSWORD}}@postgres:5432/{role}"


SECRETS = Credentials(
    postgres_password="${POSTGRES_PASSWORD}",
    airflow_password="${AIRFLOW_PASSWORD}",
    airflow_jwt_secret="${AIRFLOW_JWT_SECRET}",
    airflow_api_secret_key="${AIRFLOW_API_SECRET_KEY}",
    airflow_fernet_key="${AIRFLOW_FERNET_KEY}",
    redis_password="${REDIS_PASSWORD}",
    evidently_secret="${EVIDENTLY_SECRET}",
)
DATABASES = Databases(*map(database, ("tagkeeper", "airflow", "mlflow")))
THREADS = "${TRAINING_THREADS}"
PLATFORM = platform_environment(
    LAYOUT, DATABASES, SECRETS, SiteApi("${SITE}", "${STACKEXCHANGE_API_URL}")
)
PLATFORM_DATABASE = {"DATABASE_URL": PLATFORM["DATABASE_URL"]}
AIRFLOW_LOGIN = {name: PLATFORM[name] for name in ("AIRFLOW_USER", "AIRFLOW_PASSWORD")}
ADDRESSES = {
    name: value
    for name, value in {
        **PLATFORM,
        "OPENBLAS_NUM_THREADS": THREADS,
        "TRAINING_THREADS": THREADS,  # for the pools; the local stack hands on its own
    }.items()
    if name not in PLATFORM_DATABASE | AIRFLOW_LOGIN
}
ALL_OF_AIRFLOW = airflow_environment(LAYOUT, DATABASES, SECRETS, 16, THREADS) | celery_environment(
    LAYOUT,
    SECRETS,
    concurrency="${CELERY_CONCURRENCY}",
    heartbeat_timeout_s="${TASK_HEARTBEAT_TIMEOUT_S}",
    visibility_timeout_s="${TASK_VISIBILITY_TIMEOUT_S}",
)
CELERY = {name: ALL_OF_AIRFLOW[name] for name in FOR_WORKERS}
WORKER = {
    name: value
    for name, value in ALL_OF_AIRFLOW.items()
    if name not in {*FOR_WORKERS, *AIRFLOW_ONLY}
}
AIRFLOW = WORKER | {name: ALL_OF_AIRFLOW[name] for name in AIRFLOW_ONLY}
MLFLOW = mlflow_environment(LAYOUT, DATABASES)
TOKEN = {"ALERT_WEBHOOK_TOKEN": "${ALERT_WEBHOOK_TOKEN}"}
ENVIRONMENTS = {
    "init": ADDRESSES | PLATFORM_DATABASE | AIRFLOW_LOGIN | AIRFLOW | TOKEN,
    "sandbox": ADDRESSES,
    "mail": ADDRESSES,
    "evidently": ADDRESSES | {"EVIDENTLY_SECRET": "${EVIDENTLY_SECRET}"},
    "mlflow": ADDRESSES | MLFLOW,
    "airflow-api-server": ADDRESSES | PLATFORM_DATABASE | AIRFLOW_LOGIN | AIRFLOW | TOKEN,
    "airflow-scheduler": ADDRESSES | PLATFORM_DATABASE | AIRFLOW_LOGIN | AIRFLOW | MLFLOW | CELERY,
    "airflow-worker": ADDRESSES | PLATFORM_DATABASE | AIRFLOW_LOGIN | WORKER | CELERY,
    "airflow-dag-processor": ADDRESSES | PLATFORM_DATABASE | AIRFLOW,
    "airflow-triggerer": ADDRESSES | PLATFORM_DATABASE | AIRFLOW,
    "service": ADDRESSES | PLATFORM_DATABASE,
    "exporter": ADDRESSES | PLATFORM_DATABASE | AIRFLOW_LOGIN,
}
"""What each container gets of the local stack's environment: no other's secrets."""


def test_file_follows_the_compose_specification():
    PyCompose.from_json(VARIABLE.sub(default_of, json.dumps(COMPOSE))).validate()


def test_a_misspelt_key_would_be_refused():
    wrong = json.loads(json.dumps(COMPOSE))
    wrong["services"]["mlflow"]["helthcheck"] = wrong["services"]["mlflow"].pop("healthcheck")

    with pytest.raises(ValueError, match="helthcheck"):
        PyCompose.from_json(json.dumps(wrong)).validate()


def test_every_process_of_the_local_stack_has_a_container():
    assert set(SERVICES) == set(PROCESSES) | {"postgres", "init", "grafana"}


@pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda process: process.name)
def test_container_runs_the_command_of_the_local_stack(process: Process):
    service = SERVICES[process.name]
    words = [*service.get("entrypoint", []), *service["command"]]

    assert [plain(word) for word in words] == list(process.command)


def test_postgres_is_tuned_as_in_the_local_stack():
    command = postgres_process(binaries(), Path("/pg"), LAYOUT).command

    assert SERVICES["postgres"]["command"] == ["sh", "/postgres.sh"]
    assert started_in_the_container({}) == ["postgres", *command[command.index("-c") :]]


@pytest.mark.parametrize("memory_mb", [500, 2_000, 16_000, 500_000])
def test_memory_of_the_database_in_a_container_follows_the_machine(memory_mb, tmp_path):
    (tmp_path / "meminfo").write_text(f"MemTotal: {memory_mb * 1024} kB\n")
    words = started_in_the_container({"MEMINFO": str(tmp_path / "meminfo")})
    expected = postgres_memory(min(memory_mb, this_machine().memory_mb * 2))

    if memory_mb < this_machine().memory_mb:  # or else a limit of this container may count
        assert words[4::2] == [f"{name}={value}" for name, value in expected.items()]


def started_in_the_container(environment: dict[str, str]) -> list[str]:
    """Return the words of the command that the container's script hands to the image's."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "docker-entrypoint.sh"
        program.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n")
        program.chmod(0o755)
        path = f"{folder}:{os.environ['PATH']}"
        return subprocess.check_output(
            ["sh", str(ROOT / "sql" / "postgres.sh")],
            env=os.environ | environment | {"PATH": path},
            text=True,
        ).splitlines()


@pytest.mark.parametrize("name", [*OWN_PROCESSES, "init"])
def test_container_has_its_part_of_the_local_stacks_environment(name: str):
    given = {key: plain(value) for key, value in SERVICES[name]["environment"].items()}
    grafana = {"GRAFANA_URL": "http://127.0.0.1:3000"}  # which runs in containers only

    assert given == ENVIRONMENTS[name] | (grafana if "SITE" in given else {})


def test_without_further_settings_the_real_api_is_used():
    defaults = {name: default for name, default in VARIABLE.findall(str(COMPOSE)) if default}

    assert defaults["STACKEXCHANGE_API_URL"] == REAL_API


@pytest.mark.parametrize("process", OWN_PROCESSES.values(), ids=lambda process: process.name)
def test_container_has_the_health_check_of_the_local_stack(process: Process):
    command = ["CMD", "python", "-m", "include.cli", "healthcheck", process.name]

    assert SERVICES[process.name]["healthcheck"]["test"] == command


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_is_healthy_where_the_local_stack_asks(name: str):
    process = PROCESSES[name]
    url = f"http://127.0.0.1:{LAYOUT.ports[name]}{process.health_path}"

    assert SERVICES[name]["healthcheck"]["test"] == ["CMD", "wget", "-q", "-O", "/dev/null", url]


@pytest.mark.parametrize("process", PROCESSES.values(), ids=lambda process: process.name)
def test_container_waits_for_the_dependencies_of_its_process(process: Process):
    dependencies = SERVICES[process.name].get("depends_on", {})

    if process.needs_schema:
        assert dependencies["init"]["condition"] == "service_completed_successfully"
    if process.depends_on is not None:
        assert dependencies[process.depends_on]["condition"] == "service_healthy"


def test_ports_are_published_on_loopback_and_are_the_default_ones():
    published = {
        name: port.split(":") for name, one in SERVICES.items() for port in one.get("ports", [])
    }
    server_of = {name: process.server for name, process in PROCESSES.items()}

    assert published
    for name, (address, outside, inside) in published.items():
        ports = {**PORTS, **WATCH_PORTS, "grafana": GRAFANA_PORT}
        port = str(ports[server_of.get(name) or name])
        assert (address, outside, inside) == (LOOPBACK, port, port)


def test_servers_are_reached_under_their_containers_names():
    reached = {server: LAYOUT.host(server) for server in LAYOUT.ports}
    listening = {one.server: name for name, one in PROCESSES.items() if one.server}

    assert reached == listening | {
        "postgres": "postgres",
        "worker-logs": "airflow-worker",
    }


def test_volumes_are_declared_and_mounted_files_exist():
    for service in SERVICES.values():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists()
            elif not source.startswith("/"):  # or else a new one for each container
                assert source in COMPOSE["volumes"]


def test_settings_beside_the_compose_file_are_optional_and_reach_no_program_without_settings():
    files = {name: service.get("env_file") for name, service in SERVICES.items()}
    expected = [{"path": "settings.env", "required": False}]
    without = {"sandbox", "mail", "evidently", "postgres", "redis", *PROGRAMS, "grafana"}

    assert {name for name, file in files.items() if file is None} == without
    assert all(file == expected for file in files.values() if file is not None)


def test_every_variable_is_in_the_example_and_no_secret_has_a_default():
    example = (ROOT / ".env.example").read_text()
    offered = set(re.findall(r"^#?([A-Z_]+)=", example, flags=re.MULTILINE))
    secrets = {name for name in variables() if re.search("PASSWORD|SECRET|FERNET|TOKEN", name)}

    assert variables() <= offered
    assert len(secrets) == 12
    assert all(re.search(rf"^{name}=$", example, flags=re.MULTILINE) for name in secrets)
    text = (ROOT / "docker-compose.yaml").read_text()
    assert all(f"${{{name}:?" in text and f"${{{name}:-" not in text for name in secrets)


def test_python_modules_in_commands_exist():
    for service in SERVICES.values():
        command = service.get("command", [])
        if command[:2] == ["python", "-m"]:
            assert find_spec(command[2]) is not None


def test_processes_reach_airflow_in_its_container_and_links_are_for_people(monkeypatch):
    for name, value in ADDRESSES.items():
        monkeypatch.setenv(name, value.replace(THREADS, ""))
    settings = Settings.from_env()

    assert settings.airflow_api == LAYOUT.url("airflow") == "http://airflow-api-server:8080"
    assert settings.airflow_url == "http://127.0.0.1:8080"


def test_prometheus_and_alertmanager_find_the_containers(tmp_path):
    layout = replace(LAYOUT, local=tmp_path)
    folder = configure(layout, Settings(), token="token")
    prometheus = (folder / "prometheus.yml").read_text()
    alertmanager = (folder / "alertmanager.yml").read_text()

    assert all(
        f"'{name}:{LAYOUT.ports[name]}'" in prometheus
        for name in ("service", "exporter", "prometheus", "alertmanager")
    )
    assert "'http://airflow-api-server:8080/alerts/'" in alertmanager
    assert "'mail:8025'" in alertmanager


def test_programs_read_the_configuration_where_init_writes_it_and_write_only_their_own_data():
    for name in PROGRAMS:
        mounts = dict(mount.split(":", 1) for mount in SERVICES[name]["volumes"])
        writable = {source for source, target in mounts.items() if not target.endswith(":ro")}

        assert writable == {name}
        for source, target in mounts.items():
            folder = target.removesuffix(":ro")
            assert f"{source}:{folder}" in SERVICES["init"]["volumes"]
            assert folder in " ".join(words for line in dockerfile() for words in line).split()


def test_only_alertmanager_and_init_mount_the_secrets_of_alerts():
    mounting = {
        name
        for name, service in SERVICES.items()
        if any(mount.startswith("alert-secrets:") for mount in service.get("volumes", []))
    }

    assert mounting == {"alertmanager", "init"}


def test_programs_run_as_the_user_who_wrote_their_configuration():
    (uid,) = (line[line.index("--uid") + 1] for line in dockerfile() if "useradd" in line)

    assert {SERVICES[name]["user"] for name in PROGRAMS} == {f"{uid}:{uid}"}


def test_grafana_finds_its_provisioning_dashboards_and_prometheus():
    grafana = SERVICES["grafana"]
    mounts = {
        target: source for source, target, *_ in (mount.split(":") for mount in grafana["volumes"])
    }
    environment = grafana["environment"]

    assert ROOT / mounts[environment["GF_PATHS_PROVISIONING"]] == FILES / "grafana/provisioning"
    assert ROOT / mounts[environment["TAGKEEPER_DASHBOARDS"]] == FILES / "grafana/dashboards"
    assert environment["PROMETHEUS_URL"] == LAYOUT.url("prometheus")


@pytest.mark.parametrize("name", SERVICES)
def test_container_has_no_rights_beyond_its_own(name: str):
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"]
    assert "cap_add" not in service or name == "postgres"


@pytest.mark.parametrize("name", SERVICES)
def test_container_has_limits_of_processes_and_logs(name: str):
    assert SERVICES[name]["pids_limit"] <= 2048
    assert set(SERVICES[name]["logging"]["options"]) == {"max-size", "max-file"}


def test_memory_is_limited_but_for_what_takes_its_limits_from_the_machine():
    without = {name for name, service in SERVICES.items() if "mem_limit" not in service}

    assert without == {"postgres", "init"}
    assert plain(SERVICES["airflow-worker"]["mem_limit"]) == "${WORKER_MEMORY}"


@pytest.mark.parametrize("name", [name for name, one in SERVICES.items() if "build" not in one])
def test_programs_of_others_get_no_secrets_of_the_platform(name: str):
    roles = {f"{role}_DB_PASSWORD" for role in ("TAGKEEPER", "AIRFLOW", "MLFLOW")}
    own = {
        "postgres": {"POSTGRES_PASSWORD", *roles},
        "grafana": {"GRAFANA_PASSWORD"},
        "redis": {"REDIS_PASSWORD"},
    }
    given = {match[1] for match in VARIABLE.finditer(str(SERVICES[name]))}

    assert "env_file" not in SERVICES[name]
    assert given == own.get(name, set())


def test_workers_share_no_volume_and_the_shared_one_is_only_where_it_is_needed():
    mounting = {
        name
        for name, service in SERVICES.items()
        if any(mount.startswith("data:") for mount in service.get("volumes", []))
    }

    assert SERVICES["airflow-worker"]["volumes"] == ["/data"]  # a new one for each container
    assert {"airflow-worker", "airflow-dag-processor", "sandbox", "redis"}.isdisjoint(mounting)


def test_celery_repeats_no_task_of_a_container_that_may_still_run():
    (default,) = set(re.findall(r"TASK_VISIBILITY_TIMEOUT_S:-(\d+)", str(COMPOSE)))

    assert int(default) == visibility_timeout_s()


def test_redis_in_its_container_is_configured_as_in_the_local_stack(tmp_path):
    configure_redis(replace(LAYOUT, local=tmp_path), "the password")
    local = dict(
        line.split(" ", 1) for line in (tmp_path / "redis/redis.conf").read_text().splitlines()
    )
    program = tmp_path / "redis-server"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\ncat\n')
    program.chmod(0o755)
    words, *lines = subprocess.check_output(
        ["sh", str(ROOT / "deploy" / "redis.sh")],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "REDIS_PASSWORD": "the password"},
        text=True,
    ).splitlines()
    container = dict(line.split(" ", 1) for line in lines)

    assert words == "-", "by standard input, and not in the process list"
    apart = {"bind": "* -::*", "dir": "/data"}
    assert container == local | apart


def test_pools_are_those_that_the_dags_name():
    pools = planned_pools(TrainingCapacity(slots=2, threads=1, memory_mb=7_000))

    assert set(pools) == {names.POOL_API, names.POOL_TRAINING}


def dockerfile() -> list[list[str]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines() if line and not line.startswith("#")]


def test_dockerfile_copies_what_exists_and_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    sources = [word for line in dockerfile() if line[0] == "COPY" for word in line[1:-1]]

    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored


def test_dockerfile_takes_pytorch_from_its_cpu_index():
    install = next(
        line for line in dockerfile() if "requirements-torch.txt" in line and "pip" in line
    )

    assert install[install.index("--index-url") + 1].endswith("download.pytorch.org/whl/cpu")


def test_image_has_the_repository_where_the_layout_says():
    (workdir,) = (line[1] for line in dockerfile() if line[0] == "WORKDIR")
    (volume,) = {line[1] for line in dockerfile() if line[0] == "VOLUME"}

    assert (workdir, volume) == (str(LAYOUT.root), str(LAYOUT.local))


def test_image_does_not_run_as_root():
    assert [line[1] for line in dockerfile() if line[0] == "USER"][-1] != "root"
