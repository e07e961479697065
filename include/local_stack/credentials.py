"""Passwords and keys of a local stack: made once, kept in a file that only its owner can read."""

import json
import os
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Final

AIRFLOW_USER: Final = "admin"


def _password() -> str:
    return secrets.token_hex(12)


def _key() -> str:
    return secrets.token_hex(32)


def _fernet_key() -> str:
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode("ascii")


@dataclass(frozen=True)
class Credentials:
    """The stack's passwords and keys; each is random unless given."""

    postgres_password: str = field(default_factory=_password, repr=False)
    airflow_password: str = field(default_factory=_password, repr=False)
    airflow_jwt_secret: str = field(default_factory=_key, repr=False)
    airflow_api_secret_key: str = field(default_factory=_key, repr=False)
    airflow_fernet_key: str = field(default_factory=_fernet_key, repr=False)
    alert_webhook_token: str = field(default_factory=_key, repr=False)
    redis_password: str = field(default_factory=_key, repr=False)
    evidently_secret: str = field(default_factory=_key, repr=False)


def write_private(path: Path, content: str) -> None:
    """Write ``content`` to ``path`` atomically, readable by the owner only (mode 0600)."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    draft.replace(path)


def load_credentials(path: Path) -> Credentials:
    """Return the credentials stored in ``path``; make and store those that are missing."""
    known: dict[str, str] = {}
    if path.exists():
        known = json.loads(path.read_text(encoding="utf-8"))
    names = {one.name for one in fields(Credentials)}
    credentials = Credentials(**{name: value for name, value in known.items() if name in names})
    if asdict(credentials) != known:
        write_private(path, json.dumps(asdict(credentials), indent=1) + "\n")
    return credentials
