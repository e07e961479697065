import numpy as np

from include.evaluation.causes import (
    QuestionContents,
    QuestionOutcomes,
    find_causes,
    period_sentence,
)
from include.evaluation.drift_periods import DriftPeriod
from include.evaluation.report_periods import report_periods_around
from include.evaluation.unknown_words import needs_new_vectors, unknown_share
from include.months import months_between

OLD = [({"map", "observable", "the"}, ("rxjs5",))] * 60 + [({"the", "view"}, ("swift",))] * 60
NEW = (
    [({"pipe", "observable", "the"}, ("rxjs6",))] * 25
    + [({"map", "observable", "the"}, ("rxjs5",))] * 5
    + [({"the", "view"}, ("swift",))] * 30
)


def contents(questions):
    return QuestionContents([words for words, _ in questions], [tags for _, tags in questions])


def outcomes(questions, f1):
    tags = [tags for _, tags in questions]
    return QuestionOutcomes(
        np.array([f1(row) for row in tags]),
        {
            "rx": np.array(["swift" not in row for row in tags]),
            "swift": np.array(["swift" in row for row in tags]),
        },
    )


def causes():
    return find_causes(
        contents(OLD),
        contents(NEW),
        outcomes_before=outcomes(OLD, lambda tags: 0.6),
        outcomes=outcomes(NEW, lambda tags: 0.0 if "rxjs6" in tags else 0.6),
        vocabulary={"rxjs5", "swift"},
    )


def test_tag_outside_the_vocabulary_is_new():
    (new,) = causes().new_tags

    assert (new.tag, new.before, new.known) == ("rxjs6", 0.0, False)
    assert round(new.after, 3) == round(25 / 60, 3)


def test_only_known_tags_whose_share_changed_are_moved_tags():
    assert [tag.tag for tag in causes().moved_tags] == ["rxjs5"]


def test_words_rise_and_fall_but_common_ones_do_not():
    found = causes()

    assert [word.word for word in found.risen_words] == ["pipe"]
    assert [word.word for word in found.fallen_words] == ["map"]


def test_slice_that_lost_most_comes_first():
    first = causes().slices[0]

    assert (first.name, first.question_count) == ("rx", 30)
    assert (round(first.before, 3), round(first.after, 3)) == (0.6, 0.1)


def test_first_example_has_the_new_tag_and_a_low_score():
    assert causes().examples[0] == 0


def test_sentence_names_period_loss_tags_and_slice():
    said = period_sentence(DriftPeriod("frozen", "2018-05", "2018-07", 0.123), causes())

    assert said.startswith("From 2018-05 to 2018-07 the frozen model lost up to 0.123")
    assert "new tags rxjs6 (0% to 42%)" in said
    assert "tags that fell rxjs5" in said
    assert "rx (0.60 to 0.10)" in said


def test_same_questions_have_no_cause():
    found = find_causes(
        contents(OLD),
        contents(OLD[::2]),
        outcomes_before=None,
        outcomes=outcomes(OLD[::2], lambda tags: 0.6),
        vocabulary={"rxjs5", "swift"},
    )

    assert (found.new_tags, found.moved_tags, found.risen_words, found.slices) == ((), (), (), ())
    assert "no tag, word or slice changed" in period_sentence(
        DriftPeriod("fresh", "2018-05", "2018-05", 0.1), found
    )


def test_words_are_counted_once_a_question():
    columns = np.array([0, 1, 1], dtype=np.int32)  # new and old; old

    assert unknown_share(["new", "old"], columns, {"old"}) == 1 / 3


def test_usual_variability_needs_no_new_vectors():
    shares = [0.10, 0.14, 0.09, 0.13, 0.11, 0.15, 0.10, 0.14]

    assert not any(needs_new_vectors(shares))


def test_jump_needs_new_vectors_once_and_is_the_new_baseline():
    shares = [0.10, 0.11, 0.10, 0.12, 0.11, 0.30, 0.31, 0.30, 0.31, 0.30]

    assert [place for place, needed in enumerate(needs_new_vectors(shares)) if needed] == [5]


def test_report_period_ends_at_a_gap():
    finished = {*months_between("2019-01", "2019-06"), "2019-08"}

    assert report_periods_around(finished, "2019-03") == (("2019-01", "2019-06"),)
    assert report_periods_around(finished, "2019-08") == (("2019-08", "2019-08"),)
    assert report_periods_around(finished, "2019-07") == ()


def test_long_run_is_split_alike_whichever_month_is_latest():
    finished = months_between("2017-11", "2020-02")

    cuts = {report_periods_around(finished, month) for month in finished}

    assert cuts == {
        (
            ("2017-11", "2017-12"),
            ("2018-01", "2018-12"),
            ("2019-01", "2019-12"),
            ("2020-01", "2020-02"),
        )
    }
