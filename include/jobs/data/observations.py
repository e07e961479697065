"""Questions and suggestions as the drift signals read them; out-of-fold predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, Suggestion, vocabulary_of
from include.candidates.term_counts import count_terms
from include.candidates.terms import code_terms, words
from include.drift.samples import DEPTH, Observations
from include.evaluation.metrics import score_questions
from include.evaluation.unknown_words import unknown_share
from include.jobs.data.stored_texts import StoredTexts
from include.months import month_of
from include.text.prepared import LabelledTexts, PreparedText

MAX_HELD_OUT_SHARE: Final = 0.2
"""Questions that are at most this share of a window are all left out of one fit."""

SuggestionLists = Sequence[Sequence[Suggestion]]


def observe(
    texts: Sequence[PreparedText],
    asked_at: Sequence[datetime],
    *,
    tags: Sequence[Sequence[str]] | None = None,
    ranked: SuggestionLists | None = None,
    vocabulary: frozenset[str] | None = None,
    vectors: NDArray[np.float32] | None = None,
) -> Observations:
    """
    Return the features of questions that the drift signals read.

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
        Tags that the model can suggest.
    vectors : ndarray, shape (n, dimensions), or None
    """
    distinct_words: list[list[str]] = []
    word_counts: list[float] = []
    code_shares: list[float] = []
    for text in texts:  # in one pass: each may read stored texts anew
        prose = _prose_words(text)
        distinct_words.append(list({*prose, *code_terms(text.code)}))
        word_counts.append(float(len(prose)))
        code_shares.append(_code_share(text))
    scores = (
        None
        if tags is None or ranked is None or vocabulary is None
        else score_questions([[s.tag for s in row] for row in ranked], tags, vocabulary)
    )
    return Observations(
        months=[month_of(moment) for moment in asked_at],
        words=distinct_words,
        word_counts=word_counts,
        code_shares=code_shares,
        tags=tags,
        suggested=None if ranked is None else [[(s.tag, s.score) for s in row] for row in ranked],
        reachable=None if scores is None else scores.reachable_count.tolist(),
        f1=None if scores is None else scores.f1_all(DEPTH).tolist(),
        found=None if scores is None else scores.found,
        vectors=vectors,
    )


def unknown_term_share(train: LabelledTexts, test: LabelledTexts) -> float:
    """Return the share of the test questions' terms that no training question has, in [0, 1]."""
    known = (
        train.texts.distinct_terms()
        if isinstance(train.texts, StoredTexts)
        else set(count_terms(train.texts).terms)
    )
    counts = count_terms(test.texts)
    return unknown_share(counts.terms, counts.columns, known)


def question_ids(questions: LabelledTexts) -> tuple[int, ...]:
    """Return the ids of stored questions, in order; no text is read."""
    if isinstance(questions.texts, StoredTexts):
        return tuple(questions.texts.question_ids.tolist())
    return tuple(text.key[1] for text in questions.texts if text.key is not None)


def observe_suggestions(
    candidate: Candidate, questions: LabelledTexts, vectors: NDArray[np.float32] | None = None
) -> Observations:
    """Return the features of questions with true tags, and the suggestions of ``candidate``."""
    return observe(
        questions.texts,
        questions.asked_at,
        tags=questions.tags,
        ranked=candidate.rank(questions.texts, DEPTH),
        vocabulary=frozenset(candidate.vocabulary),
        vectors=vectors,
    )


def out_of_fold_predictions(
    make: Callable[[], Candidate],
    questions: LabelledTexts,
    selected: NDArray[np.bool_],
    min_tag_count: int,
    seed: int,
) -> tuple[list[tuple[Suggestion, ...]], frozenset[str]]:
    """
    Predict questions of a training window with models that were not fitted on them.

    In-sample predictions are too good to be a reference. So the selected questions are split into
    `fold_count` folds, and each fold is predicted by a model fitted on all other questions
    (cross-validated predictions, as scikit-learn's ``cross_val_predict``).

    Parameters
    ----------
    make : callable
        Returns an unfitted candidate.
    questions : LabelledTexts, length n
        The whole training window.
    selected : ndarray of bool, shape (n,)
        Questions to predict.
    min_tag_count : int
        As in training, >= 1.
    seed : int

    Returns
    -------
    suggestions : list of tuples of Suggestion
        In the order of the selected questions.
    vocabulary : frozenset of str
        Tags that at least one of the models can suggest.
    """
    rows = np.flatnonzero(selected)
    folds = fold_count(len(rows), len(questions))
    fold = np.random.default_rng(seed).permutation(np.arange(len(rows)) % folds)
    ranked: list[tuple[Suggestion, ...]] = [()] * len(rows)
    known: set[str] = set()
    for number in range(folds):
        held_out = rows[fold == number]
        train = questions.take(np.setdiff1d(np.arange(len(questions)), held_out))
        vocabulary = vocabulary_of(train.tags, min_tag_count)
        model = make().fit(train.texts, train.tags, vocabulary)
        known.update(model.vocabulary)
        predictions = model.rank(questions.take(held_out).texts, DEPTH)
        for position, suggestions in zip(np.flatnonzero(fold == number), predictions, strict=True):
            ranked[position] = suggestions
    return ranked, frozenset(known)


def fold_count(selected_count: int, window_count: int) -> int:
    """
    Return the folds, and so the fits, of `out_of_fold_predictions`: 1 or 2.

    In a long window the selected questions are a small part, without which a model is as good as
    the one that it stands for: one fit predicts them all. In a short one they would be missed.

    Examples
    --------
    >>> fold_count(20_000, 264_000), fold_count(20_000, 60_000)
    (1, 2)
    """
    return 1 if selected_count <= MAX_HELD_OUT_SHARE * window_count else 2


def sample_questions(questions: LabelledTexts, limit: int, seed: int) -> LabelledTexts:
    """
    Return at most ``limit`` questions, sampled without replacement, in order of time.

    With more than some thousand questions a comparison only gets slower, and differences too small
    to matter become significant. The same input and seed give the same questions.
    """
    if len(questions) <= limit:
        return questions
    rows = np.random.default_rng(seed).choice(len(questions), limit, replace=False)
    return questions.take(np.sort(rows))


def in_months(questions: LabelledTexts, months: Sequence[str]) -> NDArray[np.bool_]:
    """Return a mask of the questions asked in ``months``."""
    wanted = set(months)
    return np.array([month_of(moment) in wanted for moment in questions.asked_at], dtype=np.bool_)


def _prose_words(text: PreparedText) -> list[str]:
    """Return the words of title and prose, in order."""
    return words(f"{text.title} {text.prose}")


def _code_share(text: PreparedText) -> float:
    """Return characters of code over characters of prose and code; 0 where there is neither."""
    total = len(text.code) + len(text.prose)
    return len(text.code) / total if total else 0.0
