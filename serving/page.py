"""GET /: a web page to try the service."""

from flask import Blueprint, render_template

from serving.service import service

bp = Blueprint("page", __name__)


@bp.get("/")
def show() -> str:
    """Answer with the page, whose script calls the API."""
    state = service()
    return render_template(
        "page.html",
        site=state.settings.site,
        needs_key=state.needs_key,
        keep_months=state.settings.keep_predictions_months,
    )
