"""The stability page inside Airflow's UI: in the menu, and as a tab of a DAG."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

from include import names
from plugins.framed_app import SCRIPT, engine, framed_app, view
from plugins.lazy_app import LazyApp

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from include.pages.stability_list import StabilityListEntry
    from include.store.stability import StoredStabilityReport

PREFIX = "/stability"
ICON = "stability"


def make_app() -> ASGIApp:
    """Return the app; users who may read the DAG may read its page."""
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends
    from fastapi.responses import HTMLResponse

    app = framed_app("Stability", ICON)
    readers = [Depends(requires_access_dag("GET", param_dag_id=names.DAG_STABILITY))]
    app.add_api_route("/", list_page, response_class=HTMLResponse, dependencies=readers)
    app.add_api_route(
        "/{study_id}/{month}", report_page, response_class=HTMLResponse, dependencies=readers
    )
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


class StabilityPage(AirflowPlugin):
    """Registers the stability page, its menu entry and its tab."""

    name = "tagkeeper_stability_page"
    fastapi_apps = [  # noqa: RUF012  # as Airflow requires
        {"name": "Stability", "app": LazyApp(make_app), "url_prefix": PREFIX}
    ]
    external_views = [  # noqa: RUF012
        view("Stability", PREFIX, ICON, "nav", "stability"),
        view("Stability", PREFIX, ICON, "dag", "stability-of-models"),
    ]
