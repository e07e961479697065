"""The stability page as text: everything there, nothing injected, nothing fetched."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from lxml import etree
from selectolax.lexbor import LexborHTMLParser

from include.errors import FixInputError
from include.evaluation.decay import DecayMatrix, HalfLife
from include.evaluation.refits import MonthRefits
from include.evaluation.refreshes import Gain
from include.evaluation.schedules import Prices
from include.pages.figures import figure, span
from include.pages.stability import render
from tests.unit.stability_reports import with_period, year_report

REPORT = year_report()
PAGE = LexborHTMLParser(render(REPORT))
HOSTILE = "</title></style></script><script>alert('x')</script><img src=x onerror=alert(1)>\"'&"


def text_of(selector: str, page: LexborHTMLParser = PAGE) -> str:
    return " ".join(page.css_first(selector).text(separator=" ").split())


def table(caption: str, page: LexborHTMLParser = PAGE) -> list[list[str]]:
    """Return the cells of the first table whose caption starts so, the head row first."""
    for found in page.css("table"):
        if text_of("caption", found).startswith(caption):
            return [
                [" ".join(cell.text(separator=" ").split()) for cell in row.css("th, td")]
                for row in found.css("tr")
            ]
    raise AssertionError(f"no table {caption!r}")


def test_sections_come_in_the_order_of_reading():
    sections = [section.attributes["id"] for section in PAGE.css("main > section")]

    assert sections == ["answer", "curves", "decay", "drift", "adaptation", "months"]
    assert all(PAGE.css_first(f'nav a[href="#{section}"]') for section in sections)


def test_title_names_candidate_site_and_months():
    title = "How tfidf held up on stackoverflow, Jan 2019 to Dec 2019"

    assert text_of("title") == title
    assert text_of("h1").replace(" ,", ",") == title


def test_recommendation_stands_first_with_the_figures_that_carry_it():
    facts = [" ".join(fact.text(separator=" ").split()) for fact in PAGE.css("#answer .facts div")]
    chosen = REPORT.curves[REPORT.policy]

    assert text_of("#answer .verdict") == REPORT.recommendation
    assert len(facts) == 5
    assert f"{chosen.trainings} retraining every month takes 12" in facts[0]
    assert f"{chosen.mean:.3f}" in facts[1]
    assert f"[{chosen.loss_low:.3f}, {chosen.loss_high:.3f}]" in facts[2]


def test_each_policy_has_a_curve_with_its_band_and_a_reference():
    panels = PAGE.css(".panels > figure")

    assert [panel.attributes["class"] for panel in panels] == [
        "monthly", "quarterly", "on_drift", "frozen",
    ]  # fmt: skip
    for panel in panels:
        assert len(panel.css("circle.point")) == 12
        assert panel.css_first("path.band").attributes["d"].endswith("Z")
        assert bool(panel.css_first("path.reference")) == (panel.attributes["class"] != "monthly")


def test_curve_shows_which_months_were_trained_for():
    trained = {
        panel.attributes["class"]: len(panel.css("circle.trained"))
        for panel in PAGE.css(".panels > figure")
    }

    assert trained == {rule: curve.trainings for rule, curve in REPORT.curves.items()}


def test_drift_months_are_marked_on_every_curve_by_letter():
    letters = [text.text() for text in PAGE.css_first(".panels figure").css("svg text.letter")]
    headings = [" ".join(h.text(separator=" ").split()) for h in PAGE.css("#drift article h3")]

    assert letters
    assert {heading[0] for heading in headings} >= set(letters)
    assert any(
        heading.startswith(f"{letters[0]} Jun 2019: the fresh model") for heading in headings
    )
    assert len(PAGE.css(".panels path.alarm")) == 4


def test_table_says_what_other_years_may_lose_or_that_it_is_not_known():
    rows = {row[0].split(",")[0]: row[5] for row in table("The policies compared")[1:]}
    frozen = REPORT.curves["frozen"]
    assert rows["Every month"] == "–"
    assert rows["Never (frozen at the start)"].startswith(span(frozen.other_low, frozen.other_high))
    unknown = sum(not curve.known for curve in REPORT.curves.values())
    assert sum(cell.endswith("not known yet") for cell in rows.values()) == unknown


def test_weekly_refreshes_stand_beside_the_policies_if_they_were_studied():
    monthly = REPORT.curves["monthly"]
    weekly = replace(
        monthly, policy="weekly", trainings=52, loss=-0.02, loss_low=-0.03, loss_high=-0.01,
        seconds=61.4,
    )  # fmt: skip
    surge = replace(weekly, policy="surge", trainings=13)
    both = {"weekly": weekly, "surge": surge}
    page = LexborHTMLParser(render(replace(REPORT, refreshes=both)))
    rows = {row[0]: row for row in table("The policies compared", page)[1:]}

    row = rows["Every month, refreshed every week"]
    assert (row[1], row[2], row[4]) == ("52", "61", f"{figure(-0.02)} {span(-0.03, -0.01)}")
    assert row[6:] == ["–", "never"]  # as many points for the price of 12 trainings instead of 52
    assert rows["Every month, refreshed when new tags surge"][1] == "13"
    assert len(page.css(".panels > figure")) == 6
    assert "six retraining policies" in text_of("#curves-title", page)
    assert "Every month, refreshed every week" not in text_of("#curves")


def refreshed_report():
    monthly = REPORT.curves["monthly"]
    weekly = replace(
        monthly, policy="weekly", trainings=52, mean=monthly.mean + 0.02,
        loss=-0.02, loss_low=-0.03, loss_high=-0.012, other_low=-0.04, other_high=0.001,
    )  # fmt: skip
    return replace(REPORT, refreshes={"weekly": weekly})


def test_refreshes_have_a_worth_and_an_interval_of_other_years():
    rows = table("The policies compared", LexborHTMLParser(render(refreshed_report())))[1:]
    weekly, monthly = rows[0], rows[1]

    assert weekly[5] == f"{span(-0.04, 0.001)} not known yet"
    assert weekly[6:] == ["–", "20.0 trainings or more"]  # 40 trainings for two points
    assert monthly[7].endswith("to 20.0 trainings")


def with_refits():
    """A year with two refits in June, of which one gains .2 on half of the month's questions."""
    refits = tuple(
        MonthRefits("2019-06", ("2019-06-08", "2019-06-15"), (200, 50, 250),
                    ((0.4, 0.4, 0.4), (math.nan, 0.3, 0.4), (math.nan, math.nan, 0.6)))
        if month == "2019-06"
        else MonthRefits(month, (), (500,), ((0.4,),))
        for month in REPORT.months
    )  # fmt: skip
    gained = 0.2 * 250 / 6000
    monthly = REPORT.curves["monthly"]
    weekly = replace(monthly, policy="weekly", trainings=14, mean=0.4 + gained - 0.1 * 50 / 6000)
    surge = replace(monthly, policy="surge", trainings=13, mean=0.4)
    return replace(REPORT, refreshes={"weekly": weekly, "surge": surge}, refits=refits)


