"""GET /overview: the platform's first page, for those who have a key but no login to Airflow."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Final

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from include.errors import FixSettingsError
from include.monitoring.overview import read_loop_state
from include.pages.framed import style_source
from include.pages.overview import LoopState, render_overview
from include.settings import Settings
from include.store.deadlines import Deadlines
from include.store.engine import make_engine
from serving.errors import BusyError
from serving.service import service

TIMEOUT_S: Final = 5.0
bp = Blueprint("overview", __name__)


@bp.get("/overview")
def show() -> Response:
    """Answer with the page. Airflow alone knows what runs: the page links to it."""
    settings = service().settings
    try:
        state = read_state(settings)
    except SQLAlchemyError as error:
        raise BusyError("PostgreSQL does not answer: try again soon") from error
    except FixSettingsError as error:
        raise BusyError(str(error)) from error
    html = render_overview(state, airflow=settings.airflow_url.rstrip("/"))
    # The page has its style and its empty icon within
    policy = (
        f"default-src 'none'; style-src {style_source(html)}; img-src data:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
    headers = {"Content-Security-Policy": policy, "Cache-Control": "private, no-cache"}
    return Response(html, content_type="text/html; charset=utf-8", headers=headers)


def read_state(settings: Settings) -> LoopState:
    """
    Return the state of the loop, on a connection of its own: the page is asked for seldom.

    Raises
    ------
    FixSettingsError
        If the service runs without a database or a registry.
    SQLAlchemyError
        If PostgreSQL does not answer in time.
    """
    connect = partial(make_engine, settings.require_database_url(), pool_size=1)
    database = Deadlines(connect, timeout_s=TIMEOUT_S)
    try:
        with database.begin() as connection:
            return read_loop_state(
                connection, settings, now=datetime.now(UTC), active=None, failed=()
            )
    finally:
        database.dispose()
