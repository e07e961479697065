"""What training decides without a database: requests, splits, slices, notes, results."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from include import names
from include.candidates.base import MAX_TAGS_WITH_RARE
from include.errors import FixInputError, MissingDataError
from include.evaluation.evaluation import Ranking, evaluate
from include.evaluation.selection import Gate
from include.jobs.data.datasets import SplitMonths, all_questions, split_by_time, split_slice_masks
from include.jobs.training.code_version import code_version
from include.jobs.training.pipeline import request_from_params, request_from_run
from include.jobs.training.plan import (
    CandidateSpec,
    TrainedCandidate,
    expand_candidates,
)
from include.jobs.training.promotion_gate import SharedQuestions, compare_suggested
from include.jobs.training.question_results import QuestionResults
from include.jobs.training.run_records import evaluation_tables
from include.jobs.training.summary import (
    AIRFLOW_NOTE_LENGTH,
    markdown_table,
    short_note,
    table_rows,
)
from include.settings import Settings
from include.tag_names import TagNames
from include.task_results import TrainingResult
from include.text.prepared import LabelledTexts, PreparedText

SETTINGS = Settings(candidates="frequency,tfidf")
MONTHS = SplitMonths("2024-01", "2024-02", "2024-03")


def labelled(*rows):
    """Questions as (day of 2024, tags)."""
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return LabelledTexts(
        tuple(
            PreparedText("How", f"word {day}", "", ("s", place))
            for place, (day, _) in enumerate(rows)
        ),
        tuple(tuple(tags) for _, tags in rows),
        tuple(start + timedelta(days=day) for day, _ in rows),
    )


QUESTIONS = labelled((0, "a"), (1, "ab"), (40, "ac"), (41, ""), (65, "ad"), (66, ""))


def split(questions=QUESTIONS, min_tag_count=1):
    return split_by_time(questions, MONTHS, site="s", min_tag_count=min_tag_count)


def test_stored_results_are_read_by_the_names_that_tags_have_now(tmp_path):
    stored = QuestionResults(
        question_ids=[7],
        ranking=Ranking([["golang", "homework", "go", "json"]], [[0.9, 0.8, 0.7, 0.1]]),
        title_only=[["go", "golang"]],
        vocabulary=("go", "golang", "homework", "json"),
    )
    stored.save(tmp_path)
    read = QuestionResults.load(tmp_path).renamed(TagNames({"golang": "go", "homework": None}))

    assert (read.ranking.tags, read.ranking.scores) == ([["go", "json"]], [[0.9, 0.1]])
    assert [list(row) for row in read.title_only] == [["go"]]
    assert read.vocabulary == ("go", "json")
    assert read.f1_all([7], [("go",)]).tolist() == [pytest.approx(1 / 3)]


def test_split_is_by_time_and_leaves_out_untagged_questions():
    made = split()
    assert made.train.questions.tags == (("a",), ("a", "b"), ("a", "c"))
    assert made.test.tags == (("a", "d"),)


def test_vocabulary_comes_from_the_training_months_only():
    assert split().train.vocabulary == ("a", "b", "c")


def test_the_uses_that_a_large_vocabulary_needs_are_recorded_beside_the_setting():
    rare = [(0, [f"rare-{number}"]) for number in range(MAX_TAGS_WITH_RARE)]

    data = split(labelled(*rare, (1, "a"), (2, "a"), (65, "a"))).train

    assert (data.min_tag_count, data.least_uses, data.vocabulary) == (1, 2, ("a",))


def test_dataset_id_depends_on_the_content_only():
    assert split().train.dataset_id == split().train.dataset_id


@pytest.mark.parametrize(
    "changed",
    [
        split(min_tag_count=2),
        split(labelled((0, "a"), (1, "ac"), (40, "ac"), (65, "ad"))),
        split_by_time(QUESTIONS, MONTHS, site="other", min_tag_count=1),
    ],
)
def test_dataset_id_changes_with_tags_min_tag_count_and_site(changed):
    assert changed.train.dataset_id != split().train.dataset_id


def test_test_months_hash_does_not_depend_on_the_training_months():
    other = labelled((0, "b"), (1, "b"), (40, "b"), (41, ""), (65, "ad"), (66, ""))
    assert split(other).test_id == split().test_id


def test_test_month_without_tagged_questions_is_missing_data():
    with pytest.raises(MissingDataError, match="2024-03"):
        split(labelled((0, "a"), (65, "")))


def test_vocabulary_without_tags_is_missing_data():
    with pytest.raises(MissingDataError, match="no tag of s is used 9 times"):
        split(min_tag_count=9)


def test_refit_data_includes_the_test_month():
    data = all_questions(split())
    assert (data.first_month, data.last_month, len(data.questions)) == ("2024-01", "2024-03", 4)
    assert data.vocabulary == ("a", "b", "c", "d")


def test_refit_moves_a_bounded_window_on_by_a_month():
    """Or the next month's model, of one month less, would be compared with the champion."""
    months = replace(MONTHS, window_months=2)
    data = all_questions(split_by_time(QUESTIONS, months, site="s", min_tag_count=1))
    assert (data.first_month, data.last_month) == ("2024-02", "2024-03")
    assert data.vocabulary == ("a", "c", "d")


