"""The app of a plugin whose pages Airflow frames: headers, static files, errors as pages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from include.errors import TagkeeperError

if TYPE_CHECKING:
    from fastapi import FastAPI, HTTPException
    from sqlalchemy import Engine
    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response

SCRIPT: Final = "framed.js"
STATIC: Final = Path(__file__).parent / "framed_files"
HEADERS: Final = {
    # Only Airflow's own pages may frame it; its one script is served by this app
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}

log = logging.getLogger(__name__)


def framed_app(title: str, icon: str) -> FastAPI:
    """
    Return an app that serves the script and the icons of its pages, and errors as pages.

    Parameters
    ----------
    title : str
    icon : str
        Stem of its two SVG files: ``icon.svg``, and ``icon_dark.svg`` for the dark theme.
    """
    from fastapi import FastAPI, HTTPException
    from fastapi.responses import FileResponse
    from sqlalchemy.exc import SQLAlchemyError

    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    for name in (SCRIPT, f"{icon}.svg", f"{icon}_dark.svg"):
        app.add_api_route(f"/{name}", static_file(name), response_class=FileResponse)
    app.add_exception_handler(HTTPException, refused)  # type: ignore[arg-type]  # its own kind
    app.add_exception_handler(TagkeeperError, failed)
    app.add_exception_handler(SQLAlchemyError, failed)

    @app.middleware("http")
    async def add_headers(request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    return app


def static_file(name: str) -> Callable[[], Path]:
    """Return an endpoint that sends one file of the pages."""

    def send() -> Path:
        return STATIC / name

    return send


def engine() -> Engine:
    """Return the engine of the platform's database, one pool per api-server process."""
    from include.settings import Settings
    from include.store.engine import process_engine

    return process_engine(Settings.from_env().require_database_url())


def refused(request: Request, error: HTTPException) -> Response:
    """Return a page that says why a request is refused."""
    if error.status_code == 401:
        return message_page(401, "Log in first", "Log in to Airflow, then open this page again.")
    return message_page(error.status_code, "Access denied", str(error.detail))


def failed(request: Request, error: Exception) -> Response:
    """Return a page that says what to do; the log has the error."""
    log.error("the page %s cannot be shown", request.url.path, exc_info=error)
    known = isinstance(error, TagkeeperError)
    detail = str(error) if known else "The database returned an error; see the api-server's log."
    return message_page(503, "The page cannot be shown now", detail)


def message_page(status: int, title: str, text: str) -> Response:
    """Return a page with a message."""
    from fastapi.responses import HTMLResponse

    from include.pages.stability_list import render_notice

    return HTMLResponse(render_notice(title, text), status_code=status)


def view(name: str, prefix: str, icon: str, destination: str, route: str) -> dict[str, Any]:
    """Return an external view of Airflow that frames an app's first page; its URLs are relative."""
    return {
        "name": name,
        "href": f"{prefix[1:]}/",
        "destination": destination,
        "url_route": route,
        "icon": f"{prefix[1:]}/{icon}.svg",
        "icon_dark_mode": f"{prefix[1:]}/{icon}_dark.svg",
        **({"nav_top_level": True} if destination == "nav" else {}),
    }
