"""Thresholds hold the false-alarm rate that is set, and still detect drift."""

from dataclasses import replace

import numpy as np
import pytest

from include.drift.calibration import (
    calibrate_thresholds,
    common_level,
    random_splits,
    tail_quantile,
)
from include.drift.power import power
from include.drift.reference import concat
from include.drift.samples import Observations, build_samples
from include.drift.signal_catalogue import SIGNAL, SIGNALS, calculate_signals
from include.drift.signal_types import SignalValue
from include.drift.variability import PastVocabulary, consecutive_month_pairs
from include.drift.verdict import drift_verdict, insufficient_data

TAGS = np.array([f"tag{i}" for i in range(30)])
CHEAP = [
    s for s in SIGNALS if s.name in {"text_length", "code_share", "tag_distribution", "new_tags"}
]

MOVING = ("text_length", "code_share", "tag_distribution")


def month_of_questions(generator, count, *, month="2024-01", new_tag=0.0, longer=0.0):
    """Questions whose tags follow a long tail; a share of them has a new tag."""
    popularity = 1 / np.arange(1, len(TAGS) + 1)
    tags = [
        list(generator.choice(TAGS, 2, replace=False, p=popularity / popularity.sum()))
        for _ in range(count)
    ]
    for row in tags:
        if generator.random() < new_tag:
            row.append("brand-new")
    return Observations(
        months=[month] * count,
        words=[[f"w{w}" for w in generator.zipf(1.6, 12) if w < 500] for _ in range(count)],
        word_counts=generator.lognormal(4 + longer, 0.5, count),
        code_shares=generator.beta(2, 2, count),
        tags=tags,
    )


@pytest.fixture(scope="module")
def reference():
    (sample,) = build_samples(month_of_questions(np.random.default_rng(1), 800))
    return sample


def test_same_seed_gives_the_same_thresholds(reference):
    first, second = (
        calibrate_thresholds(reference, 200, false_alarms_per_year=0.5, draws=60, seed=3)
        for _ in range(2)
    )

    assert first == second


def test_false_alarms_come_at_the_rate_that_is_set():
    generator = np.random.default_rng(2)
    alarms = checks = 0
    for _ in range(8):
        months = [month_of_questions(generator, count) for count in (600, *[150] * 20)]
        known, *fresh = build_samples(*months)
        calibration = calibrate_thresholds(
            known, 150, false_alarms_per_year=2.4, draws=200, signals=CHEAP, seed=4
        )
        verdicts = [
            drift_verdict(calculate_signals(known, sample), calibration) for sample in fresh
        ]
        alarms += sum(verdict.kind == "drift" for verdict in verdicts)
        checks += len(verdicts)

    # 2.4 a year in 12 checks are 20 %; of 160 checks that is 32, within what chance allows.
    assert 0.10 < alarms / checks < 0.32


def test_rarer_false_alarms_need_higher_thresholds(reference):
    often, rarely = (
        calibrate_thresholds(reference, 200, false_alarms_per_year=rate, draws=200, signals=CHEAP)
        for rate in (6.0, 0.1)
    )

    assert all(rarely.thresholds[s] > often.thresholds[s] for s in MOVING)


def test_smaller_windows_need_higher_thresholds(reference):
    small, large = (
        calibrate_thresholds(reference, size, false_alarms_per_year=0.5, draws=200, signals=CHEAP)
        for size in (60, 300)
    )

    assert small.thresholds["text_length"] > large.thresholds["text_length"]


def test_between_month_variability_widens_the_thresholds():
    generator = np.random.default_rng(5)
    names = [f"2023-{i:02d}" for i in range(1, 11)]
    variable_months = [
        month_of_questions(generator, 100, month=name, longer=0.4 * (i % 2))
        for i, name in enumerate(names)
    ]
    history = Observations(
        **{
            field: [value for month in variable_months for value in getattr(month, field)]
            for field in ("months", "words", "word_counts", "code_shares", "tags")
        }
    )
    reference, past = build_samples(variable_months[-1], history)

    by_chance = calibrate_thresholds(
        reference, 50, false_alarms_per_year=0.5, draws=100, signals=CHEAP
    )
    widened = calibrate_thresholds(
        reference, 50, false_alarms_per_year=0.5, draws=100, signals=CHEAP, history=past
    )

    assert widened.thresholds["text_length"] > by_chance.thresholds["text_length"]


def test_usual_share_of_new_tags_is_no_drift_although_training_months_have_none():
    """Every month has tags of its own; those of training months are in the vocabulary."""
    generator = np.random.default_rng(6)

    def month(name, own):
        part = month_of_questions(generator, 100, month=name)
        for row in part.tags[:own]:
            row.append(f"first-used-in-{name}")
        return replace(part, reachable=[len(row) for row in part.tags])

    names = [f"2023-{i:02d}" for i in range(1, 9)]
    past = [month(name, own) for name, own in zip(names, (9, 6, 12, 8, 10, 7, 11, 9), strict=True)]

    def unreachable_alarm(own):
        now = month("2023-09", own)
        now = replace(now, reachable=[sum(tag in TAGS for tag in row) for row in now.tags])
        known, sample, history = build_samples(concat(past[-3:]), now, concat(past))
        calibration = calibrate_thresholds(
            known,
            100,
            false_alarms_per_year=0.5,
            draws=200,
            history=history,
            vocabulary=PastVocabulary({}, min_tag_count=1),
            signals=[SIGNAL["unreachable"], *CHEAP],
        )
        verdict = drift_verdict(calculate_signals(known, sample), calibration)
        return "unreachable" in {alarm.signal for alarm in verdict.alarms}

    assert not unreachable_alarm(own=10)
    assert unreachable_alarm(own=60)


