"""The stability page inside Airflow's UI: in the menu, and as a tab of a DAG."""

import json
import logging
from functools import cache
from pathlib import Path

from airflow.plugins_manager import AirflowPlugin

from include import names
from include.errors import TagkeeperError

PREFIX = "/stability"
SCRIPT = "framed.js"
STATIC = Path(__file__).parent / "stability_page"
HEADERS = {
    # Airflow's own pages may frame it, nobody else's; its one script is of this app
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}

log = logging.getLogger(__name__)


class MadeWhenAsked:
    """
    An ASGI app that is made at its first request.

    Every process of Airflow loads plugins, each task's too; only the api-server shows pages. What
    shows them takes most of a second to import.
    """

    def __init__(self, make):
        self.app = cache(make)

    async def __call__(self, scope, receive, send):
        """Hand the request on."""
        await self.app()(scope, receive, send)


def make_app():
    """Return the app; those who may see the DAG may see its page."""
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends, FastAPI, HTTPException
    from fastapi.responses import FileResponse, HTMLResponse
    from sqlalchemy.exc import SQLAlchemyError

    app = FastAPI(title="Stability", docs_url=None, redoc_url=None, openapi_url=None)
    seen_by = [Depends(requires_access_dag("GET", param_dag_id=names.DAG_STABILITY))]
    app.add_api_route("/", list_page, response_class=HTMLResponse, dependencies=seen_by)
    app.add_api_route(
        "/{study_id}/{month}", report_page, response_class=HTMLResponse, dependencies=seen_by
    )
    for name in (SCRIPT, "icon.svg", "icon_dark.svg"):
        app.add_api_route(f"/{name}", static_file(name), response_class=FileResponse)
    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(TagkeeperError, failed)
    app.add_exception_handler(SQLAlchemyError, failed)

    @app.middleware("http")
    async def add_headers(request, call_next):
        response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    return app


def list_page():
    """Return the list of the site's pages."""
    from include.pages.framed import with_script
    from include.pages.stability_list import render_list
    from include.settings import Settings
    from include.store.stability import read_reports

    site = Settings.from_env().site
    with engine().connect() as connection:
        entries = [entry(report) for report in read_reports(connection, site)]
    return with_script(render_list(site, entries), SCRIPT)


def report_page(study_id: str, month: str):
    """Return the page that holds a study's month."""
    from fastapi import HTTPException

    from include.pages.framed import with_script, with_way_back
    from include.store.stability import read_report_page

    with engine().connect() as connection:
        html = read_report_page(connection, study_id, month)
    if not html:
        raise HTTPException(404, "There is no such page: go back to the list, it may have grown.")
    return with_script(with_way_back(html, "../", "All pages"), f"../{SCRIPT}")


def static_file(name):
    """Return an endpoint that sends one file of this plugin."""

    def send():
        return STATIC / name

    return send


def entry(report):
    """Return a stored report as the list shows it."""
    from include.pages.stability_list import Entry

    return Entry(
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


@cache
def engine():
    """Return the platform's database, one pool for the api-server's process."""
    from include.settings import Settings
    from include.store.engine import make_engine

    return make_engine(Settings.from_env().require_database_url(), pool_size=2)


def refused(request, error):
    """Say in a page why a request is refused."""
    if error.status_code == 401:
        return notice(401, "Log in first", "Log in to Airflow, then open this page again.")
    return notice(error.status_code, "Not to be seen here", str(error.detail))


def failed(request, error):
    """Say in a page what to do; the log has the rest."""
    log.error("the stability page cannot be shown", exc_info=error)
    known = isinstance(error, TagkeeperError)
    told = str(error) if known else "The database gave an error: the api-server's log holds it."
    return notice(503, "The page cannot be shown now", told)


def notice(status, title, text):
    """Return a page with a message."""
    from fastapi.responses import HTMLResponse

    from include.pages.stability_list import render_notice

    return HTMLResponse(render_notice(title, text), status_code=status)


def view(destination, route):
    """Return Airflow's description of a place that frames the list; addresses are relative."""
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
    """The stability page, its place in the menu and its tab."""

    name = "tagkeeper_stability_page"
    fastapi_apps = [  # noqa: RUF012  # as Airflow wants it
        {"name": "Stability", "app": MadeWhenAsked(make_app), "url_prefix": PREFIX}
    ]
    external_views = [view("nav", "stability"), view("dag", "stability-of-models")]  # noqa: RUF012
