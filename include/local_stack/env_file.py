"""The file .env of docker compose: .env.example with random passwords and keys."""

import os
import re
import secrets
from pathlib import Path
from typing import Final

from include.errors import FixInputError
from include.local_stack.credentials import Credentials
from include.local_stack.layout import ROOT

EXAMPLE: Final = ROOT / ".env.example"


def filled_example(example: str) -> str:
    """
    Return the text of .env.example with a new random value for each password and key.

    Raises
    ------
    ValueError
        If the example has no empty line ``NAME=`` for one of them.
    """
    made = Credentials()
    values = {
        "POSTGRES_PASSWORD": made.postgres_password,
        "TAGKEEPER_DB_PASSWORD": secrets.token_hex(12),
        "AIRFLOW_DB_PASSWORD": secrets.token_hex(12),
        "MLFLOW_DB_PASSWORD": secrets.token_hex(12),
        "AIRFLOW_PASSWORD": made.airflow_password,
        "AIRFLOW_JWT_SECRET": made.airflow_jwt_secret,
        "AIRFLOW_API_SECRET_KEY": made.airflow_api_secret_key,
        "AIRFLOW_FERNET_KEY": made.airflow_fernet_key,
        "ALERT_WEBHOOK_TOKEN": made.alert_webhook_token,
        "REDIS_PASSWORD": made.redis_password,
        "EVIDENTLY_SECRET": made.evidently_secret,
        "GRAFANA_PASSWORD": secrets.token_hex(12),
    }
    for name, value in values.items():
        example, count = re.subn(rf"^{name}=$", f"{name}={value}", example, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"the example has {count} lines {name}=, not one")
    return example


def write_env_file(path: Path) -> None:
    """
    Write ``path`` for its owner only (mode 0600).

    Raises
    ------
    FixInputError
        If it exists: other passwords would lock the platform out of its databases.
    """
    text = filled_example(EXAMPLE.read_text(encoding="utf-8"))
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise FixInputError(
            f"{path} exists, and its passwords may be those of databases: edit it, or name another "
            "file with --output"
        ) from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
