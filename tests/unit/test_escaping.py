"""Text from outside stays text: in Markdown, in pages of other programs, in pictures."""

import cmarkgfm
import pytest
from hypothesis import given
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from include.escaping import markdown, without_markup
from include.evaluation.bootstrap import BootstrapInterval
from include.evaluation.evaluation import Ranking, evaluate
from include.jobs.training.plots import draw_comparison, draw_evaluation
from include.notify.charts import contributors_chart
from include.notify.summaries import ContributorSummary

FORMULA = "$\\frac{a$"


@given(st.text(alphabet=" ab1.\n#`*_~[]()<>!&\\|+-=:/$", max_size=40))
def test_markdown_of_any_text_is_that_text(text):
    page = LexborHTMLParser(cmarkgfm.github_flavored_markdown_to_html(f"x {markdown(text)}"))

    assert page.css("a, img, em, strong, del, code, pre, table, script, h1, h2, li") == []
    assert page.body.text().split() == ["x", *text.split()]


@given(st.text())
def test_nothing_is_left_that_a_page_or_script_could_read(text):
    shown = without_markup(text)

    assert not set(shown) & set("<>&\u2028\u2029\0")
    assert without_markup(shown) == shown


@pytest.mark.parametrize("name", ["c++", "питон", "日本語", "node.js"])
def test_ordinary_tags_are_shown_as_they_are(name):
    assert without_markup(name) == markdown(name) == name


def test_formula_in_a_tag_ends_no_picture(tmp_path):
    tags = [f"{FORMULA}{number}" for number in range(3)]
    evaluation = evaluate(Ranking([tags], [[0.5, 0.4, 0.3]]), [set(tags)], set(tags), masks={})
    draw_evaluation(evaluation, FORMULA, tmp_path)
    interval = BootstrapInterval(0.2, 0.1, 0.3, 1.0, 5)
    figures = {FORMULA: {1: 0.1, 3: 0.2, 5: 0.2}}
    draw_comparison(figures, {FORMULA: interval}, FORMULA, tmp_path / "candidates.png")

    chart = contributors_chart("tags", "tag", [ContributorSummary(FORMULA, 0.1, 0.2)])

    assert all(path.stat().st_size > 5_000 for path in tmp_path.iterdir())
    assert chart.png.startswith(b"\x89PNG")
