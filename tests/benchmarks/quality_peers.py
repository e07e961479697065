"""
What the candidates are measured against: plain, well-known ways to suggest tags.

Both see the same prepared text as the candidates and were given parameters that serve them well on
months before those of the reference figures.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from include.candidates.base import Suggestion
from include.candidates.calibration import ScoreCalibration
from include.candidates.held_out import calibration_rows
from include.candidates.labels import label_matrix
from include.candidates.suggested_set import SET_DEPTH
from include.evaluation.suggested import ScoredTags
from include.text.prepared import PreparedText


class Peer(Protocol):
    """As little of a candidate as the benchmark needs."""

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> None: ...

    def rank(self, texts: Sequence[PreparedText], k: int) -> list[tuple[Suggestion, ...]]: ...

    def size_bytes(self) -> int: ...


class CalibratedPeer:
    """
    A peer whose scores are calibrated as the candidates' are; the order of the tags stays.

    The calibration is that of a peer which has not seen the latest questions. What ranks has
    learned from all.
    """

    def __init__(self, make: Callable[[], Peer]) -> None:
        self._make = make

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> None:
        latest = calibration_rows(len(texts))
        earlier = self._make()
        earlier.fit(texts[: latest.start], tags[: latest.start], vocabulary)
        ranked = earlier.rank(texts[latest], SET_DEPTH)
        scored = ScoredTags.of(
            [[suggestion.tag for suggestion in row] for row in ranked],
            [[suggestion.score for suggestion in row] for row in ranked],
            tags[latest],
        )
        self._calibration = ScoreCalibration.fit(scored.scores.astype(np.float32), scored.found)
        self._peer = self._make()
        self._peer.fit(texts, tags, vocabulary)

    def rank(self, texts: Sequence[PreparedText], k: int) -> list[tuple[Suggestion, ...]]:
        return [self._calibrated(row) for row in self._peer.rank(texts, k)]

    def size_bytes(self) -> int:
        return self._peer.size_bytes()

    def _calibrated(self, row: Sequence[Suggestion]) -> tuple[Suggestion, ...]:
        if not row:
            return ()
        scores = self._calibration.apply(np.array([[one.score for one in row]], dtype=np.float32))
        tags = [suggestion.tag for suggestion in row]
        return tuple(map(Suggestion, tags, scores[0].tolist()))


class TfidfLogistic:
    """scikit-learn: TF-IDF of all text, one-vs-rest logistic regression."""

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.multiclass import OneVsRestClassifier
        from sklearn.pipeline import make_pipeline

        self._vocabulary = np.array(vocabulary)
        self._model = make_pipeline(
            TfidfVectorizer(
                sublinear_tf=True, min_df=2, token_pattern=r"(?u)\b\w[\w+#.\-]*", dtype=np.float32
            ),
            OneVsRestClassifier(LogisticRegression(C=30, solver="liblinear", random_state=0)),
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labels = label_matrix(tags, vocabulary).toarray()
            self._model.fit([whole(text) for text in texts], labels)

    def rank(self, texts: Sequence[PreparedText], k: int) -> list[tuple[Suggestion, ...]]:
        scores = self._model.predict_proba([whole(text) for text in texts])
        best = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        return [
            tuple(map(Suggestion, self._vocabulary[columns].tolist(), row[columns].tolist()))
            for row, columns in zip(scores, best, strict=True)
        ]

    def size_bytes(self) -> int:
        import pickle

        return len(pickle.dumps(self._model))


class FastText:
    """
    FastText, one-vs-all loss, one thread and a fixed seed so that runs agree.

    Trained in a process of its own: a second training in the same process reads memory that the
    first left behind and stops with "Encountered NaN" (0.9.2).
    """

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> None:
        import fasttext

        known = set(vocabulary)
        with tempfile.TemporaryDirectory() as folder:
            lines, model = Path(folder) / "train.txt", Path(folder) / "model.bin"
            with lines.open("w", encoding="utf-8") as file:
                for text, names in zip(texts, tags, strict=True):
                    labels = " ".join(f"__label__{name}" for name in names if name in known)
                    if labels:
                        file.write(f"{labels} {title_and_prose(text)}\n")
            command = [sys.executable, "-m", __name__, str(lines), str(model)]
            subprocess.run(command, check=True, capture_output=True)
            self._size = model.stat().st_size
            self._model: Any = fasttext.load_model(str(model))

    def rank(self, texts: Sequence[PreparedText], k: int) -> list[tuple[Suggestion, ...]]:
        answers = [self._model.predict(title_and_prose(text), k=k) for text in texts]
        return [
            tuple(
                Suggestion(name.removeprefix("__label__"), min(float(score), 1.0))
                for name, score in zip(names, scores, strict=True)
            )
            for names, scores in answers
        ]

    def size_bytes(self) -> int:
        return self._size


def train_fasttext(lines: str, model: str) -> None:
    """Train on lines of labels and text, save the model."""
    import fasttext

    fasttext.train_supervised(
        lines, loss="ova", lr=0.5, epoch=25, dim=100, minCount=2, thread=1, seed=1, verbose=0
    ).save_model(model)


def whole(text: PreparedText) -> str:
    """Return title, prose and code in one lower-case line."""
    return " ".join(f"{text.title} {text.prose} {text.code}".lower().split())


PEERS: dict[str, type[TfidfLogistic] | type[FastText]] = {
    "fasttext": FastText,
    "tfidf_logistic": TfidfLogistic,
}


def title_and_prose(text: PreparedText) -> str:
    """Return what fastText reads: code gains it nothing."""
    return " ".join(f"{text.title} {text.prose}".lower().split())


if __name__ == "__main__":
    train_fasttext(sys.argv[1], sys.argv[2])
