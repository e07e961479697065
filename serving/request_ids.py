"""Request ids: the client's own if it sends a valid one, else a new one."""

import re
from typing import Final

from flask import request
from flask.globals import app_ctx

from serving.entropy import random_bytes

HEADER: Final = "X-Request-ID"
_VARIABLE: Final = "HTTP_X_REQUEST_ID"
_VALID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")


def request_id() -> str:
    """Return the current request's id."""
    values = app_ctx.g
    found: str | None = values.get("request_id")
    if found is None:
        sent = request.environ.get(_VARIABLE, "")
        found = sent if _VALID.fullmatch(sent) else random_bytes()[:8].hex()
        values.request_id = found
    return found
