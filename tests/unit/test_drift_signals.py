"""Each signal on questions few enough to count by hand."""

import numpy as np
import pytest

from include.drift.contributors import changed_shares
from include.drift.samples import Observations, build_samples
from include.drift.signal_catalogue import SIGNAL, SIGNALS, calculate_signals, usable_signals


def observed(rows, *, month="2024-01", **parts):
    """Questions from (words, tags) pairs, each text as long as it has words."""
    return Observations(
        months=[month] * len(rows),
        words=[words.split() for words, _ in rows],
        word_counts=[len(words.split()) for words, _ in rows],
        code_shares=parts.pop("code_shares", [0.0] * len(rows)),
        tags=[tags.split() for _, tags in rows],
        **parts,
    )


def value_of(name, before, after):
    reference, current = build_samples(before, after)
    return SIGNAL[name].value(reference, current)


def contributors_of(name, before, after):
    reference, current = build_samples(before, after)
    return SIGNAL[name].contributors(reference, current)


@pytest.mark.parametrize("signal", [s for s in SIGNALS if not s.needs or s.needs == ("tags",)])
def test_signal_is_zero_between_equal_months(signal):
    rows = [("merge two lists", "python list"), ("sort a list", "python sorting")] * 20

    assert value_of(signal.name, observed(rows), observed(rows)) == pytest.approx(0, abs=1e-12)


def test_text_length_is_the_distance_of_word_counts():
    short, long = observed([("a b", "x")] * 4), observed([("a b", "x")] * 3 + [("a b c d", "x")])

    assert value_of("text_length", short, long) == 0.25


def test_code_share_is_the_distance_of_shares():
    rows = [("a", "x")] * 2

    assert value_of("code_share", observed(rows), observed(rows, code_shares=[0.0, 0.9])) == 0.5


def test_unknown_words_are_counted_by_question():
    before = observed([("swift view", "swift"), ("swift list", "swift")])
    after = observed([("swift combine", "swift"), ("combine view", "swift")])

    assert value_of("unknown_words", before, after) == 0.5
    assert [m.name for m in contributors_of("unknown_words", before, after)] == ["combine"]


def test_keywords_name_only_significant_words():
    rows = [(f"common{i % 7} filler{i % 11}", "x") for i in range(200)]
    risen = [(f"common{i % 7} {'combine' if i % 3 == 0 else 'filler1'}", "x") for i in range(100)]

    contributors = contributors_of("keywords", observed(rows), observed(risen))

    names = [contributor.name for contributor in contributors]
    assert "combine" in names
    assert not [name for name in names if name.startswith("common")]
    assert contributors[names.index("combine")].after == pytest.approx(0.34)


def test_tag_distribution_names_its_top_contributors():
    before = observed([("a", "swift")] * 10 + [("a", "rxjs")] * 10)
    after = observed([("a", "swift")] * 10 + [("a", "combine")] * 10)

    assert value_of("tag_distribution", before, after) == pytest.approx(0.5)
    assert {m.name for m in contributors_of("tag_distribution", before, after)} == {
        "rxjs",
        "combine",
    }


def test_tag_of_one_question_of_many_is_shown_as_possible_chance():
    before = observed([("a", "swift")] * 200)
    after = observed([("a", "swift combine")] * 40 + [("a", "swift")] * 145 + [("a", "swift rare")])

    shown = {one.name: one.significant for one in contributors_of("new_tags", before, after)}

    assert shown == {"combine": True, "rare": False}


def test_names_of_equally_frequent_tags_are_rarely_called_changed():
    generator = np.random.default_rng(3)
    called = [
        changed_shares(
            generator.poisson(4, 300).astype(float),
            generator.poisson(2, 300).astype(float),
            200,
            100,
        ).any()
        for _ in range(200)
    ]

    assert np.mean(called) <= 0.05


def test_new_and_vanished_tags_are_shares_of_tag_uses():
    before = observed([("a", "swift rxjs5"), ("a", "swift")])
    after = observed([("a", "swift combine"), ("a", "combine swiftui")])

    assert value_of("new_tags", before, after) == pytest.approx(3 / 4)
    assert value_of("vanished_tags", before, after) == pytest.approx(1 / 3)
    assert [m.name for m in contributors_of("new_tags", before, after)] == ["combine", "swiftui"]


