"""A fitted model speaks of canonical tags, whatever its tags were called in training."""

import numpy as np
import pytest

from include.candidates.base import Candidate, Reason
from include.candidates.renamed import with_canonical_names
from include.tag_names import TagNames
from include.text.prepared import PreparedText

TEXTS = [PreparedText("first", "", ""), PreparedText("second", "", "")]


class FixedScores(Candidate):
    """Scores that are given."""

    name = "fixed"

    def __init__(self, vocabulary: tuple[str, ...], scores: np.ndarray) -> None:
        self.vocabulary = vocabulary
        self.scores = scores

    def fit(self, texts, tags, vocabulary):
        raise NotImplementedError

    def score(self, texts):
        return self.scores[: len(texts)]

    def explain(self, text, tags, limit=5):
        return [(Reason("word", f"because of {tag}", len(tag)),) for tag in tags]

    def save(self, folder):
        raise NotImplementedError

    @classmethod
    def load(cls, folder, encoders):
        raise NotImplementedError

    def get_params(self):
        return {"depth": 3}


@pytest.fixture
def fitted() -> FixedScores:
    scores = np.array([[0.9, 0.2, 0.8, 0.7], [0.1, 0.6, 0.3, 0.5]], dtype=np.float32)
    return FixedScores(("golang", "go", "homework", "json"), scores)


def ranked(candidate: Candidate, k: int) -> list[list[tuple[str, float]]]:
    return [[(item.tag, round(item.score, 3)) for item in row] for row in candidate.rank(TEXTS, k)]


def test_of_two_names_of_a_tag_the_better_score_counts_once(fitted):
    renamed = with_canonical_names(fitted, TagNames({"golang": "go"}))

    assert ranked(renamed, 3) == [
        [("go", 0.9), ("homework", 0.8), ("json", 0.7)],
        [("go", 0.6), ("json", 0.5), ("homework", 0.3)],
    ]


def test_a_retired_tag_is_never_suggested_and_another_takes_its_place(fitted):
    renamed = with_canonical_names(fitted, TagNames({"homework": None}))

    assert ranked(renamed, 3) == [
        [("golang", 0.9), ("json", 0.7), ("go", 0.2)],
        [("go", 0.6), ("json", 0.5), ("golang", 0.1)],
    ]


def test_scores_have_a_column_for_each_canonical_tag(fitted):
    renamed = with_canonical_names(fitted, TagNames({"golang": "go", "homework": None}))

    assert renamed.vocabulary == ("go", "json")
    assert renamed.score(TEXTS).tolist() == pytest.approx(np.array([[0.9, 0.7], [0.6, 0.5]]))


def test_a_tag_that_was_unknown_in_training_gets_the_score_of_its_old_name(fitted):
    renamed = with_canonical_names(fitted, TagNames({"json": "json-format"}))

    assert ranked(renamed, 1) == [[("golang", 0.9)], [("go", 0.6)]]
    assert "json-format" in renamed.vocabulary
    assert ranked(renamed, 9)[1][1] == ("json-format", 0.5)


def test_reasons_are_those_of_the_name_with_most_evidence(fitted):
    renamed = with_canonical_names(fitted, TagNames({"golang": "go"}))

    found = renamed.explain(TEXTS[0], ["go", "unknown"])
    assert [[reason.text for reason in row] for row in found] == [["because of golang"], []]


def test_a_model_whose_tags_are_all_retired_suggests_nothing(fitted):
    renamed = with_canonical_names(fitted, TagNames(dict.fromkeys(fitted.vocabulary)))

    assert ranked(renamed, 3) == [[], []]


def test_a_model_without_a_renamed_tag_stays_itself(fitted):
    assert with_canonical_names(fitted, TagNames({"k8s": "kubernetes"})) is fitted


def test_parameters_and_name_are_those_of_the_fitted_model(fitted):
    renamed = with_canonical_names(fitted, TagNames({"golang": "go"}))

    assert (renamed.name, renamed.get_params()) == ("fixed", {"depth": 3})
