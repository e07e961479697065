"""The parts of the local stack that need no process: choices, files, configuration, months."""

import configparser
import gzip
import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from include.demo.span import choose_span
from include.errors import FixInputError, FixSettingsError
from include.local_stack.choice import REAL_API, Choice
from include.local_stack.credentials import Credentials, load_credentials
from include.local_stack.environment import (
    MARKER,
    own_databases,
    process_environment,
    stack_environment,
)
from include.local_stack.place import PORTS, local_place
from include.local_stack.postgres import databases_beside
from include.local_stack.processes import Process, processes
from include.local_stack.supervisor import socket_path, write_configuration
from include.months import month_range
from include.sandbox.events import story_events
from include.sandbox.simulator import simulate
from include.sandbox.site import STORY_MONTHS


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl.gz"
    with gzip.open(path, "wt") as file:
        file.write(json.dumps({"id": 1, "site": "devops.stackexchange"}) + "\n")
    return path


def test_without_a_choice_the_sandbox_simulates():
    assert Choice.from_mapping({}) == Choice("sandbox")


def test_a_file_names_its_site(data: Path):
    assert Choice.from_mapping({"DATA": str(data)}) == Choice("devops.stackexchange", data)


def test_live_asks_the_real_api_and_needs_no_sandbox(tmp_path: Path):
    choice = Choice.from_mapping({"LIVE": "1"})
    place = local_place(tmp_path, PORTS)

    assert choice.questions(place).api_url == REAL_API
    assert choice.sandbox_arguments(place) is None
    assert "sandbox" not in {one.name for one in processes(place, None)}


def test_live_goes_through_a_proxy_of_the_api_that_is_named():
    proxy = "http://proxy.example:8080/2.3"

    assert Choice.from_mapping({"LIVE": "1", "STACKEXCHANGE_API_URL": proxy}).api_url == proxy
    assert Choice.from_mapping({"STACKEXCHANGE_API_URL": proxy}) == Choice("sandbox")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"DATA": "absent.jsonl.gz"}, "no file"),
        ({"DATA": "some.jsonl", "LIVE": "1"}, "exclude"),
    ],
)
def test_an_impossible_choice_is_refused(given: dict[str, str], words: str):
    with pytest.raises(FixSettingsError, match=words):
        Choice.from_mapping(given)


def test_credentials_are_made_once_and_kept_from_others(tmp_path: Path):
    path = tmp_path / "credentials.json"

    first, second = load_credentials(path), load_credentials(path)

    assert first == second != Credentials()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_credentials_do_not_show_in_messages():
    secret = Credentials(postgres_password="open sesame")

    assert "sesame" not in repr(secret)


def test_configuration_holds_no_secret_and_keeps_percent_signs(tmp_path: Path):
    place = local_place(tmp_path, PORTS)
    process = Process("odd", ("echo", "100%", "two words"))

    path = write_configuration(place, [process], {})

    config = configparser.ConfigParser()
    config.read(path)
    assert config["program:odd"]["command"] == "echo 100% 'two words'"
    assert "environment" not in path.read_text()


def test_a_deep_folder_gets_a_socket_that_is_short_enough(tmp_path: Path):
    assert socket_path(Path("/x")) == Path("/x/supervisor.sock")
    assert len(str(socket_path(tmp_path / ("deep" * 30)))) <= 100


def test_processes_bear_the_mark_and_no_other_airflows_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    place = local_place(tmp_path, PORTS)

    environment = process_environment({"SITE": "sandbox"}, place)

    assert environment[MARKER] == str(place.local)
    assert "AIRFLOW__CORE__EXECUTOR" not in environment


def test_no_password_stands_in_a_command(tmp_path: Path):
    place = local_place(tmp_path, PORTS)
    credentials = Credentials()
    environment = stack_environment(
        place,
        own_databases(place, credentials.postgres_password),
        credentials,
        Choice("sandbox").questions(place),
        parallelism=2,
    )
    words = " ".join(word for one in processes(place, ()) for word in one.command)

    assert credentials.postgres_password in environment["DATABASE_URL"]
    assert not any(secret in words for secret in vars(credentials).values())


def test_the_users_own_server_gets_the_other_databases_beside_it():
    databases = databases_beside("postgresql://me:pw@db:5433/questions")

    assert databases.platform == "postgresql+psycopg2://me:pw@db:5433/questions"
    assert databases.airflow == "postgresql+psycopg2://me:pw@db:5433/airflow"
    assert databases.mlflow == "postgresql+psycopg2://me:pw@db:5433/mlflow"


@pytest.mark.parametrize("url", ["sqlite:///x.db", "postgresql://me@db"])
def test_another_kind_of_database_is_refused(url: str):
    with pytest.raises(FixSettingsError, match="postgresql://"):
        databases_beside(url)


def test_months_cut_at_the_sites_edges_are_left_out():
    span = choose_span(datetime(2018, 12, 18, tzinfo=UTC), datetime(2020, 6, 10, tzinfo=UTC))

    assert span.months[0] == "2019-01"
    assert span.next_month == "2020-02"
    assert span.watched_months == ("2020-03", "2020-04", "2020-05")
    assert len(span.first_months) == 13


def test_demo_watches_a_quiet_month_the_storys_event_and_a_quiet_month():
    months = simulate(months=STORY_MONTHS, questions_per_month=1, events=()).months
    events = {event.month for event in story_events(months[0], STORY_MONTHS)}
    span = choose_span(month_range(months[0])[0], month_range(months[-1])[1])

    assert [month in events for month in span.watched_months] == [False, True, False]


def test_too_few_months_are_refused_with_their_number():
    with pytest.raises(FixInputError, match="has 3"):
        choose_span(datetime(2019, 1, 1, tzinfo=UTC), datetime(2019, 3, 31, tzinfo=UTC))
