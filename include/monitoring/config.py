"""
The configuration of Prometheus and Alertmanager of one installation, from ``monitoring``.

The local stack and containers call `write_configuration` with their addresses. Secrets are written
into files of their own, which only their owner can read; the configuration names these files.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from include.errors import FixSettingsError
from include.settings import Settings

FILES: Final = Path(__file__).resolve().parents[2] / "monitoring"
DEFAULT_INTERVAL_S: Final = 15.0
PROMETHEUS: Final = "prometheus.yml"
ALERTMANAGER: Final = "alertmanager.yml"
_UNSAFE: Final = re.compile(r"['\\\n\r\0]")
_GROUP_WAIT_S: Final = 30.0
_GROUP_INTERVAL_S: Final = 300.0
_UNITS_S: Final[Mapping[str, float]] = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Addresses:
    """
    Where the programs find each other.

    Parameters
    ----------
    service, exporter, prometheus, alertmanager : str
        ``host:port``.
    airflow_url : str
        Root of Airflow, without a trailing slash.
    mail_sink : str
        ``host:port`` of the mail host that is used if ``ALERT_SMTP_HOST`` is not set.
    """

    service: str
    exporter: str
    prometheus: str
    alertmanager: str
    airflow_url: str
    mail_sink: str


def write_configuration(folder: Path, addresses: Addresses, settings: Settings) -> None:
    """
    Write both configurations, the rules and the secrets into ``folder``, which is made if needed.

    Parameters
    ----------
    folder : Path
    addresses : Addresses
    settings : Settings
        ``WATCH_INTERVAL_S``, mail, Slack and the webhook's token.

    Raises
    ------
    FixSettingsError
        If there is no token for the webhook, or a value cannot be written.
    """
    (folder / "rules").mkdir(mode=0o700, parents=True, exist_ok=True)
    factor = settings.watch_interval_s / DEFAULT_INTERVAL_S
    for path in sorted((FILES / "rules").glob("*.yml")):
        rules = scaled_rules(yaml.safe_load(path.read_text(encoding="utf-8")), factor)
        text = yaml.safe_dump(rules, sort_keys=False, width=110)
        (folder / "rules" / path.name).write_text(text, encoding="utf-8")
    secrets = _write_secrets(folder / "secrets", settings)
    values = {
        "interval": _duration(settings.watch_interval_s),
        "group_wait": _duration(_GROUP_WAIT_S * factor),
        "group_interval": _duration(_GROUP_INTERVAL_S * factor),
        "service": addresses.service,
        "exporter": addresses.exporter,
        "prometheus": addresses.prometheus,
        "alertmanager": addresses.alertmanager,
        "airflow_url": addresses.airflow_url,
        "smtp_host": settings.alert_smtp_host or addresses.mail_sink,
        "smtp_tls": str(settings.alert_smtp_host is not None).lower(),
        "smtp_user": settings.alert_smtp_user or "",
        "repository": f"{settings.repository_url.rstrip('/')}/" if settings.repository_url else "",
        "mail_from": settings.mail_from,
        "mail_to": settings.mail_to,
        "secrets": str(folder / "secrets"),
    }
    for name, value in values.items():
        if _UNSAFE.search(value):
            raise FixSettingsError(f"{name} must not contain quotes, backslashes or line breaks")
    for name in (PROMETHEUS, ALERTMANAGER):
        text = render(name, {**values, "slack": "slack_webhook_url" in secrets})
        (folder / name).write_text(text, encoding="utf-8")


def render(name: str, values: Mapping[str, Any]) -> str:
    """Return a template of ``monitoring`` with its values filled in."""
    environment = Environment(  # noqa: S701 - YAML, whose values are checked before
        loader=FileSystemLoader(FILES),
        undefined=StrictUndefined,
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template(f"{name}.j2").render(values)


def scaled_rules(rules: dict[str, Any], factor: float) -> dict[str, Any]:
    """
    Return rules whose alerts wait ``factor`` times as long before they fire.

    Examples
    --------
    >>> rules = {"groups": [{"name": "a", "rules": [{"alert": "A", "for": "10m"}]}]}
    >>> scaled_rules(rules, 0.1)["groups"][0]["rules"]
    [{'alert': 'A', 'for': '60s'}]
    """
    groups = [
        group | {"rules": [_scaled(rule, factor) for rule in group["rules"]]}
        for group in rules["groups"]
    ]
    return rules | {"groups": groups}


def _scaled(rule: dict[str, Any], factor: float) -> dict[str, Any]:
    if factor == 1 or "for" not in rule:
        return rule
    given = str(rule["for"])
    return rule | {"for": _duration(float(given[:-1]) * _UNITS_S[given[-1]] * factor)}


def _duration(seconds: float) -> str:
    """Return a duration of whole seconds, at least one, as Prometheus writes it."""
    return f"{max(1, round(seconds))}s"


def _write_secrets(folder: Path, settings: Settings) -> set[str]:
    """Write the secrets that are set, one file each, and remove others; return their names."""
    if settings.alert_webhook_token is None:
        raise FixSettingsError("ALERT_WEBHOOK_TOKEN is not set")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secrets = {
        "webhook_token": settings.alert_webhook_token,
        "slack_webhook_url": settings.slack_webhook_url,
        "smtp_password": settings.alert_smtp_password,
    }
    for name, secret in secrets.items():
        path = folder / name
        path.unlink(missing_ok=True)
        if secret is not None:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(secret.get_secret_value())
    return {name for name, secret in secrets.items() if secret is not None}
