"""GET / and GET /batch: web pages to try the service with one question, or with a file of them."""

from flask import Blueprint, render_template

from serving.service import service

bp = Blueprint("page", __name__)


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
    )
