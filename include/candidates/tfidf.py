"""
The strong linear baseline: words of title, prose and code, and mentions of the tag's own name.

At serving time a question costs its few hundred terms: their rows of the weights, mapped from
disk, are summed.
"""

from dataclasses import dataclass
from typing import ClassVar

from include.candidates.first_stage import TERMS, Blend, Design
from include.candidates.ridge import MAX_QUESTIONS
from include.candidates.stacked import StackedCandidate


@dataclass(frozen=True, slots=True)
class TfidfParameters:
    """
    What can be chosen.

    Parameters
    ----------
    title_weight : float, default=3.0
        How often a word of the title counts, against once in prose and code; >= 1.
    min_questions : int, default=2
        Questions that must use a word for it to be learned; >= 1.
    penalty : float, default=2.0
        Of the ridge regression; > 0.
    max_questions : int, default=20000
        The latest questions that are learned from; the kernel's memory grows with its square.
    """

    title_weight: float = 3.0
    min_questions: int = 2
    penalty: float = 2.0
    max_questions: int = MAX_QUESTIONS


class Tfidf(StackedCandidate):
    """Words and mentions; see the module."""

    name: ClassVar[str] = "tfidf"
    parameters_type: ClassVar[type] = TfidfParameters
    parameters: TfidfParameters

    def design(self) -> Design:
        """Return one ridge regression on the words, and mentions."""
        return Design(
            blends=(Blend({TERMS: 1.0}, self.parameters.penalty),),
            mentions=True,
            max_questions=self.parameters.max_questions,
            title_weight=self.parameters.title_weight,
            min_questions=self.parameters.min_questions,
        )