def test_refreshes_are_compared_with_the_best_of_as_many_in_hindsight():
    page = LexborHTMLParser(render(with_refits()))
    rows = {row[0]: row for row in table("The policies compared", page)[1:]}
    best = table("Best times to refresh", page)[1:]

    assert rows["Every month, refreshed every week"][6] == figure(0.0)
    assert rows["Every month, refreshed when new tags surge"][6] == figure(0.2 * 250 / 6000)
    assert [row[0] for row in best] == ["0", "1", "2"]
    assert best[1][1:] == ["0.4083", "15 Jun 2019"]


def test_page_says_how_few_refreshes_would_have_been_enough():
    page = LexborHTMLParser(render(with_refits()))

    assert (
        "1 refresh (15 Jun 2019) would have been enough for the F1@5 of all 2 weekly ones, 0.4075. "
        "The best choice, of 1, reaches 0.4083" in text_of("#curves", page)
    )


def test_recommended_refresh_shows_what_it_gains():
    page = LexborHTMLParser(render(replace(refreshed_report(), policy="weekly")))

    assert f"{figure(0.02)} 95 % interval {span(0.012, 0.03)}" in text_of("#answer .facts", page)
    assert "Gained over retraining every month" in text_of("#answer .facts", page)
    assert "recommended" in table("The policies compared", page)[1][0]


