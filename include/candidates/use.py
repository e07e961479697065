"""Embeddings of the Universal Sentence Encoder, kernel ridge head."""

from dataclasses import dataclass
from typing import ClassVar

from include.candidates.first_stage import RidgeSpec, StackSpec
from include.candidates.kernel_ridge import MAX_QUESTIONS
from include.candidates.stacked import StackedCandidate


@dataclass(frozen=True, slots=True)
class UseParameters:
    """
    Parameters of `Use`.

    Parameters
    ----------
    penalty : float, default=0.3
        Of the ridge regression; > 0.
    max_questions : int, default=20000
        Number of the latest questions to train on; the kernel's memory grows with its square.
    """

    penalty: float = 0.3
    max_questions: int = MAX_QUESTIONS


class Use(StackedCandidate):
    """Embeddings alone; see the module."""

    name: ClassVar[str] = "use"
    parameters_type: ClassVar[type] = UseParameters
    parameters: UseParameters

    def spec(self) -> StackSpec:
        """Return one ridge regression on the encoder's embeddings."""
        return StackSpec(
            ridges=(RidgeSpec({"use": 1.0}, self.parameters.penalty),),
            mentions=False,
            max_questions=self.parameters.max_questions,
        )
