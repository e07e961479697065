"""
API keys, hashed at rest: ``tagkeeper keys add NAME`` makes one.

A key has 256 random bits, so one round of SHA-256 is enough: a slow hash only protects secrets that
can be guessed. The file holds ``name:sha256`` lines and is read again when it changes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
from pathlib import Path
from typing import Final

from include.errors import FixInputError, FixSettingsError

_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LINE: Final = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,64}):(?P<digest>[0-9a-f]{64})")


class ApiKeys:
    """
    The keys in a file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    FixSettingsError
        If the file is missing, holds no key, or has an invalid line.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._read_ns = 0
        self._digests: tuple[tuple[str, str], ...] = ()
        self._refresh()
        if not self._digests:
            raise FixSettingsError(
                f"{path} holds no API key: make one with `tagkeeper keys add NAME`"
            )

    def name_of(self, key: str) -> str | None:
        """Return the name of ``key``, None if it is unknown; every stored key is compared."""
        self._refresh()
        digest = _digest(key)
        found = None
        for name, known in self._digests:
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def _refresh(self) -> None:
        """Read the file again if it has changed."""
        try:
            changed_ns = self._path.stat().st_mtime_ns
        except OSError as error:
            raise FixSettingsError(f"SERVICE_API_KEYS_FILE cannot be read: {error}") from error
        with self._lock:
            if changed_ns != self._read_ns:
                self._digests = tuple(read_keys(self._path).items())
                self._read_ns = changed_ns


def read_keys(path: Path) -> dict[str, str]:
    """Return name to digest of each key in ``path``; FixSettingsError names a wrong line."""
    found = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise FixSettingsError(f"{path}, line {number}: expected name:sha256")
        found[match["name"]] = match["digest"]
    return found


def add_key(path: Path, name: str) -> str:
    """
    Add a key for ``name`` and return it: it is shown once and stored nowhere.

    Raises
    ------
    FixInputError
        If the name is taken or has other characters than letters, digits, ``.``, ``_``, ``-``.
    """
    if not _NAME.fullmatch(name):
        raise FixInputError(f"name must be 1 to 64 letters, digits, '.', '_' or '-', got {name!r}")
    if path.exists() and name in read_keys(path):
        raise FixInputError(f"{name!r} has a key already: remove it first")
    path.parent.mkdir(parents=True, exist_ok=True)
    key = f"tk_{secrets.token_urlsafe(32)}"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(f"{name}:{_digest(key)}\n")
    return key


def remove_key(path: Path, name: str) -> None:
    """Remove the key of ``name``; FixInputError if it has none."""
    known = read_keys(path) if path.exists() else {}
    if known.pop(name, None) is None:
        raise FixInputError(f"{name!r} has no key in {path}")
    temporary = path.with_suffix(".new")
    with os.fdopen(os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
        file.writelines(f"{other}:{digest}\n" for other, digest in known.items())
    temporary.replace(path)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
