"""Hostile HTML is recognised in linear time, and goes around the parser."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.text.html_limits import has_many_attributes, is_costly, nesting_cost
from include.text.prepare import split_html
from tests.growth import superlinear


@pytest.mark.parametrize(
    "html",
    [
        "".join(f"<font size={number}>" for number in range(600)),
        "".join(f"<p>x<font size={number}>" for number in range(200)),
        "<div>" * 500,
        "<a " + " ".join(f"x{number}" for number in range(1000)) + ">",
        "<a " + "".join(f'x{number}="<"' for number in range(1000)) + ">",
    ],
    ids=["nested fonts", "fonts reopened by paragraphs", "deep", "attributes", "quoted angle"],
)
def test_hostile_html_is_recognised(html):
    assert is_costly(html)


@pytest.mark.parametrize(
    "html",
    [
        "<p>text</p>" * 5000,
        "<br>" * 5000,
        '<img src="data:image/png;base64,' + "A/b+" * 5000 + '">',
        "<pre>" + "x = 1\n" * 5000 + "</pre>",
        "<p>x</i>" * 150,
    ],
    ids=["paragraphs", "line breaks", "a picture in its address", "long code", "stray ends"],
)
def test_long_but_harmless_html_is_parsed(html):
    assert not is_costly(html)


def test_no_real_post_is_taken_for_hostile(devops_questions):
    assert not any(is_costly(question.body_html) for question in devops_questions)


def test_closed_elements_do_not_count_as_depth():
    assert nesting_cost("<b>x</b>" * 500) == 1000


def test_short_tags_are_not_counted():
    assert not has_many_attributes("<a href=x>" * 1000)


@pytest.mark.parametrize("reference", ["&#" + "9" * 5000 + ";", "&#x" + "f" * 5000, "&#1114112;"])
def test_reference_to_no_character_becomes_a_replacement_character(reference):
    prose, _ = split_html("<b>" * 2001 + f"a{reference}b")

    assert prose.startswith("a\ufffd")


UNITS = (
    "<a ", "<a '", '<a "', "<a b='", "<!--", "<b>", "</b>", "<b id={n}>", "<p>x<i id={n}>", "<pre>",
    "<div>", "<table><tr>", "<a x{n} ", "x{n}='<' ", "&#9", "&amp", "&", "<", ">", "<script>",
    "<p>", "\n", "é", "</pre", "<svg><p>", "<select>", "<a href='{n}'>", "<template>",
)  # fmt: skip


MANY = 2_500
"""More tags than the quick parser takes: the other one is slower by a factor, at any length."""


@pytest.mark.parametrize("start", ["", "<a ", "<b>", "<table>", "<p><b><i>"])
def test_time_of_splitting_grows_linearly_with_any_repetition(start):
    assert not superlinear(split_html, UNITS, count=MANY, start=start)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(UNITS), min_size=2, max_size=5), st.sampled_from(UNITS))
def test_time_of_splitting_grows_linearly_with_any_sequence(units: list[str], start: str) -> None:
    assert not superlinear(split_html, ["".join(units)], count=MANY, start=start)
