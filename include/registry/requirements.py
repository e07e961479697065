"""Requirements of a logged model, so that mlflow need not infer them (20 s)."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from include.families import BY_NAME

_COMMON: Final = (
    *("mlflow", "numpy", "pandas", "scipy", "scikit-learn", "safetensors"),
    *("selectolax", "regex", "threadpoolctl"),
)


def model_requirements(candidate: str) -> tuple[str, ...]:
    """
    Return pinned requirements of a candidate's family, as installed here.

    Examples
    --------
    >>> [line.split("==")[0] for line in model_requirements("lda")][-1]
    'gensim'
    """
    own = BY_NAME[candidate].requirements if candidate in BY_NAME else ()
    return tuple(f"{name}=={found}" for name in (*_COMMON, *own) if (found := _installed(name)))


def _installed(name: str) -> str | None:
    """Return the installed version, None if the package is not installed (and so not needed)."""
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return None