def test_given_prices_mark_the_cheapest_rule():
    page = LexborHTMLParser(render(replace(refreshed_report(), prices=Prices(2, 1000))))
    rows = table("The policies compared", page)

    assert "this is the cheapest: every month, refreshed every week (104.0)" in text_of(
        "#answer", page
    )
    assert rows[0][-1] == "Cost"
    assert rows[1][-1] == "104.0 cheapest"
    assert sum("cheapest" in row[-1] for row in rows[1:]) == 1


def test_models_without_rare_tags_stand_beside_with_what_rare_tags_gain():
    monthly = REPORT.curves["monthly"]
    common = replace(
        monthly, policy="common_tags", loss=0.015, loss_low=0.01, loss_high=0.02,
        other_low=0.002, other_high=0.04,
    )  # fmt: skip
    page = LexborHTMLParser(render(replace(REPORT, common_tags=common)))
    rows = {row[0]: row for row in table("The policies compared", page)[1:]}

    row = rows["Every month, only tags of five uses or more"]
    assert row[4] == f"{figure(0.015)} {span(0.01, 0.02)}"
    assert row[6:] == ["–", "–"]
    assert f"gain 0.015 F1@5 over all questions {span(0.01, 0.02)}" in text_of("#curves", page)
    assert "four retraining policies" in text_of("#curves-title", page)
    assert len(page.css(".panels > figure")) == 5


def test_what_rare_tags_gain_with_refreshes_is_said_too():
    monthly = REPORT.curves["monthly"]
    report = replace(
        REPORT,
        common_tags=replace(monthly, policy="common_tags"),
        refreshes_common_tags={
            "weekly": replace(monthly, policy="weekly_common_tags", trainings=52),
            "surge": replace(monthly, policy="surge_common_tags", trainings=13),
        },
        rare_tags_gains={"weekly": Gain(0.021, 0.012, 0.03), "surge": Gain(0.014, 0.01, 0.02)},
    )
    page = LexborHTMLParser(render(report))
    rows = {row[0]: row for row in table("The policies compared", page)[1:]}

    assert rows["Refreshed every week, only tags of five uses or more"][1] == "52"
    assert rows["Refreshed on a surge, only tags of five uses or more"][1] == "13"
    assert (
        f"with refreshes every week 0.021 {span(0.012, 0.03)}; "
        f"with refreshes when new tags surge 0.014 {span(0.01, 0.02)}."
    ) in text_of("#curves", page)
    assert len(page.css(".panels > figure")) == 7


def test_table_of_policies_marks_the_recommended_one():
    rows = table("The policies compared")

    assert len(rows) == 5
    assert next(row for row in rows if "recommended" in row[0])[1] == str(
        REPORT.curves[REPORT.policy].trainings
    )


def test_policies_are_compared_with_the_best_schedule_and_with_what_a_point_is_worth():
    rows = {row[0].split(",")[0]: row for row in table("The policies compared")[1:]}
    best = table("Best months to train")

    assert all(float(row[6]) >= 0 for row in rows.values())
    assert rows["Every month"][7].endswith("trainings or more")
    assert rows["Never (frozen at the start)"][7].startswith("up to")
    assert [int(row[0]) for row in best[1:]] == list(range(1, len(REPORT.months) + 1))
    assert best[-1][2] == "every month"


@pytest.mark.parametrize(
    ("caption", "metric"),
    [("Quality", "f1_all@5"), ("Coverage", "coverage"), ("Ceiling", "ceiling_all@5")],
)
def test_heat_map_holds_every_pair_and_a_legend(caption, metric):
    rows = [row for row in table(caption) if row[0].startswith("2019-")]
    first = f"{REPORT.matrices[metric].values[0, 3]:.2f}".removeprefix("0")

    assert [sum(cell != "" for cell in row[1:]) for row in rows] == list(range(12, 0, -1))
    assert rows[0][4] == first
    assert len(PAGE.css("ol.scale")) == 3
    assert PAGE.css_first("ol.scale").attributes["aria-label"].startswith("Legend: F1@5")


def test_page_says_what_each_model_learned_from():
    row = table("What the fresh model of each month learned from")[1]

    assert row == ["2019-01", "4,000", "4,000", "2018-01-01", "2018-12-31", "1.2"]
    assert "all months before it" in text_of("header p")
    assert "latest" not in text_of("header")