def test_splits_are_disjoint_and_of_the_requested_size(reference):
    generator = np.random.default_rng(0)

    for rest, part in random_splits(reference, 200, 3, generator):
        assert (len(rest), len(part)) == (600, 200)
        assert rest.word_use.sum() + part.word_use.sum() == reference.word_use.sum()


def test_consecutive_month_pairs_compare_each_month_with_those_before_it():
    generator = np.random.default_rng(0)
    months = [month_of_questions(generator, 20, month=f"2023-0{i}") for i in range(1, 6)]
    history = Observations(
        **{
            field: [value for month in months for value in getattr(month, field)]
            for field in ("months", "words", "word_counts", "code_shares", "tags")
        }
    )
    (past,) = build_samples(history)

    pairs = [
        (sorted(set(before.months)), sorted(set(month.months)))
        for before, month in consecutive_month_pairs(past, 2, 20, generator)
    ]

    assert pairs == [
        (["2023-01", "2023-02"], ["2023-03"]),
        (["2023-02", "2023-03"], ["2023-04"]),
        (["2023-03", "2023-04"], ["2023-05"]),
    ]


def test_correlated_signals_share_the_false_alarm_rate():
    generator = np.random.default_rng(1)
    same = np.repeat(generator.normal(size=(1000, 1)), 6, axis=1)
    apart = generator.normal(size=(1000, 6))

    assert common_level(same, 0.05) > 4 * common_level(apart, 0.05)


def test_tail_reaches_beyond_the_draws():
    draws = np.random.default_rng(1).exponential(size=500)

    assert tail_quantile(draws, 1e-5) > draws.max()


def test_constant_signal_raises_no_alarm_at_one_question(reference):
    calibration = calibrate_thresholds(
        reference, 200, false_alarms_per_year=0.5, draws=60, signals=CHEAP
    )

    assert calibration.null_distributions["new_tags"].std == 0
    assert calibration.thresholds["new_tags"] == pytest.approx(5 / 200)


def test_power_grows_with_the_shift(reference):
    calibration = calibrate_thresholds(reference, 200, false_alarms_per_year=0.5, draws=200)

    shown = {(row["shift"], row["size"]): row["detected"] for row in power(reference, calibration)}

    new = {size: shown[("new subject: a tag and a word never seen", size)] for size in (0.02, 0.2)}
    assert new[0.2] == 1.0
    assert new[0.02] < new[0.2]


def test_verdict_names_the_strongest_signal_and_its_contributors():
    generator = np.random.default_rng(9)
    known, now = build_samples(
        month_of_questions(generator, 600), month_of_questions(generator, 200, new_tag=0.3)
    )
    calibration = calibrate_thresholds(known, 200, false_alarms_per_year=0.5, draws=200)

    verdict = drift_verdict(calculate_signals(known, now), calibration)

    assert verdict.kind == "drift"
    assert "brand-new (0.0% to 26.5%)" in verdict.reason
    excess = [calibration.excess(alarm) for alarm in verdict.alarms]
    assert excess == sorted(excess, reverse=True)


def test_verdict_of_a_quiet_month_counts_the_alerting_signals(reference):
    calibration = calibrate_thresholds(reference, 200, false_alarms_per_year=0.5, draws=60)
    still = [SignalValue(name, 0.0, "") for name in calibration.thresholds if name != "f1_fall"]

    verdict = drift_verdict(still, calibration)

    assert (verdict.kind, verdict.alarms) == ("quiet", ())
    assert verdict.reason == f"All {len(still)} alerting signals are within their thresholds."


def months_of_questions(generator, count):
    """Return ``count`` months of 60 questions each, from 2023-01 on."""
    return concat(
        [month_of_questions(generator, 60, month=f"2023-{i + 1:02}") for i in range(count)]
    )


@pytest.mark.parametrize(("months", "kind"), [(4, "no_reference"), (5, "quiet"), (9, "quiet")])
def test_too_few_months_to_estimate_variability_have_a_verdict_of_their_own(months, kind):
    generator = np.random.default_rng(3)
    history = months_of_questions(generator, months)
    reference, past = build_samples(months_of_questions(generator, 2), history)
    calibration = calibrate_thresholds(
        reference, 60, history=past, false_alarms_per_year=0.5, draws=60
    )

    verdict = drift_verdict(calculate_signals(reference, reference), calibration)

    assert verdict.kind == kind


def test_without_a_history_thresholds_cover_sampling_variability_only(reference):
    calibration = calibrate_thresholds(reference, 200, false_alarms_per_year=0.5, draws=60)

    assert drift_verdict(calculate_signals(reference, reference), calibration).kind == "quiet"


@pytest.mark.parametrize(
    ("reference_count", "count", "kind"),
    [(None, 500, "no_reference"), (20, 500, "no_reference"), (500, 3, "too_few")],
)
def test_insufficient_data_has_a_verdict_of_its_own(reference_count, count, kind):
    assert insufficient_data(reference_count, count).kind == kind


def test_sufficient_data_has_no_such_verdict():
    assert insufficient_data(500, 200) is None
