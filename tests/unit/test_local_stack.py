"""The parts of the local stack that need no process: options, files, configuration, months."""

import configparser
import gzip
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.demo.demo_months import choose_months
from include.errors import FixInputError, FixSettingsError
from include.local_stack.credentials import Credentials, load_credentials
from include.local_stack.environment import (
    MARKER,
    embedded_databases,
    process_environment,
    stack_environment,
)
from include.local_stack.layout import PORTS, local_layout
from include.local_stack.options import REAL_API, StackOptions
from include.local_stack.postgres import databases_on_server
from include.local_stack.processes import Process, processes
from include.local_stack.supervisor import socket_path, write_configuration
from include.months import month_range
from include.sandbox.events import demo_events
from include.sandbox.simulator import simulate
from include.sandbox.site import DEMO_MONTHS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write(json.dumps({"id": 1, "site": "devops.stackexchange"}) + "\n")
    return path


def test_without_options_the_sandbox_simulates():
    assert StackOptions.from_mapping({}) == StackOptions("sandbox")


def test_a_file_names_its_site(data: Path):
    assert StackOptions.from_mapping({"DATA": str(data)}) == StackOptions(
        "devops.stackexchange", data
    )


def test_live_asks_the_real_api_and_needs_no_sandbox(tmp_path: Path):
    options = StackOptions.from_mapping({"LIVE": "1"})
    layout = local_layout(tmp_path, PORTS)

    assert options.site_api(layout).api_url == REAL_API
    assert options.sandbox_arguments(layout) is None
    assert "sandbox" not in {one.name for one in processes(layout, None)}


def test_live_goes_through_a_proxy_of_the_api_that_is_named():
    proxy = "http://proxy.example:8080/2.3"

    assert StackOptions.from_mapping({"LIVE": "1", "STACKEXCHANGE_API_URL": proxy}).api_url == proxy
    assert StackOptions.from_mapping({"STACKEXCHANGE_API_URL": proxy}) == StackOptions("sandbox")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"DATA": "absent.jsonl.gz"}, "no file"),
        ({"DATA": "some.jsonl", "LIVE": "1"}, "exclude"),
    ],
)
def test_options_that_exclude_each_other_are_refused(given: dict[str, str], words: str):
    with pytest.raises(FixSettingsError, match=words):
        StackOptions.from_mapping(given)


def test_credentials_are_made_once_and_kept_from_others(tmp_path: Path):
    path = tmp_path / "credentials.json"

    first, second = load_credentials(path), load_credentials(path)

    assert first == second != Credentials()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_credentials_do_not_show_in_messages():
    secret = Credentials(postgres_password="open sesame")

    assert "sesame" not in repr(secret)


def test_configuration_holds_no_secret_and_keeps_percent_signs(tmp_path: Path):
    layout = local_layout(tmp_path, PORTS)
    process = Process("odd", ("echo", "100%", "two words"))

    path = write_configuration(layout, [process], {})

    config = configparser.ConfigParser()
    config.read(path)
    assert config["program:odd"]["command"] == "echo 100% 'two words'"
    assert "environment" not in path.read_text()


def test_a_deep_folder_gets_a_socket_that_is_short_enough(tmp_path: Path):
    assert socket_path(Path("/x")) == Path("/x/supervisor.sock")
    assert len(str(socket_path(tmp_path / ("deep" * 30)))) <= 100


def test_processes_have_the_marker_and_no_settings_of_another_airflow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    layout = local_layout(tmp_path, PORTS)

    environment = process_environment({"SITE": "sandbox"}, layout)

    assert environment[MARKER] == str(layout.local)
    assert "AIRFLOW__CORE__EXECUTOR" not in environment


def test_mail_connection_of_the_user_reaches_the_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://mail.example.org")
    monkeypatch.setenv("AIRFLOW_CONN_OTHER", "http://x")
    layout = local_layout(tmp_path, PORTS)
    credentials = Credentials()
    stack = stack_environment(
        layout,
        embedded_databases(layout, credentials.postgres_password),
        credentials,
        StackOptions("sandbox").site_api(layout),
        parallelism=2,
        training_threads=1,
    )

    environment = process_environment(stack, layout)

    assert environment["AIRFLOW_CONN_SMTP_DEFAULT"] == "smtp://mail.example.org"
    assert "AIRFLOW_CONN_OTHER" not in environment


def test_no_password_is_in_a_command(tmp_path: Path):
    layout = local_layout(tmp_path, PORTS)
    credentials = Credentials()
    environment = stack_environment(
        layout,
        embedded_databases(layout, credentials.postgres_password),
        credentials,
        StackOptions("sandbox").site_api(layout),
        parallelism=2,
        training_threads="1",
    )
    words = " ".join(word for one in processes(layout, ()) for word in one.command)

    assert credentials.postgres_password in environment["DATABASE_URL"]
    assert not any(secret in words for secret in vars(credentials).values())


def test_the_users_own_server_gets_the_other_databases_beside_it():
    databases = databases_on_server("postgresql://me:pw@db:5433/questions")

    assert databases.platform == "postgresql+psycopg2://me:pw@db:5433/questions"
    assert databases.airflow == "postgresql+psycopg2://me:pw@db:5433/airflow"
    assert databases.mlflow == "postgresql+psycopg2://me:pw@db:5433/mlflow"


@pytest.mark.parametrize("url", ["sqlite:///x.db", "postgresql://me@db"])
def test_another_kind_of_database_is_refused(url: str):
    with pytest.raises(FixSettingsError, match="postgresql://"):
        databases_on_server(url)


def test_incomplete_months_at_the_sites_edges_are_left_out():
    chosen = choose_months(datetime(2018, 12, 18, tzinfo=UTC), datetime(2020, 6, 10, tzinfo=UTC))

    assert chosen.all_months[0] == "2019-01"
    assert chosen.next_month == "2020-02"
    assert chosen.watched_months == ("2020-03", "2020-04", "2020-05")
    assert len(chosen.first_months) == 13


def test_demo_watches_a_quiet_month_the_storys_event_and_a_quiet_month():
    months = simulate(months=DEMO_MONTHS, questions_per_month=1, events=()).months
    events = {event.month for event in demo_events(months[0], DEMO_MONTHS)}
    chosen = choose_months(month_range(months[0])[0], month_range(months[-1])[1])

    assert [month in events for month in chosen.watched_months] == [False, True, False]


def test_too_few_months_are_refused_with_their_number():
    with pytest.raises(FixInputError, match="has 3"):
        choose_months(datetime(2019, 1, 1, tzinfo=UTC), datetime(2019, 3, 31, tzinfo=UTC))
