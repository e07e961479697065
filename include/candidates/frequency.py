"""The baseline: every question gets the tags that were used most in the training window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Candidate, EncoderFactory
from include.candidates.held_out import (
    calibrate,
    calibration_rows,
    calibration_state,
    stored_calibration,
)
from include.candidates.labels import check_training_data, label_matrix
from include.candidates.model_files import read_array, read_json, write_array, write_json
from include.text.prepared import PreparedText


@dataclass(frozen=True, slots=True)
class FrequencyParameters:
    """No parameters."""


class Frequency(Candidate):
    """Scores each tag by the share of training questions that have it."""

    name: ClassVar[str] = "frequency"

    def __init__(self, parameters: FrequencyParameters, encoders: EncoderFactory) -> None:
        self.parameters = parameters
        self._shares: NDArray[np.float32] = np.zeros(0, dtype=np.float32)

    def fit(
        self,
        texts: Sequence[PreparedText],
        tags: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
    ) -> Self:
        """Count the tags; see `Candidate.fit`."""
        check_training_data(texts, tags, vocabulary)
        self.vocabulary = tuple(vocabulary)
        labels = label_matrix(tags, self.vocabulary)
        held_out = calibration_rows(len(texts))
        if held_out.start < held_out.stop:
            earlier = labels[: held_out.start].mean(axis=0, dtype=np.float32)
            latest = labels[held_out].toarray()
            self.calibration = calibrate(np.tile(earlier, (len(latest), 1)), latest)
        self._shares = labels.mean(axis=0, dtype=np.float32)
        return self

    def score(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return the same shares for every text; see `Candidate.score`."""
        return np.tile(self._shares, (len(texts), 1))

    def save(self, folder: Path) -> None:
        """Write ``frequency.json`` and ``shares.npy``."""
        state = {
            "vocabulary": self.vocabulary,
            "calibration": calibration_state(self.calibration),
        }
        write_json(folder, "frequency.json", state)
        write_array(folder, "shares.npy", self._shares)

    @classmethod
    def load(cls, folder: Path, encoders: EncoderFactory) -> Self:
        """Read what ``save`` wrote; see `Candidate.load`."""
        candidate = cls(FrequencyParameters(), encoders)
        state = read_json(folder, "frequency.json")
        candidate.vocabulary = tuple(state["vocabulary"])
        candidate.calibration = stored_calibration(state)
        candidate._shares = read_array(folder, "shares.npy")
        return candidate

    def get_params(self) -> dict[str, Any]:
        """Return the parameters, none."""
        return asdict(self.parameters)
