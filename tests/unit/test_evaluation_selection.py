import numpy as np
import pytest

from include.errors import FixInputError
from include.evaluation.selection import Gate, apply_gate, best_candidate

RNG = np.random.default_rng(11)
CHAMPION = RNG.choice([0.0, 0.3, 0.6], size=300)
HALF = np.arange(300) < 150


def gate(rule="better", **changes):
    values = {"min_gain": 0.0, "max_slice_loss": 0.05, "samples": 1000, "seed": 5}
    return Gate(rule=rule, **(values | changes))


def test_clear_gain_is_promoted_with_its_figures_in_the_reason():
    decision = apply_gate(CHAMPION + 0.05, CHAMPION, {}, gate())
    assert decision.promote
    assert decision.reason.startswith(
        "The challenger is better: F1@5 over 300 questions differs by +0.050"
    )


def test_gain_that_is_not_significant_is_not_promoted():
    noisy = CHAMPION + RNG.choice([-0.4, 0.41], size=300)
    decision = apply_gate(noisy, CHAMPION, {}, gate())
    assert not decision.promote
    assert "not significantly better" in decision.reason


def test_significant_gain_below_the_minimum_is_not_promoted():
    decision = apply_gate(CHAMPION + 0.01, CHAMPION, {}, gate(min_gain=0.02))
    assert not decision.promote
    assert "by at least 0.02" in decision.reason


def test_equal_model_is_not_better():
    assert not apply_gate(CHAMPION, CHAMPION, {}, gate()).promote


def test_equal_model_is_not_worse():
    decision = apply_gate(CHAMPION, CHAMPION, {}, gate("not_worse"))
    assert decision.promote
    assert "not worse" in decision.reason


def test_significant_loss_is_worse():
    decision = apply_gate(CHAMPION - 0.005, CHAMPION, {}, gate("not_worse"))
    assert not decision.promote
    assert decision.reason.startswith("The challenger is worse")


def test_loss_beyond_the_margin_is_worse_even_if_not_significant():
    noisy = CHAMPION + np.tile([-0.5, 0.46], 150)
    assert not apply_gate(noisy, CHAMPION, {}, gate("not_worse")).promote


def test_slice_that_falls_too_far_stops_a_better_challenger():
    challenger = np.where(HALF, CHAMPION - 0.1, CHAMPION + 0.3)
    decision = apply_gate(challenger, CHAMPION, {"short": HALF}, gate())
    assert not decision.promote
    assert "on the slice short it falls by 0.100" in decision.reason


def test_slice_that_falls_within_the_limit_does_not_stop():
    challenger = np.where(HALF, CHAMPION - 0.04, CHAMPION + 0.3)
    assert apply_gate(challenger, CHAMPION, {"short": HALF}, gate()).promote


def test_slice_of_few_questions_does_not_stop():
    few = np.arange(300) < 29
    challenger = np.where(few, CHAMPION - 0.3, CHAMPION + 0.2)
    decision = apply_gate(challenger, CHAMPION, {"short": few}, gate())
    assert decision.promote
    assert decision.figures["slices"] == {}


def test_slice_loss_that_is_not_significant_does_not_stop():
    wild = np.where(np.arange(300) % 2, 0.9, -1.02)
    challenger = np.where(HALF, CHAMPION + wild, CHAMPION + 0.4)
    decision = apply_gate(challenger, CHAMPION, {"short": HALF}, gate())
    assert decision.figures["slices"]["short"]["mean"] < -0.05
    assert decision.promote


def test_worst_slice_is_named_when_several_fall():
    third = np.arange(300) < 100
    challenger = np.where(third, CHAMPION - 0.3, CHAMPION + 0.3)
    slices = {"short": HALF, "new_tags": third}
    assert (
        "slice new_tags"
        in apply_gate(challenger, CHAMPION, slices, gate(max_slice_loss=0.01)).reason
    )


def test_figures_are_plain_values():
    import json

    assert json.loads(json.dumps(apply_gate(CHAMPION, CHAMPION, {"short": HALF}, gate()).figures))


def choose(**scores):
    order = ("frequency", "tfidf", "bert")
    return best_candidate(scores, order, samples=500, seed=3)


def test_best_candidate_has_the_highest_mean():
    assert choose(frequency=CHAMPION, bert=CHAMPION + 0.1) == "bert"


def behind_by(gain, spread):
    """Scores that lead the champion's by ``gain``, unevenly."""
    noisy = CHAMPION + RNG.choice([-spread, spread], size=300)
    return noisy + (CHAMPION.mean() + gain - noisy.mean())


def test_a_gain_too_small_for_its_cost_goes_to_the_cheaper_candidate():
    assert choose(tfidf=CHAMPION, bert=CHAMPION + 0.008) == "tfidf"


def test_a_significant_gain_above_the_minimum_goes_to_the_costlier_candidate():
    assert choose(tfidf=CHAMPION, bert=CHAMPION + 0.012) == "bert"


def test_a_gain_that_is_not_significant_goes_to_the_cheaper_candidate():
    assert choose(tfidf=CHAMPION, bert=behind_by(0.015, 0.4)) == "tfidf"


def test_a_large_gain_wins_even_if_not_significant():
    assert choose(tfidf=CHAMPION, bert=behind_by(0.03, 0.6)) == "bert"


def test_no_candidate_is_refused():
    with pytest.raises(FixInputError, match="no candidate"):
        choose()
