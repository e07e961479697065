"""GET /: a page to try the service, in plain HTML with a little script of its own."""

from flask import Blueprint, render_template

from serving.service import service

bp = Blueprint("page", __name__)


@bp.get("/")
def show() -> str:
    """Answer with the page; everything else on it comes from the interface."""
    found = service()
    return render_template("page.html", site=found.settings.site, needs_key=found.needs_key)