def test_models_that_did_not_learn_from_their_whole_window_are_named_on_top():
    *before, last = REPORT.figures
    fit = replace(last.fit, question_count=20_000, window_count=440_000, first_day="2019-11-22")
    figures = (*before, replace(last, fit=fit))
    page = LexborHTMLParser(render(replace(REPORT, figures=figures)))

    assert "the latest questions of all months before it" in text_of("header p", page)
    assert (
        "The model of 2019-12 learned from only the latest 20,000 of the 440,000 questions of its "
        "window, those asked from 2019-11-22 to" in text_of("header", page)
    )


def test_page_of_an_earlier_release_says_nothing_of_what_models_learned_from():
    figures = tuple(replace(each, fit=None) for each in REPORT.figures)
    page = LexborHTMLParser(render(replace(REPORT, figures=figures)))

    assert "learned from" not in text_of("#months", page)


def test_half_life_is_told_in_words_with_its_interval():
    life = REPORT.half_life

    assert (
        f"not known yet: half as good as a fresh one after {life.months:.1f} months by these tests, "
        f"but from {life.low:.1f} months to no decay at all" in text_of("#decay > p")
    )


def test_period_is_explained_with_causes_slices_and_attributed_questions():
    article = text_of("#drift article")

    assert "combine (0.0 % to 14.2 % of questions)" in article
    assert table("New tags")[1] == ["combine", "0.0 %", "▲ 14.2 %"]
    assert table("Known tags whose share moved")[2] == ["rxjs5", "8.3 %", "▼ 1.2 %"]
    assert table("Words that rose")[1] == ["publisher", "1.1 %", "13.1 %", "11.4"]
    assert table("Words that fell")[1] == ["observable", "41.2 %", "30.1 %", "−6.3"]
    assert table("Kinds of questions that lost")[1] == [
        "questions with new tags", "0.331", "0.104", "0.227", "84",
    ]  # fmt: skip
    assert "asked by A. Person" in article
    assert "asked by an unnamed author" in article
    assert (
        PAGE.css_first(".examples a").attributes["href"] == "https://stackoverflow.com/q/56628254"
    )
    assert (
        PAGE.css_first(".examples a[rel=license]").attributes["href"]
        == "https://creativecommons.org/licenses/by-sa/4.0/"
    )


def test_adaptation_shows_the_loss_without_the_learned_tags():
    (row,) = (row for row in table("Tags learned by each training") if row[0] == "2019-07")

    assert "2 more" in row[2]
    assert row[3:] == ["0.071", "3.1 %", "refit needed"]
    assert "the fresh model loses 0.071 F1@5" in text_of("#adaptation > p")


def test_every_month_links_to_its_run():
    links = [a.attributes["href"] for a in PAGE.css("#months table a")]

    assert links == [figures.run_url for figures in REPORT.figures]


def test_every_picture_and_table_is_named_for_those_who_do_not_see_it():
    for picture in PAGE.css("svg[role=img]"):
        title, description = picture.attributes["aria-labelledby"].split()
        assert text_of(f"#{title}")
        assert text_of(f"#{description}")
    for picture in PAGE.css("svg:not([role=img])"):
        assert picture.attributes["aria-hidden"] == "true"
    assert all(found.css_first("caption") for found in PAGE.css("table"))
    assert all(head.attributes.get("scope") for head in PAGE.css("th"))


def test_ids_are_unique_and_every_link_within_the_page_arrives():
    ids = [node.attributes["id"] for node in PAGE.css("[id]")]

    assert len(ids) == len(set(ids))
    assert {a.attributes["href"][1:] for a in PAGE.css("a[href^='#']")} <= set(ids)


def test_page_is_well_formed():
    parser = etree.HTMLParser()
    etree.fromstring(render(REPORT), parser)
    # libxml2 knows HTML 4 only: newer elements are no fault
    faults = [
        fault.message
        for fault in parser.error_log
        if not re.fullmatch(
            r"Tag (header|nav|main|section|figure|figcaption|article|footer|details|summary|svg|path|rect|circle|line|text|desc) invalid",
            fault.message,
        )
    ]

    assert faults == []


