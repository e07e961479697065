"""Values of Airflow's Helm chart: as docker-compose.yaml where both say the same thing."""

from importlib.util import find_spec
from typing import Any

import pytest
import yaml

from include import names
from include.local_stack.layout import ROOT

VALUES: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "helm" / "values.yaml").read_text())
SERVICES = yaml.safe_load((ROOT / "docker-compose.yaml").read_text())["services"]
OPTIONS = [
    (section, name, value)
    for section, options in VALUES["config"].items()
    for name, value in options.items()
    if name != "auth_manager"  # the chart's default differs from Airflow's
]
ELSEWHERE = {"AIRFLOW_API_URL"}
"""Addresses that another cluster names differently."""


@pytest.mark.parametrize(("section", "name", "value"), OPTIONS)
def test_option_of_airflow_is_that_of_the_containers(section: str, name: str, value: str):
    given = str(SERVICES["airflow-scheduler"]["environment"][f"AIRFLOW__{section}__{name}".upper()])

    assert value == (given.partition(":-")[2].rstrip("}") if given.startswith("${") else given)


def test_variables_of_workers_are_those_of_the_containers():
    given = SERVICES["airflow-worker"]["environment"]

    for variable in VALUES["env"]:
        if variable["name"] not in {*ELSEWHERE, "SITE"}:
            assert variable["value"] == given[variable["name"]]


def test_auth_manager_is_one_that_the_image_has():
    module, name = VALUES["config"]["core"]["auth_manager"].rsplit(".", 1)

    assert find_spec(module) is not None
    assert name == "SimpleAuthManager"


def test_tasks_run_with_the_executors_that_the_dags_name():
    assert VALUES["executor"].split(",") == [names.EXECUTOR_CELERY, names.EXECUTOR_LOCAL]
    assert VALUES["workers"]["queue"].split(",") == list(names.QUEUES)


def test_workers_share_no_volume():
    volumes = [volume for volume in VALUES["workers"]["extraVolumes"] if "emptyDir" not in volume]
    shared = [VALUES[part]["persistence"]["enabled"] for part in ("dags", "logs", "workers")]

    assert volumes == []
    assert shared == [False, False, False]


def test_airflow_is_the_locked_one():
    locked = (ROOT / "requirements.txt").read_text()

    assert f"apache-airflow=={VALUES['airflowVersion']} " in locked


def test_values_hold_no_secret():
    text = str(VALUES).lower()

    assert "://:" not in text
    assert not any(word in text for word in ("password:", "token:", "@postgres"))
