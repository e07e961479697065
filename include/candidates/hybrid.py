"""
Words and embeddings, learned jointly and separately, mentions, and one reranker over all of them.

The ridge regression on the sum of the kernels has the best single score; the regressions on one
view each tell the reranker how far the views agree.
"""

from dataclasses import dataclass
from typing import ClassVar

from include.candidates.first_stage import TERMS, RidgeSpec, StackSpec
from include.candidates.kernel_ridge import MAX_QUESTIONS
from include.candidates.stacked import StackedCandidate
from include.errors import FixInputError
from include.names import ENCODERS


@dataclass(frozen=True, slots=True)
class HybridParameters:
    """
    Parameters of `Hybrid`.

    Parameters
    ----------
    encoders : str, default="bert,use"
        Comma-separated encoders; each adds its encoding time to every question.
    bert_weight, use_weight : float, default=1.0, 0.5
        Of the encoders' kernels in the joint regression, relative to 1 for words; > 0.
    penalty : float, default=2.0
        Of the regressions with words; > 0.
    meaning_penalty : float, default=0.6
        Of the regressions on the encoder_weights of one encoder alone; > 0.
    title_weight : float, default=3.0
        Factor on the counts of words in the title; >= 1.
    min_questions : int, default=2
        Minimum document frequency of a word; >= 1.
    max_questions : int, default=20000
        Number of the latest questions to train on; the kernel's memory grows with its square.

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
        """Refuse unknown encoders."""
        if not self.encoder_weights or not set(self.encoder_weights) <= set(ENCODERS):
            raise FixInputError(
                f"hybrid: encoders must be some of {', '.join(ENCODERS)}, got {self.encoders!r}"
            )

    @property
    def encoder_weights(self) -> dict[str, float]:
        """The weight of each encoder that is used."""
        weights = {"bert": self.bert_weight, "use": self.use_weight}
        names = [name.strip() for name in self.encoders.split(",") if name.strip()]
        return {name: weights.get(name, 0.0) for name in names}


class Hybrid(StackedCandidate):
    """Words, embeddings and mentions; see the module."""

    name: ClassVar[str] = "hybrid"
    parameters_type: ClassVar[type] = HybridParameters
    parameters: HybridParameters

    def spec(self) -> StackSpec:
        """Return the regressions on all views, on words, and on each encoder's embeddings."""
        parameters = self.parameters
        weights = parameters.encoder_weights
        single_views = [RidgeSpec({name: 1.0}, parameters.meaning_penalty) for name in weights]
        return StackSpec(
            ridges=(
                RidgeSpec({TERMS: 1.0, **weights}, parameters.penalty),
                RidgeSpec({TERMS: 1.0}, parameters.penalty),
                *single_views,
            ),
            mentions=True,
            max_questions=parameters.max_questions,
            title_weight=parameters.title_weight,
            min_questions=parameters.min_questions,
        )
