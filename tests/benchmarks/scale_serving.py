"""What a saved model costs a process that serves it: a part of ``bench_scale``."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from include.candidates.base import Candidate, Encoder
from include.candidates.catalogue import load_candidate, save_candidate
from include.text.prepared import PreparedText


def measure_saved(candidate: Candidate, texts: Sequence[PreparedText]) -> dict[str, float]:
    """Return `measure_serving` of the saved candidate in a new process, and ``model_mb`` on disk."""
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / candidate.name
        save_candidate(candidate, folder, {})
        size = sum(path.stat().st_size for path in folder.iterdir())
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as worker:
            served = worker.submit(measure_serving, folder, list(texts)).result()
    return served | {"model_mb": round(size / 1e6, 1)}


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
        "worker_mb": round(own_memory_mb()),
    }


def no_encoder(name: str) -> Encoder:
    """Stand in for `encoder_factory` where no family embeds."""
    raise AssertionError(f"no encoder is needed, {name} was asked for")


def own_memory_mb() -> float:
    """Return the memory of this process that no file backs: what another worker needs again."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return float(line.split()[1]) / 1024
