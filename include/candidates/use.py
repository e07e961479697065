"""Vectors of the Universal Sentence Encoder and a kernel ridge head."""

from dataclasses import dataclass
from typing import ClassVar

from include.candidates.first_stage import Blend, Design
from include.candidates.ridge import MAX_QUESTIONS
from include.candidates.stacked import StackedCandidate


@dataclass(frozen=True, slots=True)
class UseParameters:
    """
    What can be chosen.

    Parameters
    ----------
    penalty : float, default=0.3
        Of the ridge regression; > 0.
    max_questions : int, default=20000
        The latest questions that are learned from; the kernel's memory grows with its square.
    """

    penalty: float = 0.3
    max_questions: int = MAX_QUESTIONS


class Use(StackedCandidate):
    """Meaning alone; see the module."""

    name: ClassVar[str] = "use"
    parameters_type: ClassVar[type] = UseParameters
    parameters: UseParameters

    def design(self) -> Design:
        """Return one ridge regression on the encoder's vectors."""
        return Design(
            blends=(Blend({"use": 1.0}, self.parameters.penalty),),
            mentions=False,
            max_questions=self.parameters.max_questions,
        )
