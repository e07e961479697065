"""The configuration of Prometheus and Alertmanager, judged by their own tools."""

from __future__ import annotations

import shutil
import subprocess

import pytest
import yaml

from include.errors import FixSettingsError
from include.monitoring.config import FILES, Addresses, write_configuration
from include.settings import Settings

ADDRESSES = Addresses(
    service="127.0.0.1:8000", exporter="127.0.0.1:9108", prometheus="127.0.0.1:9090",
    alertmanager="127.0.0.1:9093", airflow_url="http://127.0.0.1:8080", mail_sink="127.0.0.1:8025",
)  # fmt: skip
SECRETS = {
    "alert_webhook_token": "token-of-the-webhook",
    "slack_webhook_url": "https://hooks.example/secret-path",
    "alert_smtp_password": "secret-password",
}


def settings(**values) -> Settings:
    return Settings(**({"alert_webhook_token": "token-of-the-webhook"} | values))


def tool(name: str) -> str:
    return shutil.which(name) or pytest.skip(f"{name} is not installed")


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "values",
    [{}, SECRETS | {"alert_smtp_host": "mail.example:587", "alert_smtp_user": "ann"}],
    ids=["mail sink", "mail host and Slack"],
)
def test_both_programs_accept_their_configuration(tmp_path, values):
    write_configuration(tmp_path, ADDRESSES, settings(**values))

    run(tool("promtool"), "check", "config", str(tmp_path / "prometheus.yml"))
    run(tool("amtool"), "check-config", str(tmp_path / "alertmanager.yml"))


def routed(tmp_path, *labels: str) -> str:
    path = str(tmp_path / "alertmanager.yml")
    return run(tool("amtool"), "config", "routes", "test", f"--config.file={path}", *labels).strip()


def test_alert_that_retrains_goes_to_airflow_and_to_people(tmp_path):
    write_configuration(tmp_path, ADDRESSES, settings())

    assert routed(tmp_path, "alertname=LivePrecisionLow", "action=retrain", "severity=warning") == (
        "airflow,people"
    )


@pytest.mark.parametrize("severity", ["warning", "critical"])
def test_other_alerts_go_to_people_only(tmp_path, severity):
    write_configuration(tmp_path, ADDRESSES, settings())

    assert routed(tmp_path, "alertname=DiskFilling", f"severity={severity}") == "people"


def test_secrets_are_in_files_of_the_owner_and_nowhere_else(tmp_path):
    write_configuration(tmp_path, ADDRESSES, settings(**SECRETS, alert_smtp_user="ann"))

    for path in tmp_path.rglob("*"):
        if path.is_file() and path.parent.name != "secrets":
            assert not any(secret in path.read_text() for secret in SECRETS.values()), path
    stored = sorted((tmp_path / "secrets").iterdir())
    assert [path.stat().st_mode & 0o777 for path in stored] == [0o600] * 3
    assert {path.read_text() for path in stored} == set(SECRETS.values())


def test_secret_that_is_no_longer_set_is_removed(tmp_path):
    write_configuration(tmp_path, ADDRESSES, settings(**SECRETS))
    write_configuration(tmp_path, ADDRESSES, settings())

    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["webhook_token"]


def test_value_that_would_leave_its_quotes_is_refused(tmp_path):
    with pytest.raises(FixSettingsError, match="mail_to"):
        write_configuration(tmp_path, ADDRESSES, settings(mail_to="a@b'\nroute: {}"))


def test_messages_link_to_the_runbook_where_people_read_it(tmp_path):
    url = "https://git.example/tagkeeper/blob/main"
    write_configuration(tmp_path, ADDRESSES, settings(**SECRETS, repository_url=url))

    text = (tmp_path / "alertmanager.yml").read_text()
    assert text.count(f"{url}/{{{{ .Annotations.runbook }}}}") == 2


def test_shorter_interval_shortens_the_waiting_of_alerts_alike(tmp_path):
    write_configuration(tmp_path, ADDRESSES, settings(watch_interval_s=1.5))

    written = (tmp_path / "rules" / "quality.yml").read_text()
    waiting = {
        rule["alert"]: rule.get("for")
        for group in yaml.safe_load(written)["groups"]
        for rule in group["rules"]
    }
    assert waiting["LivePrecisionLow"] == "60s"
    assert waiting["DriftDetected"] is None


def test_inhibitions_name_alerts_that_exist():
    import re

    from tests.unit.test_alert_rules import ALERTS

    text = (FILES / "alertmanager.yml.j2").read_text()
    patterns = re.findall(r"alertname=~?\"([^\"]+)\"", text)
    unknown = [
        one
        for pattern in patterns
        for one in pattern.split("|")
        if not any(re.fullmatch(one, name) for name in ALERTS)
    ]
    assert len(patterns) >= 12
    assert unknown == []
