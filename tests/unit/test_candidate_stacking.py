"""The parts of the stacked candidates, against plain computations."""

import numpy as np
import pytest
import scipy.sparse as sp

from include.candidates.base import top_k
from include.candidates.catalogue import make_candidate
from include.candidates.kernel_ridge import fit_forward, fit_kernel_ridge
from include.candidates.mentions import MENTION_FEATURES, MentionFinder
from include.candidates.reranker import Reranker, score_features
from include.candidates.tag_trends import TagHistory
from include.candidates.terms import code_terms, term_counts, words
from include.candidates.time_blocks import Block, latest_blocks
from include.candidates.vectorizer import Vectorizer
from include.errors import FixInputError
from include.text.prepared import PreparedText
from tests.unit.candidate_samples import VOCABULARY, questions, word_encoders


@pytest.mark.parametrize("width", [3, 40, 3000])
def test_top_columns_are_those_of_a_full_sort_ties_by_column(width):
    scores = np.random.default_rng(7).integers(0, 50, (20, width)).astype(np.float32)

    expected = np.argsort(-scores, axis=1, kind="stable")[:, :5]
    assert np.array_equal(top_k(scores, 5), expected)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("C# and .NET", ["c#", "and", ".net"]),
        ("node.js, asp.net-mvc.", ["node.js", "asp.net-mvc"]),
        ("a/b; it's", ["a", "b", "it", "s"]),
        ("", []),
    ],
)
def test_words_keep_names_of_technologies_unsplit(text, found):
    assert words(text) == found


def test_identifiers_give_their_sub_words():
    assert code_terms("kubectl_apply(myConfigMap)") == [
        "kubectl_apply", "kubectl", "apply", "myconfigmap", "my", "config", "map",
    ]  # fmt: skip


def test_a_word_of_the_title_counts_more():
    counts = term_counts(PreparedText("Docker", "docker build", ""), title_weight=3.0)

    assert counts == {"docker": 4.0, "build": 1.0}


def test_vectors_have_unit_length_and_no_unseen_words():
    vectorizer = Vectorizer.fit([{"a": 1, "b": 2}, {"a": 1}, {"b": 1}], min_questions=2)

    _, values = vectorizer.vector(dict.fromkeys(vectorizer.columns(["b", "a", "c"]), 2.0))
    unseen, _ = vectorizer.vector({})

    assert np.sqrt(values @ values) == pytest.approx(1)
    assert len(unseen) == 0


def test_words_that_no_two_questions_share_are_refused():
    with pytest.raises(FixInputError, match="no word occurs in 2"):
        Vectorizer.fit([{"a": 1}, {"b": 1}], min_questions=2)


def test_mentions_are_found_whole_and_in_parts():
    finder = MentionFinder(["amazon-s3", "docker-compose"])

    found = finder.find_dense(PreparedText("Amazon S3 bucket", "use docker", "docker_compose = 1"))
    named = dict(zip(MENTION_FEATURES, found[0].tolist(), strict=True))
    other = dict(zip(MENTION_FEATURES, found[1].tolist(), strict=True))

    assert named["named in the title"] == 1
    assert named["parts in the title"] == 1
    assert other["named in the text"] == 0
    assert other["parts in the text"] == 0.5


def test_leave_one_out_scores_are_those_of_a_model_fitted_without_the_question():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 5)).astype(np.float32)
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    Y = (rng.random((12, 3)) < 0.4).astype(np.float32)
    kernel = X @ X.T
    mean = Y.mean(axis=0)

    fitted = fit_kernel_ridge(kernel.copy(), Y, 0.7)

    for row in range(12):
        others = np.arange(12) != row
        dual = np.linalg.solve(kernel[np.ix_(others, others)] + 0.7 * np.eye(11), Y[others] - mean)
        expected = kernel[row, others] @ dual + mean
        np.testing.assert_allclose(fitted.loo_scores[row], expected, rtol=1e-3, atol=1e-4)


def test_forward_scores_are_those_of_a_model_fitted_on_the_questions_known_before():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(12, 5)).astype(np.float32)
    Y = (rng.random((12, 3)) < 0.4).astype(np.float32)
    kernel = X @ X.T
    blocks = [Block(4, 7, known=3), Block(7, 12, known=6)]

    fitted = fit_forward(kernel.copy(), Y, 0.7, blocks)

    for block, scores in zip(blocks, (fitted.scores[:3], fitted.scores[3:]), strict=True):
        known = slice(block.known)
        mean = Y[known].mean(axis=0)
        inner = kernel[known, known] + 0.7 * np.eye(block.known)
        dual = np.linalg.solve(inner, Y[known] - mean)
        expected = kernel[block.start : block.stop, known] @ dual + mean
        np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-4)


def test_forward_fit_is_the_same_model_as_the_leave_one_out_fit():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(30, 5)).astype(np.float32)
    Y = (rng.random((30, 4)) < 0.3).astype(np.float32)
    kernel = X @ X.T

    forward = fit_forward(kernel.copy(), Y, 0.7, latest_blocks(30, 30))

    expected = fit_kernel_ridge(kernel.copy(), Y, 0.7).dual_coef
    np.testing.assert_allclose(forward.dual_coef, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("count", "limit"), [(1, 1), (2, 5), (50, 7), (5000, 5000)])
