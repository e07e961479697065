"""The lda candidate: topics, determinism, save and load."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from include.candidates.base import Encoder
from include.candidates.lda import Lda, LdaParameters
from include.errors import FixInputError, ModelUnusableError
from include.text.prepared import PreparedText

VOCABULARY = ("database", "frontend")
SMALL = LdaParameters(topics=4, passes=10, min_questions=2, max_share=0.6)


def no_encoder(name: str) -> Encoder:
    raise AssertionError("lda needs no encoder")


def two_subject_questions(count: int) -> tuple[list[PreparedText], list[tuple[str, ...]]]:
    """Questions on two subjects that share no word."""
    rng = np.random.default_rng(0)
    words = {
        "database": ["query", "index", "table", "join", "postgres", "vacuum", "lock", "schema"],
        "frontend": ["button", "css", "layout", "react", "component", "render", "browser"],
    }
    texts, tags = [], []
    for number in range(count):
        tag = VOCABULARY[number % 2]
        drawn = rng.choice(words[tag], size=8)
        texts.append(PreparedText(" ".join(drawn[:3]), " ".join(drawn[3:]), ""))
        tags.append((tag, "unlearned"))
    return texts, tags


@pytest.fixture(scope="module")
def fitted() -> Lda:
    texts, tags = two_subject_questions(80)
    return Lda(SMALL, no_encoder).fit(texts, tags, VOCABULARY)


def test_each_subject_gets_its_tag(fitted: Lda) -> None:
    texts, tags = two_subject_questions(20)
    ranked = fitted.rank(texts, 1)
    assert [row[0].tag for row in ranked] == [row[0] for row in tags]


def test_scores_are_probabilities(fitted: Lda) -> None:
    scores = fitted.score(two_subject_questions(10)[0])
    assert scores.shape == (10, 2)
    assert scores.dtype == np.float32
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_text_without_a_known_word_gets_the_average(fitted: Lda) -> None:
    scores = fitted.score([PreparedText("", "", "")])
    assert scores[0] == pytest.approx([0.5, 0.5])


def test_no_texts_have_no_scores(fitted: Lda) -> None:
    assert fitted.score([]).shape == (0, 2)


def test_a_text_scores_the_same_alone_and_among_others(fitted: Lda) -> None:
    texts, _ = two_subject_questions(6)
    np.testing.assert_allclose(fitted.score(texts)[3:4], fitted.score(texts[3:4]), rtol=1e-5)


def test_topics_are_those_that_gensim_infers(fitted: Lda) -> None:
    from gensim.models import LdaModel

    texts, _ = two_subject_questions(30)
    counts = [fitted._word_counts(text) for text in two_subject_questions(80)[0]]
    bags = [fitted._bag(row) for row in counts]
    model = LdaModel(
        [list(zip(c.tolist(), n.tolist(), strict=True)) for c, n in bags],
        num_topics=SMALL.topics,
        id2word=dict(enumerate(fitted._terms)),
        passes=SMALL.passes,
        alpha="asymmetric",
        random_state=SMALL.seed,
        chunksize=500,
        eval_every=None,
    )
    for text in texts:
        columns, numbers = fitted._bag(fitted._word_counts(text))
        theirs = model.inference([list(zip(columns.tolist(), numbers.tolist(), strict=True))])[0][0]
        ours = fitted._infer_topics(columns, numbers)
        np.testing.assert_allclose(ours, theirs / theirs.sum(), atol=0.02)


def test_a_loaded_model_ranks_the_same(fitted: Lda, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    texts, _ = two_subject_questions(10)
    loaded = Lda.load(tmp_path, no_encoder)
    assert loaded.rank(texts, 2) == fitted.rank(texts, 2)
    assert loaded.get_params() == fitted.get_params()


def test_nothing_is_pickled(fitted: Lda, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".json"}


def test_loading_and_ranking_need_no_gensim(fitted: Lda, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    code = (
        "import sys; from pathlib import Path; from include.candidates.lda import Lda\n"
        "from include.text.prepared import PreparedText\n"
        f"Lda.load(Path({str(tmp_path)!r}), None).score([PreparedText('css', '', '')])\n"
        "assert 'gensim' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["topic_words.npy", "affinity.npy", "lda.json"])
def test_a_missing_file_is_named(fitted: Lda, tmp_path: Path, name: str) -> None:
    fitted.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelUnusableError, match=name):
        Lda.load(tmp_path, no_encoder)


def test_arrays_of_another_model_are_refused(fitted: Lda, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    np.save(tmp_path / "affinity.npy", np.zeros((3, 3), np.float32))
    with pytest.raises(ModelUnusableError, match="affinity"):
        Lda.load(tmp_path, no_encoder)


def test_the_same_questions_give_the_same_model() -> None:
    texts, tags = two_subject_questions(40)
    one, two = (Lda(SMALL, no_encoder).fit(texts, tags, VOCABULARY) for _ in range(2))
    np.testing.assert_array_equal(one._topic_words, two._topic_words)
    np.testing.assert_array_equal(one._affinity, two._affinity)


def test_a_tag_is_explained_by_its_words(fitted: Lda) -> None:
    (reasons,) = fitted.explain(PreparedText("postgres vacuum", "", ""), ["database"], limit=2)
    assert {reason.text for reason in reasons} == {"postgres", "vacuum"}
    assert fitted.explain(PreparedText("postgres", "", ""), ["unknown"]) == [()]


def test_questions_without_a_shared_word_are_refused() -> None:
    texts = [PreparedText("alpha", "", ""), PreparedText("beta", "", "")]
    with pytest.raises(FixInputError, match="min_questions"):
        Lda(SMALL, no_encoder).fit(texts, [("database",)] * 2, VOCABULARY)
