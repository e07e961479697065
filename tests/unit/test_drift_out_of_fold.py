"""Predictions of a reference by models that were not fitted on it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from include.candidates.base import Candidate, EncoderFactory
from include.jobs.data.observations import out_of_fold_predictions
from include.text.prepared import LabelledTexts, PreparedText


class Remembering(Candidate):
    """Suggests the tag ``seen`` only for questions that it was fitted on."""

    name = "remembering"
    fits: list[set[str]]

    def __init__(self, fits: list[set[str]]) -> None:
        self.fits = fits

    def fit(self, texts: Sequence[PreparedText], tags: Any, vocabulary: Sequence[str]) -> Self:
        self.fits.append({text.title for text in texts})
        self.vocabulary = ("seen", "unseen")
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        seen = np.array([text.title in self.fits[-1] for text in texts], dtype=np.float32)
        return np.stack([seen, 1 - seen], axis=1)

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        raise NotImplementedError

    def get_params(self) -> dict[str, Any]:
        return {}


def window(size: int) -> LabelledTexts:
    texts = tuple(PreparedText(str(n), "", "", ("s", n)) for n in range(size))
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    return LabelledTexts(texts, (("a",),) * size, (moment,) * size)


@pytest.mark.parametrize(("size", "fits"), [(100, 1), (99, 2), (20, 2)])
def test_one_fit_predicts_a_reference_of_a_fifth_of_the_window_or_less(size, fits):
    selected = np.arange(size) >= size - 20
    fitted: list[set[str]] = []

    ranked, _ = out_of_fold_predictions(lambda: Remembering(fitted), window(size), selected, 1, 0)

    assert len(fitted) == fits
    assert [row[0].tag for row in ranked] == ["unseen"] * 20
    assert all(len(questions) >= size - 20 for questions in fitted)
