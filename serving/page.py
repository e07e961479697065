"""GET / and GET /batch: web pages to try the service with one question, or with a file of them."""

from __future__ import annotations

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
    return render_template(
        template,
        site=state.settings.site,
        needs_key=state.needs_key,
        keep_months=state.settings.keep_predictions_months,
        question_url=_question_url(state.settings),
    )


def _question_url(settings: Settings) -> str:
    """Return the address of the site's questions up to their ids; empty for no real site."""
    if host_of(urlsplit(settings.stackexchange_api_url).netloc) != _REAL_API:
        return ""
    return question_link(settings.site, 0).removesuffix("0")
