"""The candidate without a limit on questions, and its parts, against plain computations."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from include.candidates.catalogue import load_candidate, make_candidate, save_candidate
from include.candidates.labels import label_matrix
from include.candidates.linear import Linear, LinearParameters, _splits
from include.candidates.mentions import MentionFinder
from include.candidates.nearest_centroid import fit_centroids, nearest_tags
from include.candidates.shortlist import Shortlist
from include.candidates.sparse_ridge import TagSamples, solve_ridge
from include.candidates.term_counts import count_texts
from include.text.prepared import PreparedText
from tests.unit.candidate_samples import VOCABULARY, questions, word_encoders


def unit_rows(n: int, d: int, seed: int = 0) -> sp.csr_array:
    rng = np.random.default_rng(seed)
    dense = (rng.random((n, d)) * (rng.random((n, d)) < 0.3)).astype(np.float32)
    dense[:, 0] += 0.1
    return sp.csr_array(dense / np.linalg.norm(dense, axis=1, keepdims=True))


def test_conjugate_gradients_solve_the_weighted_ridge_regression():
    X = unit_rows(60, 25)
    rng = np.random.default_rng(1)
    y = rng.normal(size=60).astype(np.float32)
    importance = rng.uniform(1, 10, 60).astype(np.float32)
    dense = X.toarray().astype(np.float64)

    found = solve_ridge(X, y, importance, 2.0, 1e-5)

    weighted = dense * importance[:, None]
    expected = np.linalg.solve(dense.T @ weighted + 2.0 * np.eye(25), weighted.T @ y)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_window_within_the_background_gives_the_exact_regression_of_every_tag():
    X = unit_rows(80, 30)
    rng = np.random.default_rng(2)
    Y = (rng.random((80, 4)) < 0.2).astype(np.float32)
    regressions = LinearParameters(tolerance=1e-6).regressions

    weights = regressions.fit(X, sp.csr_array(Y)).toarray()

    dense = X.toarray()
    expected = np.linalg.solve(dense.T @ dense + 2.0 * np.eye(30), dense.T @ (Y - Y.mean(axis=0)))
    np.testing.assert_allclose(weights, expected, atol=1e-4)


def test_indices_of_64_bits_give_the_same_weights():
    """Above 2**31 entries scipy needs them; such a matrix takes 26 GB, so a small one stands in."""
    X, labels = unit_rows(400, 60), sp.csr_array(np.eye(5, dtype=np.float32)[np.arange(400) % 5])
    regressions = LinearParameters(background=50, hard_negatives=2, centroid_terms=20).regressions
    wide = [
        sp.csr_array(
            (matrix.data, matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)),
            shape=matrix.shape,
        )
        for matrix in (X, labels)
    ]

    assert wide[0].indices.dtype == np.int64
    expected = regressions.fit(X, labels).toarray()
    np.testing.assert_array_equal(regressions.fit(*wide).toarray(), expected)


def test_the_background_counts_for_the_questions_that_were_not_drawn():
    positives = sp.csc_array(np.array([[1], [0], [0], [0], [0], [0], [0]], dtype=np.float32))
    near = sp.csc_array(np.array([[1], [1], [0], [0], [0], [0], [0]], dtype=np.int8))
    mean = np.array([1 / 7], dtype=np.float32)
    samples = TagSamples(positives, near, np.array([1, 3, 6]), mean, 10.0)

    rows, targets, importance = samples.of_tag(0)

    assert rows.tolist() == [0, 1, 3, 6]
    np.testing.assert_allclose(targets, [6 / 7, -1 / 7, -1 / 7, -1 / 7], atol=1e-6)
    assert importance.tolist() == [1.0, 1.0, 2.5, 2.5]


def test_the_nearest_tags_are_those_with_the_most_similar_mean_question():
    X, labels = unit_rows(50, 20), label_matrix([(f"{row % 5}",) for row in range(50)], "01234")
    means = np.stack([X.toarray()[tag::5].mean(axis=0) for tag in range(5)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)

    near = nearest_tags(X, fit_centroids(X, labels, 20), 2, threads=2).toarray()

    expected = np.argsort(-(X.toarray() @ means.T), axis=1)[:, :2]
    assert [sorted(np.flatnonzero(row)) for row in near] == [sorted(row) for row in expected]


def test_a_centroid_keeps_its_largest_weights():
    X, labels = unit_rows(50, 20), label_matrix([("a",)] * 50, ["a"])

    whole, cut = (fit_centroids(X, labels, size).toarray()[:, 0] for size in (20, 3))

    assert np.flatnonzero(cut).tolist() == sorted(np.argsort(-whole)[:3].tolist())


def test_a_shortlist_has_the_best_tags_and_those_that_are_named():
    vocabulary = ["a-b", "docker", "jenkins", "python"]
    texts = [PreparedText("docker", "", ""), PreparedText("", "about b", "")]
    scores = np.array([[0.1, 0.0, 0.9, 0.2], [0.0, 0.1, 0.8, 0.9]], dtype=np.float32)

    pairs = Shortlist.of_scores(scores, list(map(MentionFinder(vocabulary).find, texts)), 2)

    listed = [
        [vocabulary[column] for column in pairs.columns[pairs.rows == row]] for row in range(2)
    ]
    assert listed == [["docker", "jenkins", "python"], ["jenkins", "python"]]
    assert pairs.mentions[:, 0].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert pairs.scores.tolist() == pytest.approx([0.0, 0.9, 0.2, 0.8, 0.9])


@pytest.fixture(scope="module")
def small() -> Linear:
    """Return a model of a window that exceeds the background sample and the limit on weights."""
    texts, tags = questions(300)
    parameters = {"background": 40, "hard_negatives": 2, "max_weights": 50, "shortlist": 3}
    candidate = make_candidate("linear", parameters, word_encoders)
    assert isinstance(candidate, Linear)
    return candidate.fit(texts, tags, VOCABULARY)


def test_samples_of_the_questions_teach_what_the_tags_are(small):
    texts, tags = questions(60, seed=1)
    hits = [row[0].tag in truth for row, truth in zip(small.rank(texts, 1), tags, strict=True)]

    assert np.mean(hits) > 0.9


def test_words_of_the_oldest_question_are_learned(small):
    texts, tags = questions(300)
    texts[0] = PreparedText("Zyzzyva", "zyzzyva " * 3, "")
    texts[1] = PreparedText("Zyzzyva", "zyzzyva " * 3, "")
    tags[0] = tags[1] = ("c++",)
    texts, tags = texts[:2] + texts * 4, tags[:2] + tags * 4
    old = make_candidate("linear", {"background": 40}, word_encoders).fit(texts, tags, VOCABULARY)

    assert old.rank([PreparedText("", "zyzzyva", "")], 1)[0][0].tag == "c++"


def test_tags_off_the_shortlist_have_probability_zero(small):
    texts, _ = questions(40, seed=2)

    assert set((small.score(texts) > 0).sum(axis=1).tolist()) <= {3, 4, 5}


def test_each_tag_keeps_its_share_of_the_weights(small):
    assert np.bincount(small._weights.matrix.indices).tolist() == [10] * 5


def test_a_score_is_what_its_explanation_adds_up_to(small):
    text = questions(1, seed=3)[0][0]
    columns, values = small._terms.vector(text)

    contributions = small._weights.contributions(columns, values, [1, 3])

    scores = small._weights.score(columns, values)
    np.testing.assert_allclose(
        contributions.sum(axis=0) + small._weights.intercept[[1, 3]], scores[[1, 3]], atol=1e-6
    )


def test_weights_of_a_loaded_model_stay_on_disk(small, tmp_path):
    save_candidate(small, tmp_path / "model", {})

    loaded = load_candidate(tmp_path / "model", word_encoders)

    assert isinstance(loaded, Linear)
    base = loaded._weights.matrix.data
    while not isinstance(base, np.memmap):
        base = base.base
    assert base.mode == "r"


def test_a_large_window_holds_its_latest_questions_out():
    [(learned, held_out)] = _splits(20_000)

    assert (learned[0], learned[-1]) == (0, 16_999)
    assert (held_out[0], held_out[-1]) == (17_000, 19_999)


def test_folds_of_a_small_window_hold_each_question_out_once():
    folds = list(_splits(17))

    assert sorted(np.concatenate([held_out for _, held_out in folds])) == list(range(17))
    assert all(not set(learned) & set(held_out) for learned, held_out in folds)


def test_only_the_most_frequent_terms_are_known():
    texts = [
        PreparedText(f"every {'some' if n < 3 else 'other'} word{n}", "", "") for n in range(5)
    ]

    counts = count_texts(texts).most_frequent(2)

    assert counts.terms == ["every", "some"]
    assert counts.matrix(1.0).toarray().tolist() == [[1, 1]] * 3 + [[1, 0]] * 2
