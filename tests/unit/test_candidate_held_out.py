"""Families calibrate on the latest questions, by scores of models that had not seen them."""

import numpy as np
import pytest

from include.candidates.catalogue import load_candidate, make_candidate, save_candidate
from include.candidates.held_out import calibrate, calibrate_pairs
from include.evaluation.reliability import reliability_curve
from include.text.prepared import PreparedText


def no_encoder(name):
    raise AssertionError(f"no encoder is needed, asked for {name}")


def test_pairs_in_any_order_are_calibrated_as_the_matrix_of_their_questions():
    rng = np.random.default_rng(1)
    scores = rng.random((40, 12)).astype(np.float32)
    labels = (rng.random((40, 12)) < scores**2).astype(np.float32)
    rows = np.repeat(np.arange(40), 12)
    order = rng.permutation(rows.size)

    of_pairs = calibrate_pairs(rows[order], scores.ravel()[order], labels.ravel()[order])
    assert of_pairs.log_score == pytest.approx(calibrate(scores, labels).log_score, abs=1e-3)


def test_questions_with_fewer_pairs_than_others_are_padded_with_tags_that_never_are_true():
    rows = np.array([0, 0, 1])
    scores = np.array([0.9, 0.2, 0.8], dtype=np.float32)

    calibration = calibrate_pairs(rows, scores, np.array([1, 0, 1], dtype=np.float32))
    assert np.isfinite(calibration.intercept)


def questions(count: int, seed: int):
    """Questions whose words tell their tag in nine of ten cases, and how popular tags change."""
    rng = np.random.default_rng(seed)
    words = ["docker", "python", "linux", "network", "storage", "kernel"]
    texts, tags = [], []
    for number in range(count):
        word = words[rng.integers(0, 6)]
        noise = " ".join(f"filler{n}" for n in rng.integers(0, 80, 8))
        texts.append(PreparedText(f"about {word}", f"{word} {noise}", "", ("s", number)))
        tags.append((word,) if rng.random() < 0.9 else (str(rng.choice(words)),))
    return texts, tags


@pytest.mark.parametrize("family", ["frequency", "linear", "lda", "word2vec"])
def test_scores_of_later_questions_are_calibrated_and_stay_so_when_loaded(family, tmp_path):
    texts, tags = questions(900, seed=3)
    vocabulary = sorted({tag for row in tags for tag in row})
    candidate = make_candidate(family, None, no_encoder).fit(texts[:600], tags[:600], vocabulary)
    ranked = candidate.rank(texts[600:], 5)

    scores = np.array([[item.score for item in row] for row in ranked], dtype=np.float64)
    found = np.array(
        [[item.tag in true for item in row] for row, true in zip(ranked, tags[600:], strict=True)]
    )
    assert candidate.calibration is not None
    assert reliability_curve(scores, found).ece < 0.05
    save_candidate(candidate, tmp_path / family, {})
    assert load_candidate(tmp_path / family, no_encoder).calibration == candidate.calibration