def test_unreachable_is_the_rise_of_the_share_outside_the_vocabulary():
    rows = [("a", "swift combine"), ("a", "swift")]

    assert value_of(
        "unreachable", observed(rows, reachable=[2, 1]), observed(rows, reachable=[1, 1])
    ) == pytest.approx(1 / 3)


def test_predicted_tags_compare_suggestions_with_suggestions():
    rows = [("a", "x")] * 10
    then = observed(rows, suggested=[[("swift", 0.9)]] * 10)
    now = observed(rows, suggested=[[("rxjs", 0.9)]] * 10)

    assert value_of("predicted_tags", then, then) == 0
    assert value_of("predicted_tags", then, now) == pytest.approx(1)


def test_confidence_is_the_distance_of_best_scores():
    rows = [("a", "x")] * 2
    then = observed(rows, suggested=[[("x", 0.9), ("y", 0.1)]] * 2)
    now = observed(rows, suggested=[[("x", 0.9), ("y", 0.1)], [("x", 0.2), ("y", 0.1)]])

    assert value_of("confidence", then, now) == 0.5


def test_calibration_detects_that_confident_suggestions_are_wrong():
    rows = [("a", "x")] * 4
    suggested = [[("x", 0.9), ("y", 0.1)]] * 4
    right = np.array([[True, False, False, False, False]] * 4)

    then = observed(rows, suggested=suggested, found=right)
    now = observed(rows, suggested=suggested, found=np.zeros_like(right))

    assert value_of("calibration", then, then) == 0
    assert value_of("calibration", then, now) == pytest.approx(4 / 20)


def test_f1_falls_with_an_interval_around_it():
    rows = [("a", "x")] * 40
    then, now = observed(rows, f1=[0.6, 0.8] * 20), observed(rows, f1=[0.3, 0.5] * 20)

    (fall,) = [v for v in calculate_signals(*build_samples(then, now)) if v.signal == "f1_fall"]

    assert fall.value == pytest.approx(0.3)
    assert fall.interval[0] < 0.3 < fall.interval[1]


def test_embedding_is_the_distance_of_the_means():
    rows = [("a", "x")] * 2
    then = observed(rows, vectors=np.array([[1.0, 0.0], [1.0, 0.0]]))
    now = observed(rows, vectors=np.array([[0.0, 1.0], [1.0, 0.0]]))

    assert value_of("embedding", then, now) == pytest.approx(np.sqrt(0.5))


def test_signals_that_lack_their_parts_are_left_out():
    rows = [("a", "x")] * 3
    reference, current = build_samples(observed(rows, f1=[1, 1, 1]), observed(rows))

    names = {signal.name for signal in usable_signals(reference, current)}

    assert names == {
        "text_length", "code_share", "unknown_words", "keywords",
        "tag_distribution", "tag_shift", "new_tags", "vanished_tags",
    }  # fmt: skip


def test_taking_rows_keeps_every_part_in_step():
    rows = [("a", "x"), ("b", "y"), ("c", "z")]
    (sample,) = build_samples(observed(rows, f1=[0.1, 0.2, 0.3]))

    part = sample.take(np.array([2, 0]))

    assert part.f1.tolist() == [0.3, 0.1]
    assert [part.word_names[i] for i in part.words.matrix.indices] == ["c", "a"]
    assert part.tag_use.tolist() == [1, 0, 1]


def test_a_split_is_what_two_selections_of_rows_are():
    rows = [("a", "x"), ("b", "y"), ("a", "z"), ("c", "z")]
    (whole,) = build_samples(observed(rows, f1=[0.1, 0.2, 0.3, 0.4]))
    (sample, order) = whole.take(np.array([3, 1, 2])), np.array([2, 0, 1])

    rest, part = sample.split(order, 1)

    for side, expected in ((rest, sample.take(order[1:])), (part, sample.take(order[:1]))):
        assert side.f1.tolist() == expected.f1.tolist()
        assert side.word_use.tolist() == expected.word_use.tolist()
        assert side.tag_use.tolist() == expected.tag_use.tolist()
        assert (side.tags.matrix != expected.tags.matrix).nnz == 0
    assert rest.word_use.tolist() == [0, 1, 1]
