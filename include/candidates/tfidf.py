"""
TF-IDF of title, prose and code, with mentions of the tag's name: the strong linear baseline.

At serving time, a question's score is the sum of the weights of its few hundred terms, which are
memory-mapped from disk.
"""

from dataclasses import dataclass
from typing import ClassVar

from include.candidates.first_stage import TERMS, RidgeSpec, StackSpec
from include.candidates.kernel_ridge import MAX_QUESTIONS
from include.candidates.stacked import StackedCandidate


@dataclass(frozen=True, slots=True)
class TfidfParameters:
    """
    Parameters of `Tfidf`.

    Parameters
    ----------
    title_weight : float, default=3.0
        Factor on the counts of words in the title; >= 1.
    min_questions : int, default=2
        Minimum document frequency of a word; >= 1.
    penalty : float, default=2.0
        Of the ridge regression; > 0.
    max_questions : int, default=20000
        Number of the latest questions to train on; the kernel's memory grows with its square.
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

    def spec(self) -> StackSpec:
        """Return one ridge regression on the words, and mentions."""
        return StackSpec(
            ridges=(RidgeSpec({TERMS: 1.0}, self.parameters.penalty),),
            mentions=True,
            max_questions=self.parameters.max_questions,
            title_weight=self.parameters.title_weight,
            min_questions=self.parameters.min_questions,
        )
