"""
Prediction ids that prove by themselves that this service issued them, and to which API key.

An id is a UUID of version 7 (RFC 9562), whose timestamp is the prediction's ``asked_at``. The last
32 of its 74 random bits are a keyed hash (BLAKE2b, RFC 7693) of the other bits and the key's name,
so feedback is checked without a look-up, also while its prediction waits in a spool. 42 random
bits a millisecond remain.
"""

from __future__ import annotations

import os
import secrets
import time
from hashlib import blake2b
from pathlib import Path
from typing import Final
from uuid import UUID

from include.errors import FixSettingsError
from serving.entropy import random_bytes

_VERSION: Final = 7 << 76 | 2 << 62  # and the variant
_RANDOM_BITS: Final = (1 << 76) - 1 & ~(3 << 62)
_PROOF_BITS: Final = 32
_PROOF_MASK: Final = (1 << _PROOF_BITS) - 1


def new_id() -> UUID:
    """Return a new version 7 UUID: 48 bits of milliseconds, then 74 random bits."""
    return UUID(int=_new_value())


def _new_value() -> int:
    """Return the 128 bits of a new version 7 UUID."""
    milliseconds = time.time_ns() // 1_000_000
    random_part = int.from_bytes(random_bytes(), "big") & _RANDOM_BITS
    return milliseconds << 80 | random_part | _VERSION


class PredictionIds:
    """
    Issues prediction ids and recognises them.

    Parameters
    ----------
    secret : str
        Key of the hash; the same for all workers and machines behind one address.
    """

    def __init__(self, secret: str) -> None:
        self._hash_key = blake2b(secret.encode("utf-8")).digest()

    def new(self, key_name: str | None) -> UUID:
        """Return a new id for a prediction that the API key of this name asked for."""
        unproven = _new_value() & ~_PROOF_MASK
        return UUID(int=unproven | self._proof(unproven, key_name))

    def issued_to(self, prediction_id: UUID, key_name: str | None) -> bool:
        """Return whether this service issued ``prediction_id`` to the API key of this name."""
        value = prediction_id.int
        proof = self._proof(value & ~_PROOF_MASK, key_name)
        return prediction_id.version == 7 and secrets.compare_digest(
            proof.to_bytes(4, "big"), (value & _PROOF_MASK).to_bytes(4, "big")
        )

    def _proof(self, unproven: int, key_name: str | None) -> int:
        message = unproven.to_bytes(16, "big") + (
            b"" if key_name is None else b":" + key_name.encode()
        )
        return int.from_bytes(blake2b(message, key=self._hash_key, digest_size=4).digest(), "big")


def load_secret(path: Path) -> str:
    """
    Return the secret in ``path``; make one, readable by its owner only, if there is none.

    Raises
    ------
    FixSettingsError
        If the file cannot be read or written, or is empty.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        fd = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(fd, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
            os.link(draft, path)  # of several processes, one wins
        except FileExistsError:
            pass
        finally:
            draft.unlink()
        secret = path.read_text(encoding="ascii").strip()
    except OSError as error:
        raise FixSettingsError(
            f"the secret of prediction ids cannot be kept in {path} ({error}): make LOCAL_DIR "
            "writable, or set SERVICE_SECRET"
        ) from error
    if not secret:
        raise FixSettingsError(f"{path} is empty: delete it, and the service makes a new secret")
    return secret
