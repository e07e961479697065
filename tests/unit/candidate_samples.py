"""Small synthetic questions and an encoder without a model, for the tests of candidates."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Encoder
from include.text.prepared import PreparedText

TOPICS = {
    "docker": ("container image build layer daemon registry", "docker run image"),
    "docker-compose": ("services compose network volumes file", "docker_compose_up(services)"),
    "python": ("list dict function module import", "def fetchRows(cursor): pass"),
    "c++": ("pointer template header linker segfault", "std::vector<int> values"),
    "jenkins": ("pipeline stage agent job plugin", "pipeline { agent any }"),
}
VOCABULARY = tuple(sorted(TOPICS))


def questions(count: int = 60, seed: int = 0) -> tuple[list[PreparedText], list[tuple[str, ...]]]:
    """Return questions whose words are drawn from those of their one or two tags."""
    rng = np.random.default_rng(seed)
    texts, tags = [], []
    for number in range(count):
        chosen = tuple(str(name) for name in rng.choice(VOCABULARY, rng.integers(1, 3), False))
        words = [word for name in chosen for word in TOPICS[name][0].split()]
        prose = " ".join(str(word) for word in rng.choice(words, 12))
        title = f"How do I fix my {chosen[0]} {rng.choice(words)}?"
        texts.append(
            PreparedText(title, prose, TOPICS[chosen[-1]][1], ("sandbox.test", number + 1))
        )
        tags.append((*chosen, "unlearned"))
    return texts, tags


class WordEncoder:
    """Sums a fixed random vector per word: similar texts get similar vectors."""

    dimensions = 32

    def __init__(self, name: str) -> None:
        self.name = f"{name}:words-1"

    def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in f"{text.title} {text.prose}".lower().split():
                vectors[row] += np.random.default_rng(zlib.crc32(word.encode())).normal(
                    size=self.dimensions
                )
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def word_encoders(name: str) -> Encoder:
    """Stand in for `encoder_factory`."""
    return WordEncoder(name)
