"""The id of each request: the client's own if it sends a sound one, else a fresh one."""

import re
from typing import Final

from flask import g, request

from serving.chance import random_bytes

HEADER: Final = "X-Request-ID"
_VARIABLE: Final = "HTTP_X_REQUEST_ID"
_SOUND: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id() -> str:
    """Return the current request's id."""
    found: str | None = g.get("request_id")
    if found is None:
        given = request.environ.get(_VARIABLE, "")
        found = given if _SOUND.fullmatch(given) else random_bytes()[:8].hex()
        g.request_id = found
    return found
