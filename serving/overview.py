"""GET /overview: the platform's first page, for those who have a key but no login to Airflow."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response
from sqlalchemy.exc import SQLAlchemyError

from include.errors import FixSettingsError
from include.monitoring.overview import read_loop_state_of
from include.pages.framed import style_source
from include.pages.overview import render_overview
from serving.errors import BusyError
from serving.service import service

TIMEOUT_S: Final = 5.0
bp = Blueprint("overview", __name__)


@bp.get("/overview")
def show() -> Response:
    """Answer with the page. Airflow alone knows what runs: the page links to it."""
    settings = service().settings
    try:
        state = read_loop_state_of(settings, timeout_s=TIMEOUT_S)
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
