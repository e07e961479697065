"""
What combines best: words and meaning learned together and apart, mentions, one judge over all.

The ridge regression on the sum of kernels is the strongest single score; those on each view alone
tell the second stage how far the views agree.
"""

from dataclasses import dataclass
from typing import ClassVar

from include.candidates.encoders import ENCODERS
from include.candidates.first_stage import TERMS, Blend, Design
from include.candidates.ridge import MAX_QUESTIONS
from include.candidates.stacked import StackedCandidate
from include.errors import FixInputError


@dataclass(frozen=True, slots=True)
class HybridParameters:
    """
    What can be chosen.

    Parameters
    ----------
    encoders : str, default="bert,use"
        Comma-separated encoders whose vectors are used; each costs its time per question.
    bert_weight, use_weight : float, default=1.0, 0.5
        Of the encoders' kernels, against 1 for words, where they are learned together; > 0.
    penalty : float, default=2.0
        Of the regressions that see words; > 0.
    meaning_penalty : float, default=0.6
        Of the regressions on an encoder's vectors alone; > 0.
    title_weight : float, default=3.0
        How often a word of the title counts, against once in prose and code; >= 1.
    min_questions : int, default=2
        Questions that must use a word for it to be learned; >= 1.
    max_questions : int, default=20000
        The latest questions that are learned from; the kernel's memory grows with its square.

    Raises
    ------
    FixInputError
        If ``encoders`` names none or an unknown one.
    """

    encoders: str = "bert,use"
    bert_weight: float = 1.0
    use_weight: float = 0.5
    penalty: float = 2.0
    meaning_penalty: float = 0.6
    title_weight: float = 3.0
    min_questions: int = 2
    max_questions: int = MAX_QUESTIONS

    def __post_init__(self) -> None:
        """Refuse encoders that do not exist."""
        if not self.meanings or not set(self.meanings) <= set(ENCODERS):
            raise FixInputError(
                f"hybrid: encoders must be some of {', '.join(ENCODERS)}, got {self.encoders!r}"
            )

    @property
    def meanings(self) -> dict[str, float]:
        """Each encoder that is used, with its weight."""
        weights = {"bert": self.bert_weight, "use": self.use_weight}
        names = [name.strip() for name in self.encoders.split(",") if name.strip()]
        return {name: weights.get(name, 0.0) for name in names}


class Hybrid(StackedCandidate):
    """Words, meaning and mentions; see the module."""

    name: ClassVar[str] = "hybrid"
    parameters_type: ClassVar[type] = HybridParameters
    parameters: HybridParameters

    def design(self) -> Design:
        """Return the regression on everything, on words, and on each encoder's vectors."""
        chosen = self.parameters
        alone = tuple(Blend({name: 1.0}, chosen.meaning_penalty) for name in chosen.meanings)
        return Design(
            blends=(
                Blend({TERMS: 1.0, **chosen.meanings}, chosen.penalty),
                Blend({TERMS: 1.0}, chosen.penalty),
                *alone,
            ),
            mentions=True,
            max_questions=chosen.max_questions,
            title_weight=chosen.title_weight,
            min_questions=chosen.min_questions,
        )
