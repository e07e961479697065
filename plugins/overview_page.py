"""The first page, in Airflow's menu: the state of the loop, and what needs a person."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow.plugins_manager import AirflowPlugin

from include import names
from plugins.framed_app import SCRIPT, engine, framed_app, view
from plugins.lazy_app import LazyApp

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from starlette.types import ASGIApp

    from include.pages.overview import DagRunStatus

PREFIX = "/overview"
ICON = "overview"
RUNS_SHOWN = 20


def make_app() -> ASGIApp:
    """Return the app; users who may read the training's DAG may read its page."""
    from airflow.api_fastapi.core_api.security import requires_access_dag
    from fastapi import Depends
    from fastapi.responses import HTMLResponse

    app = framed_app("Overview", ICON)
    readers = [Depends(requires_access_dag("GET", param_dag_id=names.DAG_TRAIN))]
    app.add_api_route("/", overview, response_class=HTMLResponse, dependencies=readers)
    return app


def overview() -> str:
    """Return the page."""
    from airflow.utils.session import create_session

    from include.monitoring.overview import read_loop_state
    from include.pages.framed import with_script
    from include.pages.overview import render_overview
    from include.settings import Settings

    with create_session() as session:
        active, failed = active_runs(session), failed_runs(session)
    with engine().connect() as connection:
        state = read_loop_state(
            connection,
            Settings.from_env(),
            now=datetime.now(UTC),
            active=active,
            failed=failed,
        )
    return with_script(render_overview(state), SCRIPT)


def active_runs(session: Session) -> list[DagRunStatus]:
    """Return the platform's runs that are queued or running, the longest first."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.state import DagRunState
    from sqlalchemy import select

    from include.pages.overview import DagRunStatus

    rows = session.execute(
        select(DagRun.dag_id, DagRun.run_id, DagRun.state, DagRun.start_date)
        .where(
            DagRun.dag_id.in_(names.DAGS),
            DagRun.state.in_((DagRunState.QUEUED, DagRunState.RUNNING)),
        )
        .order_by(DagRun.start_date.nulls_last(), DagRun.id)
        .limit(RUNS_SHOWN)
    )
    return [
        DagRunStatus(dag_id, run_id, str(state), since) for dag_id, run_id, state, since in rows
    ]


def failed_runs(session: Session) -> list[DagRunStatus]:
    """Return the last ended run of each of the platform's DAGs where it failed."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.state import DagRunState
    from sqlalchemy import select

    from include.pages.overview import DagRunStatus

    failed = []
    for dag_id in names.DAGS:
        last = session.execute(
            select(DagRun.run_id, DagRun.state, DagRun.end_date)
            .where(
                DagRun.dag_id == dag_id,
                DagRun.state.in_((DagRunState.SUCCESS, DagRunState.FAILED)),
            )
            .order_by(DagRun.end_date.desc().nulls_last(), DagRun.id.desc())
            .limit(1)
        ).one_or_none()
        if last is not None and last.state == DagRunState.FAILED:
            failed.append(DagRunStatus(dag_id, last.run_id, str(last.state), last.end_date))
    return failed


class OverviewPage(AirflowPlugin):
    """Registers the page and its menu entry."""

    name = "tagkeeper_overview_page"
    fastapi_apps = [  # noqa: RUF012  # as Airflow requires
        {"name": "Overview", "app": LazyApp(make_app), "url_prefix": PREFIX}
    ]
    external_views = [view("Overview", PREFIX, ICON, "nav", "overview")]  # noqa: RUF012