def test_page_fetches_nothing_and_runs_nothing():
    html = render(REPORT)
    asked_for = re.findall(r"""(?:src|srcset|action|xlink:href|data)\s*=|url\(|@import""", html)
    addresses = {
        a.attributes["href"]
        for a in PAGE.css("a[href], link[href]")
        if not a.attributes["href"].startswith("#")
    }

    assert asked_for == []
    assert "<script" not in html
    assert addresses == {
        "data:,",
        "https://creativecommons.org/licenses/by-sa/4.0/",
        *(figures.run_url for figures in REPORT.figures),
        *(one.link for each in REPORT.periods for one in each.examples),
    }
    assert set(re.findall(r"https?://[^/\"< ]+", html)) == {
        "http://127.0.0.1:5000", "https://stackoverflow.com", "https://creativecommons.org",
    }  # fmt: skip


def test_hostile_text_stays_text():
    def poison(each):
        return replace(
            each,
            sentence=HOSTILE,
            new_tags=tuple(replace(tag, tag=HOSTILE) for tag in each.new_tags),
            risen_words=tuple(replace(word, word=HOSTILE) for word in each.risen_words),
            slices=tuple(replace(one, name=HOSTILE) for one in each.slices),
            examples=tuple(
                replace(
                    one, title=HOSTILE, author=HOSTILE, licence=HOSTILE, tags=(HOSTILE,),
                    suggested=(HOSTILE,), link="javascript:alert(1)",
                )
                for one in each.examples
            ),
        )  # fmt: skip

    report = with_period(replace(REPORT, site=HOSTILE, candidate=HOSTILE), poison)
    report = replace(
        report,
        recommendation=HOSTILE,
        figures=tuple(
            replace(each, run_url="javascript:alert(1)", learned_tags=(HOSTILE,) * 12)
            for each in report.figures
        ),
    )
    html = render(report)
    page = LexborHTMLParser(html)

    assert page.css("script, img") == []
    assert "javascript:" not in html
    assert [node for node in page.css("*") if "onerror" in node.attributes] == []
    assert text_of(".verdict", page) == " ".join(HOSTILE.split())


def test_a_single_month_makes_a_page():
    page = LexborHTMLParser(render(year_report("2019-06", "2019-06")))

    assert text_of("title", page).endswith(", Jun 2019")
    assert "One month is not enough to recommend a policy" in text_of("#answer .verdict", page)
    assert "recommended" not in text_of("#curves", page)
    assert "needs at least two months" in text_of("#decay > p", page)
    assert page.css_first("#ageing-title") is None
    assert len(page.css(".panels circle.point")) == 4


def test_a_quiet_year_says_that_no_drift_is_seen():
    page = LexborHTMLParser(render(year_report(quiet=True)))

    assert page.css("#drift article") == []
    assert "no drift from Jan 2019 to Dec 2019" in text_of("#drift", page)
    assert "raised no alarm" in text_of("#drift", page)


def test_what_is_not_finite_is_shown_as_missing():
    curves = {
        rule: replace(curve, f1=(math.nan, *curve.f1[1:]), low=(math.nan, *curve.low[1:]), loss=math.inf)
        for rule, curve in REPORT.curves.items()
    }  # fmt: skip
    matrices = {
        metric: DecayMatrix(matrix.months, np.where(matrix.values > 0, np.nan, np.nan))
        for metric, matrix in REPORT.matrices.items()
    }
    figures = tuple(
        replace(each, f1=math.nan, coverage=math.nan, unknown_words=math.nan, f1_without_learned=math.nan)
        for each in REPORT.figures
    )  # fmt: skip
    report = replace(
        REPORT, curves=curves, matrices=matrices, figures=figures,
        half_life=HalfLife(math.inf, 31.0, math.inf),
    )  # fmt: skip
    html = render(report)
    page = LexborHTMLParser(html)

    assert re.findall(r"\b(nan|inf)\b", html) == []
    assert "a half-life below 31.0 months is ruled out" in text_of("#decay > p", page)
    assert len(page.css(".panels figure.monthly circle.point")) == 11
    assert table("The fresh model of each month", page)[1][3] == "–"
    assert table("Quality", page)[3][1:] == [""] * 12


def test_same_report_gives_the_same_page():
    assert render(year_report()) == render(year_report())


def test_a_report_without_months_is_refused():
    with pytest.raises(FixInputError, match="month"):
        render(replace(REPORT, months=()))


def test_page_of_a_year_stays_below_200_kilobytes():
    assert len(render(REPORT)) < 200_000