def test_blocks_reach_the_last_question_and_know_only_earlier_ones(count, limit):
    blocks = latest_blocks(count, limit)

    assert [block.start for block in blocks[1:]] == [block.stop for block in blocks[:-1]]
    assert blocks[-1].stop == count
    assert count - blocks[0].start <= limit
    assert all(0 <= block.known <= block.start for block in blocks)


def test_what_is_known_of_a_tag_before_a_question_does_not_depend_on_later_ones():
    labels = np.zeros((1000, 2), dtype=np.float32)
    labels[::10, 0] = 1
    later = labels.copy()
    later[600:, 1] = 1

    before, after = (TagHistory(sp.csr_array(each)).known_before(600) for each in (labels, later))

    assert [found.tolist() for found in before] == [found.tolist() for found in after]
    assert after[0].tolist() == [60, 0]


def test_what_is_known_after_the_last_question_is_the_latest_trend():
    labels = np.zeros((1000, 2), dtype=np.float32)
    labels[:500, 0] = labels[900:, 1] = 1
    history = TagHistory(sp.csr_array(labels))

    counts, trends = history.known_before(1000)

    assert counts.tolist() == history.counts.tolist()
    np.testing.assert_allclose(trends, history.latest_trends())


def test_the_reranker_recovers_the_weights_that_generated_the_data():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4000, 10, 2)).astype(np.float32)
    probability = 1 / (1 + np.exp(-(features @ np.array([1.5, -0.5]) - 1)))
    labels = (rng.random(probability.shape) < probability).astype(np.float32)

    model = Reranker.fit(features, labels)

    np.testing.assert_allclose(model.weights, [1.5, -0.5, -1.0], atol=0.06)


def test_probabilities_from_parts_equal_those_from_all_features():
    rng = np.random.default_rng(0)
    scores = rng.random((2, 3, 10)).astype(np.float32)
    tag_features = rng.normal(size=(10, 2)).astype(np.float32)
    mentions = rng.random((3, 10, 5)).astype(np.float32)
    model = Reranker(rng.normal(size=12))
    table = np.concatenate(
        [*(score_features(block) for block in scores), np.stack([tag_features] * 3), mentions],
        axis=2,
    )

    probabilities = model.predict_proba_from_parts(
        scores, model.logits_of_tag_features(tag_features, 4), list(mentions)
    )

    np.testing.assert_allclose(probabilities, model.predict_proba(table), atol=1e-6)


def test_probabilities_sum_to_the_number_of_tags():
    texts, tags = questions(200)
    candidate = make_candidate("hybrid", None, word_encoders).fit(texts, tags, VOCABULARY)
    new, truth = questions(200, seed=1)

    expected = sum(len(set(row) & set(VOCABULARY)) for row in truth)

    assert candidate.score(new).sum() == pytest.approx(expected, rel=0.1)


def test_an_explanation_names_the_mention_the_word_and_a_similar_question():
    texts, tags = questions(200)
    candidate = make_candidate("hybrid", None, word_encoders).fit(texts, tags, VOCABULARY)

    question = PreparedText("docker layer", "container image layer", "")
    (reasons,) = candidate.explain(question, ["docker"], limit=30)

    assert {reason.kind for reason in reasons} == {"word", "mention", "question"}
    near = [reason for reason in reasons if reason.kind == "question"]
    assert "docker" in tags[near[0].question_id - 1]


def test_a_tag_used_only_recently_has_a_positive_trend_and_an_abandoned_one_a_negative():
    labels = np.zeros((1000, 3), dtype=np.float32)
    labels[::2, 0] = 1
    labels[:600, 1] = 1
    labels[800:, 2] = 1

    steady, falling, rising = TagHistory(sp.csr_array(labels)).latest_trends()

    assert abs(steady) < 0.05
    assert falling < -2
    assert rising > 1


def test_the_trend_before_a_question_does_not_depend_on_later_ones():
    labels = np.zeros((1000, 2), dtype=np.float32)
    labels[::3, 0] = 1
    later = labels.copy()
    later[600:] = later[600:][::-1]

    columns, before = np.tile([0, 1], 600), np.repeat(np.arange(600), 2)
    trends = [TagHistory(sp.csr_array(each)).trends(columns, before) for each in (labels, later)]
    np.testing.assert_allclose(*trends, atol=1e-6)


def test_a_rising_tag_is_suggested_more_than_a_falling_one_with_the_same_words():
    texts = [PreparedText("observable stream", "map the values", "")] * 800
    tags = [("old",)] * 400 + [("new",)] * 400
    candidate = make_candidate("tfidf", None, word_encoders).fit(texts, tags, ("new", "old"))

    old, new = candidate.score(texts[:1])[0][[1, 0]]

    assert new > old + 0.2


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_pairs_of_one_class_give_it_nearly_all_probability(label):
    features = np.random.default_rng(0).random((50, 3), dtype=np.float32)

    model = Reranker.fit(features, np.full(50, label, dtype=np.float32))

    assert model.predict_proba(features) == pytest.approx(np.full(50, label), abs=1e-4)