def test_refit_of_a_refresh_keeps_the_window_and_adds_the_days():
    start, end = (datetime(2024, 3, day, tzinfo=UTC) for day in (5, 9))
    months = SplitMonths.of_days("2024-01", start, end, window_months=2)
    assert months.refit_first == "2024-01"


def test_new_tags_are_those_first_used_within_three_months():
    months = SplitMonths("2024-01", "2024-05", "2024-06")
    questions = labelled((0, "a"), (70, "b"), (155, "a"), (156, "ab"), (157, "z"))
    made = split_by_time(questions, months, site="s", min_tag_count=1)
    assert split_slice_masks(made)["new_tags"].tolist() == [False, True, True]


def test_in_a_short_window_only_tags_never_seen_are_new():
    assert split_slice_masks(split(labelled((0, "a"), (65, "a"), (66, "d"))))[
        "new_tags"
    ].tolist() == [
        False,
        True,
    ]


def test_saved_results_load_unchanged(tmp_path):
    results = QuestionResults(
        [7, 9], Ranking([["a", "b"], []], [[0.5, 0.25], []]), [["b"], ["a"]], ("a", "b")
    )
    results.save(tmp_path)
    assert QuestionResults.load(tmp_path) == results


def test_absent_results_are_missing_data(tmp_path):
    with pytest.raises(MissingDataError, match="contains no results"):
        QuestionResults.load(tmp_path)


def test_results_are_scored_against_current_tags_in_the_given_order():
    results = QuestionResults([7, 9], Ranking([["a"], ["b"]], [[1.0], [1.0]]), [[], []], ("a", "b"))
    assert results.f1_all([9, 7], [("b",), ("x",)]) == pytest.approx([2 / 6, 0])


