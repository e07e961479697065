"""The list of a site's stability pages, and what to do when there is none. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from include import names
from include.pages.environment import environment


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One stored page, as the list shows it.

    Parameters
    ----------
    candidate : str
    parameters : str
        Where they differ from the family's defaults; empty if nowhere.
    window_months : int or None
        Months that each model learned from; all before its month, if None.
    first_month, last_month : str
    recommendation : str
    periods : int
        How many periods of drift it explains.
    built_at : datetime
        Aware.
    href : str
        Where the page is, relative to the list.
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


def render_list(site: str, entries: Sequence[Entry]) -> str:
    """Return the list as a page; without entries, the way to the first one."""
    template = environment().get_template("stability_list.html")
    return template.render(site=site, entries=entries, dag_id=names.DAG_STABILITY, names=names)


def render_notice(title: str, text: str) -> str:
    """Return a page that says why there is nothing else to see, and what to do."""
    return environment().get_template("notice.html").render(title=title, text=text)
