"""The list of a site's stability pages, with instructions if there is none. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from include import names
from include.pages.environment import environment


@dataclass(frozen=True, slots=True)
class StabilityListEntry:
    """
    One stored page, as the list shows it.

    Parameters
    ----------
    candidate : str
    parameters : str
        Where they differ from the family's defaults; empty if nowhere.
    window_months : int or None
        Length of the training window in months; None for all months before.
    first_month, last_month : str
    recommendation : str
    periods : int
        Number of drift periods.
    built_at : datetime
        Aware.
    href : str
        Address of the page, relative to the list.
    """

    candidate: str
    parameters: str
    window_months: int | None
    first_month: str
    last_month: str
    recommendation: str
    periods: int
    built_at: datetime
    href: str


def render_list(site: str, entries: Sequence[StabilityListEntry]) -> str:
    """Return the list as a page; without entries, how to create the first one."""
    template = environment().get_template("stability_list.html")
    return template.render(site=site, entries=entries, dag_id=names.DAG_STABILITY, names=names)


def render_notice(title: str, text: str) -> str:
    """Return a page that says why there is no content, and what to do."""
    return environment().get_template("notice.html").render(title=title, text=text)
