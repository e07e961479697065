"""The stability page inside Airflow's UI: in the menu, and as a tab of a DAG."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

from include import names
from include.errors import TagkeeperError
from plugins.lazy_app import LazyApp

if TYPE_CHECKING:
    from fastapi import HTTPException
    from sqlalchemy import Engine
    from starlette.middleware.base import RequestResponseEndpoint
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp

    from include.pages.stability_list import StabilityListEntry
    from include.store.stability import StoredStabilityReport

PREFIX = "/stability"
SCRIPT = "framed.js"
STATIC = Path(__file__).parent / "stability_page"
HEADERS = {
    # Only Airflow's own pages may frame it; its one script is served by this app
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}

log = logging.getLogger(__name__)


def make_app() -> ASGIApp:
    """Return the app; users who may read the DAG may read its page."""
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import FileResponse, HTMLResponse
    from sqlalchemy.exc import SQLAlchemyError

    app = FastAPI(title="Stability", docs_url=None, redoc_url=None, openapi_url=None)
    readers = [Depends(requires_access_dag("GET", param_dag_id=names.DAG_STABILITY))]
    app.add_api_route("/", list_page, response_class=HTMLResponse, dependencies=readers)
    app.add_api_route(
        "/{study_id}/{month}", report_page, response_class=HTMLResponse, dependencies=readers
    )
    for name in (SCRIPT, "icon.svg", "icon_dark.svg"):
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


def list_page() -> str:
    """Return the list of the site's stability pages."""
    from include.pages.framed import with_script
    from include.pages.stability_list import render_list
    from include.settings import Settings
    from include.store.stability import read_reports

    site = Settings.from_env().site
    with engine().connect() as connection:
        entries = [entry(report) for report in read_reports(connection, site)]
    return with_script(render_list(site, entries), SCRIPT)


def report_page(study_id: str, month: str) -> str:
    """Return the page of a study that includes the month."""
    from fastapi import HTTPException

    from include.pages.framed import with_back_link, with_script
    from include.store.stability import read_report_page

    with engine().connect() as connection:
        html = read_report_page(connection, study_id, month)
    if not html:
        raise HTTPException(
            404, "There is no such page. Go back to the list, which may have changed."
        )
    return with_script(with_back_link(html, "../", "All pages"), f"../{SCRIPT}")


def static_file(name: str) -> Callable[[], Path]:
    """Return an endpoint that sends one file of this plugin."""

    def send() -> Path:
        return STATIC / name

    return send


def entry(report: StoredStabilityReport) -> StabilityListEntry:
    """Return the list entry of a stored report."""
    from include.pages.stability_list import StabilityListEntry

    return StabilityListEntry(
        candidate=report.candidate,
        parameters=json.dumps(report.parameters, sort_keys=True) if report.parameters else "",
        window_months=report.window_months,
        first_month=report.first_month,
        last_month=report.last_month,
        recommendation=report.report["recommendation"],
        periods=len(report.report["periods"]),
        built_at=report.built_at,
        href=f"{report.study_id}/{report.first_month}",
    )


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
    log.error("the stability page cannot be shown", exc_info=error)
    known = isinstance(error, TagkeeperError)
    detail = str(error) if known else "The database returned an error; see the api-server's log."
    return message_page(503, "The page cannot be shown now", detail)


def message_page(status: int, title: str, text: str) -> Response:
    """Return a page with a message."""
    from fastapi.responses import HTMLResponse

    from include.pages.stability_list import render_notice

    return HTMLResponse(render_notice(title, text), status_code=status)


def view(destination: str, route: str) -> dict[str, Any]:
    """Return an external view that frames the list; its URLs are relative."""
    return {
        "name": "Stability",
        "href": f"{PREFIX[1:]}/",
        "destination": destination,
        "url_route": route,
        "icon": f"{PREFIX[1:]}/icon.svg",
        "icon_dark_mode": f"{PREFIX[1:]}/icon_dark.svg",
        **({"nav_top_level": True} if destination == "nav" else {}),
    }


class StabilityPage(AirflowPlugin):
    """Registers the stability page, its menu entry and its tab."""

    name = "tagkeeper_stability_page"
    fastapi_apps = [  # noqa: RUF012  # as Airflow requires
        {"name": "Stability", "app": LazyApp(make_app), "url_prefix": PREFIX}
    ]
    external_views = [view("nav", "stability"), view("dag", "stability-of-models")]  # noqa: RUF012
