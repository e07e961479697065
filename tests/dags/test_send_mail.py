"""Where mails go: over the user's own connection, from the environment or the UI, else to the sink."""

import json
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller

from tests.conftest import free_port
from tests.dags.airflow_command import airflow

pytestmark = pytest.mark.integration

FACTS = {
    "promotion_id": 7,
    "to_version": "1",
    "from_version": "2",
    "actor": "ann",
    "reason": "it got worse",
}


class Received:
    """An SMTP server that counts what it gets."""

    def __init__(self) -> None:
        self.count = 0

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.count += 1
        return "250 OK"


@pytest.fixture
def servers() -> Iterator[dict[str, Controller]]:
    """The user's own server, and the sink."""
    made = {
        name: Controller(Received(), hostname="127.0.0.1", port=free_port())
        for name in ("own", "sink")
    }
    for controller in made.values():
        controller.start()
    yield made
    for controller in made.values():
        controller.stop()


def connection(controller: Controller) -> dict[str, object]:
    return {
        "conn_type": "smtp",
        "host": controller.hostname,
        "port": controller.port,
        "extra": {"disable_ssl": True, "disable_tls": True},
    }


def send(database_url: str, **environment: str) -> None:
    conf = {"kind": "rollback", "facts": FACTS, "run": "manual", "seconds": 2.0}
    code, output = airflow(
        *("dags", "test", "send_mail", "--conf", json.dumps(conf)),
        DATABASE_URL=database_url,
        MLFLOW_TRACKING_URI="http://127.0.0.1:1",
        SITE="sandbox",
        **environment,
    )
    assert code == 0, output[-3000:]


def received(servers: dict[str, Controller]) -> dict[str, int]:
    return {name: controller.handler.count for name, controller in servers.items()}


def test_mail_stays_in_the_sink_without_a_connection_of_the_user(metadata, database_url, servers):
    send(database_url, AIRFLOW_CONN_MAIL_SINK=json.dumps(connection(servers["sink"])))

    assert received(servers) == {"own": 0, "sink": 1}


def test_connection_of_the_environment_is_used(metadata, database_url, servers):
    send(
        database_url,
        AIRFLOW_CONN_MAIL_SINK=json.dumps(connection(servers["sink"])),
        AIRFLOW_CONN_SMTP_DEFAULT=json.dumps(connection(servers["own"])),
    )

    assert received(servers) == {"own": 1, "sink": 0}


def test_connection_of_the_ui_is_used(metadata, database_url, servers):
    own = connection(servers["own"])
    code, output = airflow("connections", "add", "smtp_default", "--conn-json", json.dumps(own))
    assert code == 0, output
    try:
        send(database_url, AIRFLOW_CONN_MAIL_SINK=json.dumps(connection(servers["sink"])))
    finally:
        airflow("connections", "delete", "smtp_default")

    assert received(servers) == {"own": 1, "sink": 0}
