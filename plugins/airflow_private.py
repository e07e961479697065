"""All uses of names that Airflow keeps private; tests/dags holds that they exist."""

from __future__ import annotations

from smtplib import SMTP
from typing import TYPE_CHECKING

from airflow.providers.standard.decorators.python import _PythonDecoratedOperator

if TYPE_CHECKING:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

PYTHON_TASK = _PythonDecoratedOperator
"""The class of every ``@task``: a plugin's links are attached to a class of operators."""


def open_connection(hook: SmtpHook) -> SMTP:
    """
    Return the open connection of a connected hook, with TLS and login as configured in Airflow.

    The hook's own ``send_email_smtp`` sends no plain-text part, and there is no public way to the
    connection.
    """
    client: SMTP = hook._smtp_client  # type: ignore[assignment]  # asynchronous only if asked for
    return client
