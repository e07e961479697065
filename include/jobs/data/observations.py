"""Questions and suggestions as the drift signals read them; suggestions nobody has learned."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, Suggestion, vocabulary_of
from include.candidates.terms import code_terms, words
from include.drift.samples import DEPTH, Observed
from include.evaluation.metrics import score_questions
from include.months import month_of
from include.text.prepared import LabelledTexts, PreparedText

FOLDS: Final = 2

Ranking = Sequence[Sequence[Suggestion]]


def observe(
    texts: Sequence[PreparedText],
    asked_at: Sequence[datetime],
    *,
    tags: Sequence[Sequence[str]] | None = None,
    ranked: Ranking | None = None,
    vocabulary: frozenset[str] | None = None,
    vectors: NDArray[np.float32] | None = None,
) -> Observed:
    """
    Describe questions to the drift signals.

    Parameters
    ----------
    texts : sequence of PreparedText, length n
    asked_at : sequence of datetime, length n
        Aware.
    tags : sequence of sequences of str or None
        True tags, at least one each.
    ranked : sequence of sequences of Suggestion or None
        Suggestions, best first.
    vocabulary : frozenset of str or None
        What the model that was asked could suggest.
    vectors : ndarray, shape (n, dimensions), or None
    """
    prose = [_prose_words(text) for text in texts]
    scores = (
        None
        if tags is None or ranked is None or vocabulary is None
        else score_questions([[s.tag for s in row] for row in ranked], tags, vocabulary)
    )
    return Observed(
        months=[month_of(moment) for moment in asked_at],
        words=[
            list({*terms, *code_terms(text.code)}) for terms, text in zip(prose, texts, strict=True)
        ],
        word_counts=[float(len(terms)) for terms in prose],
        code_shares=[_code_share(text) for text in texts],
        tags=tags,
        suggested=None if ranked is None else [[(s.tag, s.score) for s in row] for row in ranked],
        reachable=None if scores is None else scores.reachable_count.tolist(),
        f1=None if scores is None else scores.f1_all(DEPTH).tolist(),
        found=None if scores is None else scores.found,
        vectors=vectors,
    )


def distinct_words(text: PreparedText) -> set[str]:
    """Return the question's distinct words, identifiers in code among them."""
    return {*_prose_words(text), *code_terms(text.code)}


def observe_answers(
    candidate: Candidate, questions: LabelledTexts, vectors: NDArray[np.float32] | None = None
) -> Observed:
    """Describe questions with true tags together with what ``candidate`` suggests for them."""
    return observe(
        questions.texts,
        questions.asked_at,
        tags=questions.tags,
        ranked=candidate.rank(questions.texts, DEPTH),
        vocabulary=frozenset(candidate.vocabulary),
        vectors=vectors,
    )


def unlearned_suggestions(
    make: Callable[[], Candidate],
    questions: LabelledTexts,
    asked: NDArray[np.bool_],
    min_tag_count: int,
    seed: int,
) -> tuple[list[tuple[Suggestion, ...]], frozenset[str]]:
    """
    Ask models of one kind about questions that they have not learned from.

    A model's answers on its own training questions are too good to be a reference. So the asked
    questions are dealt into two halves, and each half is answered by a model that learned all
    the others.

    Parameters
    ----------
    make : callable
        Returns an untrained candidate.
    questions : LabelledTexts, length n
        The whole training window.
    asked : ndarray of bool, shape (n,)
        Questions that need an answer.
    min_tag_count : int
        As in training, >= 1.
    seed : int

    Returns
    -------
    suggestions : list of tuples of Suggestion
        In the order of the asked questions.
    vocabulary : frozenset of str
        What the models that answered could suggest.
    """
    rows = np.flatnonzero(asked)
    fold = np.random.default_rng(seed).permutation(np.arange(len(rows)) % FOLDS)
    ranked: list[tuple[Suggestion, ...]] = [()] * len(rows)
    known: set[str] = set()
    for number in range(FOLDS):
        held_out = rows[fold == number]
        learned = np.setdiff1d(np.arange(len(questions)), held_out)
        model = _fitted(make(), questions, learned, min_tag_count)
        known.update(model.vocabulary)
        answers = model.rank([questions.texts[i] for i in held_out], DEPTH)
        for position, answer in zip(np.flatnonzero(fold == number), answers, strict=True):
            ranked[position] = answer
    return ranked, frozenset(known)


def _fitted(
    candidate: Candidate, questions: LabelledTexts, rows: NDArray[np.intp], min_tag_count: int
) -> Candidate:
    texts = [questions.texts[i] for i in rows]
    tags = [questions.tags[i] for i in rows]
    return candidate.fit(texts, tags, vocabulary_of(tags, min_tag_count))


def chosen(questions: LabelledTexts, rows: NDArray[np.bool_] | NDArray[np.intp]) -> LabelledTexts:
    """Return the questions that a mask or an array of positions chooses."""
    positions = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
    return LabelledTexts(
        tuple(questions.texts[i] for i in positions),
        tuple(questions.tags[i] for i in positions),
        tuple(questions.asked_at[i] for i in positions),
    )


def thinned(questions: LabelledTexts, limit: int, seed: int) -> LabelledTexts:
    """
    Return at most ``limit`` questions, drawn without replacement, in order of time.

    Beyond some thousand questions a comparison only gets slower, and differences too small to
    matter become certain. The same input and seed give the same questions.
    """
    if len(questions) <= limit:
        return questions
    rows = np.random.default_rng(seed).choice(len(questions), limit, replace=False)
    return chosen(questions, np.sort(rows))


def in_months(questions: LabelledTexts, months: Sequence[str]) -> NDArray[np.bool_]:
    """Return a mask of the questions asked in ``months``."""
    wanted = set(months)
    return np.array([month_of(moment) in wanted for moment in questions.asked_at], dtype=np.bool_)


def _prose_words(text: PreparedText) -> list[str]:
    """Return the words of title and prose, in order."""
    return words(f"{text.title} {text.prose}")


def _code_share(text: PreparedText) -> float:
    """Characters of code over characters of prose and code; 0 where there is neither."""
    whole = len(text.code) + len(text.prose)
    return len(text.code) / whole if whole else 0.0
