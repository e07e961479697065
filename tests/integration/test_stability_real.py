"""What the study says of months of Stack Overflow in which it is known what happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.evaluation.year_json import from_plain
from include.jobs.stability.study import Stability, request_from_run
from include.months import months_between
from include.settings import Settings
from include.store.questions import upsert_questions
from include.store.stability import read_reports
from tests.conftest import own_database

pytestmark = [pytest.mark.integration, pytest.mark.real_data]


@pytest.fixture(scope="module")
def study(postgres_server, migrated_template, mlflow_server, reactive_questions, tmp_path_factory):
    """Returns the report on some months, each learned from the twelve months before it."""
    with own_database(postgres_server, migrated_template) as url:
        settings = Settings(
            database_url=url,
            mlflow_tracking_uri=mlflow_server,
            site=reactive_questions[0].site,
            min_tag_count=10,
            bootstrap_samples=200,
            local_dir=tmp_path_factory.mktemp("copies"),
        )
        stability = replace(Stability.from_settings(settings), render=lambda report: "")
        with stability.engine.begin() as connection:
            upsert_questions(
                connection, [each for each in reactive_questions if each.asked_at.year > 2016]
            )

        def report(first, last):
            requests = [
                request_from_run({"month": month, "window_months": 12}, None, None)
                for month in months_between(first, last)
            ]
            for request in requests:
                stability.train(request)
            stability.report(requests[-1])
            with stability.engine.connect() as connection:
                found = read_reports(connection, settings.site)
            return next(from_plain(each.report) for each in found if each.first_month == first)

        yield report
        stability.engine.dispose()


def test_summer_of_2019_is_found_and_explained_by_combine_and_swiftui(study):
    year = study("2019-04", "2019-06")

    (period,) = [each for each in year.periods if each.period.kind == "fresh"]
    assert (period.period.first, period.period.last) == ("2019-06", "2019-06")
    assert [tag.tag for tag in period.new_tags] == ["combine", "swiftui"]
    assert "combine (0% to 25%)" in period.sentence
    assert {"swiftui", "passthroughsubject"} <= {word.word for word in period.risen_words}
    assert period.slices[0].name == "new_tags"
    assert period.slices[0].before - period.slices[0].after > 0.05
    first = period.examples[0]
    assert "combine" in first.tags
    assert "combine" not in first.suggested
    assert first.link == f"https://stackoverflow.com/q/{first.question_id}"
    assert first.licence == "CC BY-SA 4.0"


def test_drift_check_alarms_on_june_2019_alone(study):
    assert study("2019-04", "2019-06").alarms == ("2019-06",)


def test_replacement_of_rxjs5_by_rxjs6_is_found(study):
    year = study("2018-04", "2018-07")

    fresh, frozen = year.periods
    assert (fresh.period.kind, fresh.period.first, fresh.period.last) == (
        *("fresh", "2018-05"),
        "2018-05",
    )
    assert fresh.new_tags[0].tag == "rxjs6"
    assert (frozen.period.kind, frozen.period.last) == ("frozen", "2018-07")
    assert frozen.new_tags[0].tag == "rxjs6"
    rxjs5 = next(tag for tag in frozen.moved_tags if tag.tag == "rxjs5")
    assert rxjs5.known
    assert rxjs5.after < rxjs5.before / 2
    assert "rxjs6" in next(line for line in year.figures if line.month == "2018-06").learned_tags
