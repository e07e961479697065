"""GET / and GET /batch: web pages to try the service with one question, or with a file of them."""

from __future__ import annotations

import math
from typing import Final
from urllib.parse import urlsplit

from flask import Blueprint, render_template

from include.addresses import host_of
from include.questions import question_link
from include.settings import Settings
from serving.service import service

bp = Blueprint("page", __name__)

_REAL_API: Final = "api.stackexchange.com"


@bp.get("/")
def show() -> str:
    """Answer with the page, whose script calls the API."""
    return _page("page.html")


@bp.get("/batch")
def show_batch() -> str:
    """Answer with the page for a file of questions."""
    return _page("batch.html")


def _page(template: str) -> str:
    state = service()
    settings = state.settings
    # When the service has given up by its own limits, and its response had time to arrive
    timeout_s = settings.service_receive_timeout_s + settings.service_request_timeout_s + 5
    return render_template(
        template,
        site=settings.site,
        needs_key=state.needs_key,
        keep_months=settings.keep_predictions_months,
        timeout_s=math.ceil(timeout_s),
        question_url=_question_url(settings),
    )


def _question_url(settings: Settings) -> str:
    """Return the address of the site's questions up to their ids; empty for no real site."""
    if host_of(urlsplit(settings.stackexchange_api_url).netloc) != _REAL_API:
        return ""
    return question_link(settings.site, 0).removesuffix("0")
