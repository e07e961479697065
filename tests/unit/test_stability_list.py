"""The list of stability pages, and what Airflow puts into them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from selectolax.lexbor import LexborHTMLParser

from include.errors import FixInputError
from include.pages.framed import with_back_link, with_script
from include.pages.stability_list import StabilityListEntry, render_list, render_notice

ENTRY = StabilityListEntry(
    candidate="tfidf", parameters='{"penalty": 1}', window_months=6, first_month="2019-01",
    last_month="2019-12", recommendation="Retrain every quarter: <b>why</b>.", periods=2,
    built_at=datetime(2020, 1, 2, 3, 4, tzinfo=UTC), href="0a1b/2019-01",
)  # fmt: skip


def test_entry_says_what_was_studied_and_leads_to_its_page():
    page = LexborHTMLParser(render_list("stackoverflow", [ENTRY]))
    link = page.css_first("h2 a")

    assert link.text() == "tfidf, Jan 2019 to Dec 2019"
    assert link.attributes["href"] == "0a1b/2019-01"
    assert " ".join(page.css_first(".small").text().split()) == (
        "2 drift periods; each model was trained on the 6 months before its month; "
        '{"penalty": 1}; created 2020-01-02 03:04 UTC'
    )


def test_list_escapes_what_it_shows():
    html = render_list("<script>", [ENTRY])

    assert "<script>" not in html
    assert "&lt;b&gt;why&lt;/b&gt;" in html
    assert "<i>" not in render_notice("<i>", "<i>")


def test_empty_list_names_the_dag_and_the_command():
    text = LexborHTMLParser(render_list("stackoverflow", [])).body.text()

    assert "stability_month" in text
    assert "airflow backfill create --dag-id stability_month" in text


def test_page_gets_a_way_back_on_top_and_a_script_before_it_is_drawn():
    html = with_script(with_back_link(render_notice("a", "b"), "../", "All & more"), "../a.js")
    page = LexborHTMLParser(html)

    assert page.css_first("body > *").attributes["class"] == "back"
    assert page.css_first(".back a").text() == "All & more"
    assert page.head.css_first("script").attributes["src"] == "../a.js"


def test_a_page_from_elsewhere_is_refused():
    with pytest.raises(FixInputError, match="not a page"):
        with_script("<p>Hi</p>", "a.js")
