"""
A guard in front of a web application that has none: which hosts and origins it serves.

A page of a foreign site can make a browser send requests to this machine: with the site's own name
as ``Host``, once that was pointed at the loopback address (DNS rebinding), and with its name as
``Origin`` when it changes something (cross-site request forgery). Both are refused.

References
----------
.. [1] C. Jackson et al., "Protecting browsers from DNS rebinding attacks", ACM CCS 2007.
.. [2] RFC 6454, "The Web Origin Concept".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import urlsplit

from include.addresses import host_of

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestGuard:
    """
    Passes on what a browser may send, and refuses the rest with status 403 or 421.

    Parameters
    ----------
    application : ASGI application
    hosts : frozenset of str
        Names and addresses under which it is served, without ports.
    """

    def __init__(self, application: Application, hosts: frozenset[str]) -> None:
        self._application = application
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection."""
        fault = self._fault(scope) if scope["type"] in {"http", "websocket"} else None
        if fault is None:
            await self._application(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(send, *fault)

    def _fault(self, scope: Scope) -> tuple[int, str] | None:
        """Return status and reason of a refusal, None if the request may pass."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        host = host_of(headers.get(b"host", ""))
        if host not in self._hosts:
            return 421, f"this server is not {host or 'without a name'}"
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        origin = headers.get(b"origin")
        if changes and origin is not None and host_of(urlsplit(origin).netloc) not in self._hosts:
            return 403, f"pages of {origin} may not change anything here"
        return None


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = reason.encode("utf-8", "replace")
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"x-content-type-options", b"nosniff"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
