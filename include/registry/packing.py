"""A candidate in MLflow's model format, with the code that runs it, so that MLflow can serve it."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

_INCLUDE: Final = Path(__file__).resolve().parents[1]
_MODEL_CODE: Final = ("__init__.py", "errors.py", "names.py", "text", "candidates")
"""What a candidate needs of this package."""


def pack(folder: Path, work: Path, requirements: Sequence[str], bert_model: str | None) -> Path:
    """
    Return a folder in MLflow's model format.

    Parameters
    ----------
    folder : Path
        As `include.candidates.catalogue.save_candidate` left it.
    work : Path
        Empty; what is made lies in it.
    requirements : sequence of str
        Of an environment that runs the model.
    bert_model : str or None
        Encoder that the candidate was trained with.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    candidate, code, packed = work / "candidate", work / "include", work / "model"
    shutil.copytree(folder, candidate)
    code.mkdir()
    for name in _MODEL_CODE:
        source = _INCLUDE / name
        if source.is_dir():
            shutil.copytree(source, code / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, code / name)
    with warnings.catch_warnings():
        # mlflow asks for type hints and an example, from which it would infer this signature
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            packed,
            python_model=str(Path(__file__).with_name("suggester.py")),
            artifacts={"candidate": str(candidate)},
            code_paths=[str(code)],
            pip_requirements=list(requirements),
            model_config={"bert_model": bert_model},
            signature=ModelSignature(
                inputs=Schema([ColSpec("string", "title"), ColSpec("string", "body")]),
                params=ParamSchema([ParamSpec("k", "long", 5)]),
            ),
        )
    return packed
