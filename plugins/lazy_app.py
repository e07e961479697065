"""An ASGI app of a plugin that costs nothing in processes that do not serve it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """
    An ASGI app that is created at its first request.

    Every process of Airflow loads plugins, including each task's, but only the api-server serves
    pages; their imports take most of a second.
    """

    def __init__(self, factory: Callable[[], ASGIApp]) -> None:
        self.app = cache(factory)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward the request."""
        await self.app()(scope, receive, send)
