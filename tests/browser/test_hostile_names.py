"""Names that are markup or formulas, in each page and picture that shows names, in Chromium."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from include.drift.evidently_report import FAMILIES, make_pages
from include.drift.samples import Observations
from include.notify.render import drift_mail
from include.notify.summaries import ContributorSummary
from include.pages.stability import render
from tests.unit.notification_samples import drift_summary
from tests.unit.stability_reports import year_report

pytestmark = pytest.mark.browser

RUNS = "globalThis.ran=1"
HOSTILE = (
    f"</script><script>{RUNS}</script>",
    f"<img src=x onerror='{RUNS}'>",
    f"<svg/onload={RUNS}>",
    f'<a href="javascript:{RUNS}">tag</a>',
    f"\u2028{RUNS}//",
    "<!--<script>",
    "$\\frac{a$",
    "{{7*7}}",
    "&lt;b&gt;",
)


@pytest.fixture
def opened(browser, tmp_path):
    """Return a function that opens a page and returns it once its scripts have run."""
    context = browser.new_context()

    def open_html(path):
        page = context.new_page()
        page.errors = []
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.goto(path.as_uri())
        page.wait_for_load_state("networkidle")
        return page

    yield open_html
    context.close()


def observed(seed: int, hostile: tuple[str, ...]) -> Observations:
    generator = np.random.default_rng(seed)
    names = [[str(generator.choice((*hostile, "python", "c++")))] for _ in range(200)]
    return Observations(
        months=["2024-01"] * 200,
        words=names,
        word_counts=generator.lognormal(4, 0.5, 200).tolist(),
        code_shares=generator.uniform(size=200).tolist(),
        tags=names,
        suggested=[[(name, 0.8)] for (name,) in names],
        f1=generator.uniform(size=200).tolist(),
    )


# Not all at once: a comment that one name opens may hide another name's script.
@pytest.mark.parametrize(
    ("family", "hostile"),
    [("tags", HOSTILE[:1]), ("text", HOSTILE[1:5]), ("predictions", HOSTILE[5:])],
)
def test_names_in_a_report_of_evidently_do_not_run(opened, tmp_path, family, hostile):
    at = datetime(2024, 2, 1, tzinfo=UTC)
    before, now = observed(1, hostile), observed(2, hostile)
    pages = make_pages(before, now, tmp_path, title="2024-01", at=at)

    assert tuple(page.family for page in pages) == FAMILIES
    page = opened(tmp_path / f"{family}.html")
    page.get_by_text("Drift", exact=False).first.wait_for(timeout=60_000)
    assert page.errors == []
    assert page.evaluate("globalThis.ran") is None
    assert page.locator("img[src=x]").count() == 0


def test_names_on_the_stability_page_do_not_run(opened, tmp_path):
    report = year_report()
    report = replace(
        report,
        site=HOSTILE[0],
        recommendation=HOSTILE[1],
        figures=tuple(replace(each, learned_tags=HOSTILE) for each in report.figures),
    )
    (tmp_path / "page.html").write_text(render(report), encoding="utf-8")

    page = opened(tmp_path / "page.html")

    assert page.errors == []
    assert page.evaluate("globalThis.ran") is None
    assert HOSTILE[1] in page.locator("body").inner_text()


def test_names_in_a_mail_do_not_run(opened, tmp_path):
    tags = tuple(ContributorSummary(name, 0.1, 0.2) for name in HOSTILE)
    mail = drift_mail(drift_summary(tags=tags, words=tags, reason=HOSTILE[0]))
    (tmp_path / "mail.html").write_text(mail.html, encoding="utf-8")

    page = opened(tmp_path / "mail.html")

    assert page.evaluate("globalThis.ran") is None
    assert HOSTILE[0] in page.locator("body").inner_text()
