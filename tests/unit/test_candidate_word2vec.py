"""The word2vec candidate: word vectors, determinism, save and load."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from include.candidates.base import Encoder
from include.candidates.word2vec import Word2Vec, Word2VecParameters
from include.errors import FixInputError, ModelUnusableError
from include.text.prepared import PreparedText

VOCABULARY = ("database", "frontend")
SMALL = Word2VecParameters(dimensions=12, epochs=10)
WORDS = {
    "database": ["query", "index", "table", "join", "postgres", "vacuum", "lock", "schema"],
    "frontend": ["button", "css", "layout", "react", "component", "render", "browser"],
}


def no_encoder(name: str) -> Encoder:
    raise AssertionError("word2vec needs no encoder")


def two_subject_questions(count: int) -> tuple[list[PreparedText], list[tuple[str, ...]]]:
    """Questions on two subjects that share no word."""
    rng = np.random.default_rng(0)
    texts, tags = [], []
    for number in range(count):
        tag = VOCABULARY[number % 2]
        drawn = rng.choice(WORDS[tag], size=9)
        texts.append(PreparedText(" ".join(drawn[:3]), " ".join(drawn[3:6]), "\n".join(drawn[6:])))
        tags.append((tag, "unlearned"))
    return texts, tags


@pytest.fixture(scope="module")
def fitted() -> Word2Vec:
    texts, tags = two_subject_questions(80)
    return Word2Vec(SMALL, no_encoder).fit(texts, tags, VOCABULARY)


def test_each_subject_gets_its_tag(fitted: Word2Vec) -> None:
    texts, tags = two_subject_questions(20)
    ranked = fitted.rank(texts, 1)
    assert [row[0].tag for row in ranked] == [row[0] for row in tags]


def test_scores_are_probabilities(fitted: Word2Vec) -> None:
    scores = fitted.score(two_subject_questions(10)[0])
    assert scores.shape == (10, 2)
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_text_without_a_known_word_is_scored_too(fitted: Word2Vec) -> None:
    assert np.isfinite(fitted.score([PreparedText("", "", "")])).all()


def test_no_texts_have_no_scores(fitted: Word2Vec) -> None:
    assert fitted.score([]).shape == (0, 2)


def test_a_loaded_model_ranks_the_same(fitted: Word2Vec, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    texts, _ = two_subject_questions(10)
    loaded = Word2Vec.load(tmp_path, no_encoder)
    assert loaded.rank(texts, 2) == fitted.rank(texts, 2)
    assert loaded.get_params() == fitted.get_params()


def test_nothing_is_pickled(fitted: Word2Vec, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".json"}


def test_loading_and_ranking_need_no_gensim(fitted: Word2Vec, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    code = (
        "import sys; from pathlib import Path; from include.candidates.word2vec import Word2Vec\n"
        "from include.text.prepared import PreparedText\n"
        f"Word2Vec.load(Path({str(tmp_path)!r}), None).score([PreparedText('css', '', '')])\n"
        "assert 'gensim' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["word_vectors.npy", "weights.npy", "word2vec.json"])
def test_a_missing_file_is_named(fitted: Word2Vec, tmp_path: Path, name: str) -> None:
    fitted.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelUnusableError, match=name):
        Word2Vec.load(tmp_path, no_encoder)


@pytest.mark.parametrize("name", ["word_vectors.npy", "weights.npy"])
def test_arrays_of_another_model_are_refused(fitted: Word2Vec, tmp_path: Path, name: str) -> None:
    fitted.save(tmp_path)
    np.save(tmp_path / name, np.zeros((3, 3), np.float32))
    with pytest.raises(ModelUnusableError, match=name):
        Word2Vec.load(tmp_path, no_encoder)


def test_the_same_questions_give_the_same_model_in_any_process(tmp_path: Path) -> None:
    code = (
        "from tests.unit.test_candidate_word2vec import *\n"
        "texts, tags = two_subject_questions(40)\n"
        "model = Word2Vec(SMALL, no_encoder).fit(texts, tags, VOCABULARY)\n"
        "model.save(Path({folder!r}))"
    )
    folders = [tmp_path / "one", tmp_path / "two"]
    for seed, folder in zip(("1", "2"), folders, strict=True):
        folder.mkdir()
        subprocess.run(
            [sys.executable, "-c", code.format(folder=str(folder))],
            check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        )
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes(), path.name


def test_it_learns_from_all_questions_or_from_the_latest_that_are_asked_for() -> None:
    texts, tags = two_subject_questions(80)
    latest = Word2Vec(replace(SMALL, max_questions=40), no_encoder).fit(texts, tags, VOCABULARY)
    alone = Word2Vec(SMALL, no_encoder).fit(texts[40:], tags[40:], VOCABULARY)

    assert (Word2Vec(SMALL, no_encoder).question_limit, latest.question_limit) == (None, 40)
    assert latest.rank(texts[:5], 2) == alone.rank(texts[:5], 2)


def test_a_tag_is_explained_by_its_words(fitted: Word2Vec) -> None:
    (reasons,) = fitted.explain(PreparedText("postgres button", "vacuum", ""), ["database"])
    assert {reason.text for reason in reasons} == {"postgres", "vacuum"}
    assert fitted.explain(PreparedText("postgres", "", ""), ["unknown"]) == [()]


def test_questions_without_a_shared_word_are_refused() -> None:
    texts = [PreparedText("alpha", "", ""), PreparedText("beta", "", "")]
    with pytest.raises(FixInputError, match="min_count"):
        Word2Vec(SMALL, no_encoder).fit(texts, [("database",)] * 2, VOCABULARY)
