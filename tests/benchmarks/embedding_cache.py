"""Vectors on disk by encoder and content, so that a benchmark's warm runs embed nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Encoder, EncoderFactory
from include.text.prepared import PreparedText

CHUNK = 128


class FileCachedEncoder:
    """Looks each text up by its content before the real encoder computes it."""

    def __init__(self, encoder: Encoder, folder: Path, progressed: Callable[[str], None]) -> None:
        self.name = encoder.name
        self.dimensions = encoder.dimensions
        self._encoder = encoder
        self._progressed = progressed
        self._path = folder / f"{hashlib.sha256(encoder.name.encode()).hexdigest()[:16]}.npz"
        self._vectors: dict[str, NDArray[np.float32]] = {}
        if self._path.exists():
            with np.load(self._path, allow_pickle=False) as stored:
                self._vectors = dict(zip(stored["keys"].tolist(), stored["vectors"], strict=True))

    def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        keys = [content_key(text) for text in texts]
        missing = {
            key: text for key, text in zip(keys, texts, strict=True) if key not in self._vectors
        }
        # Like lengths together, as each batch is padded to its longest text.
        waiting = sorted(missing, key=lambda key: len(missing[key].prose))
        for start in range(0, len(waiting), CHUNK):
            chunk = waiting[start : start + CHUNK]
            vectors = self._encoder.encode([missing[key] for key in chunk])
            self._vectors.update(zip(chunk, vectors, strict=True))
            self._progressed(f"{self.name}: {start + len(chunk)} of {len(waiting)} embedded")
            self._save()
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return np.stack([self._vectors[key] for key in keys])

    def _save(self) -> None:
        """Replace the file in one step: a run that is stopped leaves the last whole one."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        partial = self._path.with_suffix(".partial.npz")
        np.savez(
            partial, keys=np.array(list(self._vectors)), vectors=np.stack([*self._vectors.values()])
        )
        partial.replace(self._path)


def file_cached(
    encoders: EncoderFactory, folder: Path, progressed: Callable[[str], None]
) -> EncoderFactory:
    """Return a factory whose encoders keep their vectors in ``folder``."""
    made: dict[str, Encoder] = {}

    def make(name: str) -> Encoder:
        if name not in made:
            made[name] = FileCachedEncoder(encoders(name), folder, progressed)
        return made[name]

    return make


def content_key(text: PreparedText) -> str:
    fields = "\0".join((text.title, text.prose, text.code))
    return hashlib.sha256(fields.encode("utf-8", "surrogatepass")).hexdigest()[:32]
