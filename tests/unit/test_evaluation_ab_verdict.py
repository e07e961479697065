"""What may not decide an A/B test: outcomes that are missing for a reason, and a single API key."""

import math

import numpy as np
import pytest

from include.evaluation.ab_verdict import (
    Comparison,
    compare_units,
    sequential_verdict,
    verdict_without_any_key,
)
from include.evaluation.sequential import AnytimeInterval, StoppingRule

RULE = StoppingRule()
SCORES = np.array([0.0, 2 / 7, 4 / 7, 6 / 8, 1.0])
GOOD = 0.5


def traffic(rng, units, *, champion, challenger):
    """Scores of both arms, drawn from these probabilities of `SCORES`; half of the traffic each."""
    treated = rng.random(units) < 0.5
    scores = np.where(
        treated,
        rng.choice(SCORES, p=challenger, size=units),
        rng.choice(SCORES, p=champion, size=units),
    )
    return scores, treated


def told(rng, scores, chance_if_good, chance_if_bad):
    """Scores with NaN where the user told nothing."""
    chance = np.where(scores > GOOD, chance_if_good, chance_if_bad)
    return np.where(rng.random(len(scores)) < chance, scores, np.nan)


def promotions(mechanism, *, champion, challenger, runs=80, units=3000, seed=3):
    """Share of tests that 15 looks promote, where ``mechanism(rng, scores, treated)`` hides some."""
    rng = np.random.default_rng(seed)
    promoted = 0
    for _ in range(runs):
        scores, treated = traffic(rng, units, champion=champion, challenger=challenger)
        known = mechanism(rng, scores, treated)
        for n in range(200, units + 1, 200):
            verdict, _ = sequential_verdict(
                compare_units(known[:n], treated[:n], 0.5, RULE), n / units * 27, RULE
            )
            if verdict != "go_on":
                promoted += verdict == "promote"
                break
    return promoted / runs


CHAMPION = [0.2, 0.25, 0.3, 0.15, 0.1]
LOSSES = (0.015, 0.037)


def worse_by(loss):
    """The champion's scores, with so many of the perfect ones lost: the mean is lower by ``loss``."""
    return [CHAMPION[0] + loss, *CHAMPION[1:4], CHAMPION[4] - loss]


def challengers_users_tell_only_of_good_answers(rng, scores, treated):
    return np.where(treated, told(rng, scores, 0.5, 0.0), told(rng, scores, 0.5, 0.5))


def challengers_users_tell_less_of_bad_answers(rng, scores, treated):
    return np.where(treated, told(rng, scores, 0.5, 0.3), told(rng, scores, 0.5, 0.5))


def all_users_tell_only_of_good_answers(rng, scores, _treated):
    return told(rng, scores, 0.5, 0.05)


def champions_users_tell_only_of_bad_answers(rng, scores, treated):
    return np.where(treated, told(rng, scores, 0.5, 0.5), told(rng, scores, 0.0, 0.5))


def few_tell_and_only_of_good_answers_of_the_challenger(rng, scores, treated):
    return np.where(treated, told(rng, scores, 0.1, 0.01), told(rng, scores, 0.1, 0.1))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "mechanism",
    [
        challengers_users_tell_only_of_good_answers,
        challengers_users_tell_less_of_bad_answers,
        all_users_tell_only_of_good_answers,
        champions_users_tell_only_of_bad_answers,
        few_tell_and_only_of_good_answers_of_the_challenger,
    ],
)
def test_worse_challenger_is_rarely_promoted_if_outcomes_are_missing_for_a_reason(mechanism, loss):
    rate = promotions(mechanism, champion=CHAMPION, challenger=worse_by(loss))

    assert rate <= RULE.alpha


def test_contrast_the_outcomes_that_are_known_alone_would_promote_the_worse_challenger():
    rng = np.random.default_rng(4)
    scores, treated = traffic(rng, 3000, champion=CHAMPION, challenger=worse_by(0.037))
    known = challengers_users_tell_only_of_good_answers(rng, scores, treated)

    comparison = compare_units(known, treated, 0.5, RULE)

    assert comparison.gain.lower > 0


def test_better_challenger_is_promoted_if_outcomes_are_missing_at_random():
    better = [0.12, 0.2, 0.3, 0.2, 0.18]

    rate = promotions(
        lambda rng, scores, _treated: told(rng, scores, 0.7, 0.7),
        champion=CHAMPION,
        challenger=better,
        runs=40,
    )

    assert rate >= 0.9


def test_arms_with_different_shares_of_outcomes_are_not_compared():
    treated = np.arange(2000) % 2 == 1
    scores = np.where(treated, 0.9, 0.5) + np.tile([0.0, 0.0, 0.1, 0.1], 500)
    scores[treated & (np.arange(2000) % 4 == 1)] = np.nan

    verdict, reason = sequential_verdict(compare_units(scores, treated, 0.5, RULE), 3, RULE)

    assert verdict == "stop"
    assert "missing not at random: known are those of 1000 of 1000" in reason


def decided(keys, gains, trusted=frozenset(), days=3.0):
    """The verdict on paired gains of these keys."""
    gains, rng = np.array(gains, dtype=float), np.random.default_rng(1)
    gains = gains + rng.normal(0, 0.1, len(gains))

    def compare(chosen):
        mean, count = (float(gains[chosen].mean()), int(chosen.sum())) if chosen.any() else (0.0, 0)
        half = 3 * 0.1 / math.sqrt(count) if count else math.inf
        return Comparison(AnytimeInterval(count, mean, mean - half, mean + half))

    return verdict_without_any_key(compare, keys, days, RULE, trusted)


def test_one_key_alone_decides_nothing():
    verdict, reason = decided(["mallory"] * 1000, [0.5] * 1000)

    assert verdict == "go_on"
    assert "without the API key mallory" in reason


def test_one_key_cannot_turn_the_outcome_of_others():
    keys = ["mallory"] * 5000 + ["ann"] * 400 + ["bob"] * 400

    assert decided(keys, [0.5] * 5000 + [0.0] * 800)[0] == "go_on"


def test_one_key_cannot_stop_a_test_that_others_see_otherwise():
    keys = ["mallory"] * 5000 + ["ann"] * 400 + ["bob"] * 400

    assert decided(keys, [-0.5] * 5000 + [0.2] * 800)[0] == "go_on"


def test_keys_that_agree_decide():
    keys = ["ann"] * 400 + ["bob"] * 400

    assert decided(keys, [0.2] * 800)[0] == "promote"


def test_trusted_key_decides_alone():
    assert decided(["own-site"] * 400, [0.2] * 400, frozenset({"own-site"}))[0] == "promote"


def test_service_without_keys_decides():
    assert decided([None] * 400, [0.2] * 400)[0] == "promote"


def test_test_that_one_key_would_decide_ends_with_the_champion():
    verdict, reason = decided(["mallory"] * 1000, [0.5] * 1000, days=28.0)

    assert verdict == "stop"
    assert "no verdict in 28 days" in reason
