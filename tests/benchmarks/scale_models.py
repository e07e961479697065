"""
What it costs to train a family on many questions, and what it answers: one row of `bench-scale`.

`measure_training` takes any sequence of texts, also one that is read when it is needed.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from include.candidates.base import Encoder, vocabulary_of
from include.candidates.catalogue import load_candidate, make_candidate, save_candidate
from include.evaluation.metrics import score_questions, summarise
from include.text.prepared import PreparedText

_TIMED_ONE_BY_ONE = 200
_SAMPLING_S = 0.02


class PeakMemory:
    """Largest resident memory of this process, pages of mapped files included, within a block."""

    def __enter__(self) -> Self:
        """Start to watch."""
        self._stopped = threading.Event()
        self.peak_mb = 0.0
        self._watch = threading.Thread(target=self._sample, daemon=True)
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        self._stopped.set()
        self._watch.join()

    def _sample(self) -> None:
        while not self._stopped.wait(_SAMPLING_S):
            self.peak_mb = max(self.peak_mb, resident_mb())


def resident_mb(field: str = "VmRSS") -> float:
    """Return a figure of ``/proc/self/status`` in MB, as ``VmRSS`` or ``RssAnon``."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{field}:"):
            return float(line.split()[1]) / 1024
    raise KeyError(field)


def measure_serving(folder: Path, texts: Sequence[PreparedText]) -> dict[str, float]:
    """
    Load a model without encoders in this process, and rank questions one by one.

    Returns
    -------
    dict
        ``rank_ms``, the median of one question; ``worker_mb``, the memory of the process that it
        shares with no other, with interpreter and libraries.
    """
    loaded = load_candidate(folder, no_encoder)
    seconds = []
    for text in texts:
        begin = time.perf_counter()
        loaded.rank([text], 5)
        seconds.append(time.perf_counter() - begin)
    return {
        "rank_ms": round(float(np.median(seconds)) * 1000, 3),
        "worker_mb": round(resident_mb("RssAnon")),
    }


def no_encoder(name: str) -> Encoder:
    """Stand in for `encoder_factory` where no family embeds."""
    raise AssertionError(f"no encoder is needed, {name} was asked for")


def measure_training(
    texts: Sequence[PreparedText],
    tags: Sequence[Sequence[str]],
    new_texts: Sequence[PreparedText],
    new_tags: Sequence[Sequence[str]],
    *,
    family: str = "linear",
    parameters: Mapping[str, Any] | None = None,
    min_tag_count: int = 5,
) -> dict[str, float]:
    """
    Train a family, save and load it, and rank later questions.

    Parameters
    ----------
    texts, tags : sequences of length n
        Oldest first.
    new_texts, new_tags : sequences of length m >= 1
        Asked later.
    family : str
    parameters : mapping or None
        Where they differ from the defaults.
    min_tag_count : int
        Questions that a tag of the vocabulary has at least.

    Returns
    -------
    dict
        ``train_s`` and ``train_cpu_s``; ``peak_mb`` of the process while it trains; ``tags``;
        ``learned_from``; ``model_mb`` on disk; ``rank_ms`` and ``worker_mb`` of a process that
        serves; ``f1@5`` and ``f1_all@5`` of the new questions.
    """
    vocabulary = vocabulary_of(tags, min_tag_count)
    candidate = make_candidate(family, parameters, no_encoder)
    begin, cpu = time.perf_counter(), time.process_time()
    with PeakMemory() as memory:
        candidate.fit(texts, tags, vocabulary)
    row = {
        "train_s": round(time.perf_counter() - begin, 1),
        "train_cpu_s": round(time.process_time() - cpu, 1),
        "peak_mb": round(memory.peak_mb),
        "tags": len(vocabulary),
        "learned_from": min(len(texts), candidate.question_limit or len(texts)),
    }
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / family
        save_candidate(candidate, folder, {})
        row["model_mb"] = round(sum(path.stat().st_size for path in folder.iterdir()) / 1e6, 1)
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
            timed = list(new_texts[-_TIMED_ONE_BY_ONE:])
            row |= worker.submit(measure_serving, folder, timed).result()
        ranked = [[found.tag for found in found_row] for found_row in candidate.rank(new_texts, 5)]
    means = summarise(score_questions(ranked, new_tags, vocabulary))
    return row | {name: round(means[name], 4) for name in ("f1@5", "f1_all@5")}