def test_the_gate_compares_the_tags_that_each_model_suggests_outright():
    challenger, champion = (
        QuestionResults([7, 9], Ranking([["a", "b"], ["b"]], scores), [[], []], ("a", "b"))
        for scores in ([[0.9, 0.1], [0.9]], [[0.9, 0.8], [0.9]])
    )
    gate = Gate(rule="better", min_gain=0, max_slice_loss=0.05, samples=50, seed=0)
    questions = SharedQuestions([9, 7], [("b",), ("a",)])

    found = compare_suggested(challenger, champion, questions, gate)
    assert found["challenger"] == pytest.approx(1)
    assert found["champion"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["difference"]["mean"] == pytest.approx(1 / 6)


def test_table_of_slices_has_the_f1_of_the_suggested_set_where_there_are_scores():
    evaluation = evaluate(
        Ranking([["a", "b"], ["b"]], [[0.9, 0.1], [0.9]]),
        [("a",), ("b",)],
        {"a", "b"},
        masks={"short": np.array([True, False])},
        title_only=[["a"], ["a"]],
    )

    table = evaluation_tables(evaluation)["tables/slices.json"]
    by_slice = dict(zip(table["slice"], table["f1_suggested"], strict=True))
    assert (by_slice["all"], by_slice["short"], by_slice["title_only"]) == (1, 1, None)


def test_question_without_a_result_is_rejected():
    results = QuestionResults([7], Ranking([["a"]], [[1.0]]), [[]], ("a",))
    with pytest.raises(FixInputError, match="1 questions have no result, for example 8"):
        results.f1_all([8], [("a",)])


def from_run(run_type, params=None, end=None):
    return request_from_run(
        SETTINGS, params or {}, run_id="r", run_type=run_type, data_interval_end=end
    )


THIRD_OF_APRIL = datetime(2024, 4, 3, 6, tzinfo=UTC)


def test_backfilled_run_tests_on_the_month_before_its_intervals_end():
    assert from_run("backfill", end=THIRD_OF_APRIL).test_month == "2024-03"


@pytest.mark.parametrize("run_type", ["scheduled", "manual"])
def test_other_runs_take_the_latest_stored_month(run_type):
    assert from_run(run_type, end=THIRD_OF_APRIL).test_month is None


def test_month_of_the_form_has_precedence():
    assert from_run("backfill", {"test_month": "2023-01"}, THIRD_OF_APRIL).test_month == "2023-01"


def test_run_without_a_reason_names_its_run_type():
    assert from_run("scheduled").reason == "scheduled run, policy monthly_and_on_drift"


def test_candidates_default_to_the_settings():
    assert [spec.name for spec in from_run("manual").candidates] == ["frequency", "tfidf"]


def test_drift_report_of_the_form_is_a_number():
    request = request_from_params({"drift_report_id": "12"}, SETTINGS, request_id="r", actor="a")
    assert request.drift_report_id == 12


def test_each_set_of_parameters_is_a_candidate_and_repetitions_are_dropped():
    specs = expand_candidates(["tfidf", "tfidf"], {"tfidf": [{"penalty": 2}, {"penalty": 2}, {}]})
    assert [spec.label for spec in specs] == ["tfidf (penalty=2)", "tfidf"]


@pytest.mark.parametrize(
    ("names", "parameters", "message"),
    [
        ([], None, "at least one candidate"),
        (["tfidf"], {"lda": {}}, "not among the candidates"),
        (["tfidf"], {"tfidf": "x"}, "must be an object"),
    ],
)
def test_invalid_candidates_are_rejected(names, parameters, message):
    with pytest.raises(FixInputError, match=message):
        expand_candidates(names, parameters)


def outcome(name, f1):
    figures = {f"f1_all@{k}": f1 for k in (1, 3, 5)} | {"f1@5": f1, "train_s": 1.25}
    return TrainedCandidate(CandidateSpec(name), f"run-{name}", figures, reused=False)


def rows(count=2):
    outcomes = [outcome(name, 0.1 * place) for place, name in enumerate(names.CANDIDATES[:count])]
    return table_rows(outcomes, names.CANDIDATES[count - 1], {"f1_all@5": 0.3}, "4")


def test_table_shows_the_best_first_and_the_champion_last():
    table = markdown_table(rows())
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == [
        "**tfidf**",
        "frequency",
        "champion, version 4",
    ]


def test_short_note_fits_airflows_field():
    done = TrainingResult(
        run_id="a" * 32,
        experiment_id="1",
        test_month="2024-03",
        candidate="tfidf",
        promoted=True,
        version="5",
        challenger_version=None,
        champion_before="4",
        reason="The challenger is better: " + "x" * 700,
        rows=rows(7),
        failed=["lda"],
    )
    note = short_note(done, "http://mlflow.example")
    assert len(note) <= AIRFLOW_NOTE_LENGTH
    assert "| F1, suggested |" in note
    assert "Failed: lda." in note
    assert "http://mlflow.example/#/experiments/1/runs/" in note


def test_code_version_is_twelve_digits():
    assert len(code_version()) == 12
    assert int(code_version(), 16) >= 0


def test_masks_have_one_value_for_each_test_question():
    made = split()
    assert {len(mask) for mask in split_slice_masks(made).values()} == {len(made.test)}
    assert all(mask.dtype == np.bool_ for mask in split_slice_masks(made).values())
