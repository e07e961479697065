"""Package a candidate in MLflow's model format, with its code, so that MLflow can serve it."""

from __future__ import annotations

import shutil
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

CODE: Final = "include.zip"
"""The archive of the code in a packaged model's folder ``code``; `pyfunc_model` reads it."""
_INCLUDE: Final = Path(__file__).resolve().parents[1]
_MODEL_CODE: Final = ("__init__.py", "errors.py", "families.py", "text", "candidates")
"""The parts of ``include`` that a candidate imports."""


def pack(folder: Path, work: Path, requirements: Sequence[str], bert_model: str | None) -> Path:
    """
    Return the folder of the packaged model.

    Parameters
    ----------
    folder : Path
        Written by `include.candidates.catalogue.save_candidate`.
    work : Path
        An empty folder to write to.
    requirements : sequence of str
        Pinned pip requirements of the model's environment.
    bert_model : str or None
        Encoder that the candidate was trained with.
    """
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    candidate, code, model = work / "candidate", work / CODE, work / "model"
    shutil.copytree(folder, candidate)
    # One archive: MLflow uploads file by file, and the code has more files than all else
    with zipfile.ZipFile(code, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _model_code():
            archive.write(path, path.relative_to(_INCLUDE.parent))
    with warnings.catch_warnings():
        # mlflow warns that there are no type hints or example to infer the signature from
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            model,
            python_model=str(Path(__file__).with_name("pyfunc_model.py")),
            artifacts={"candidate": str(candidate)},
            code_paths=[str(code)],
            pip_requirements=list(requirements),
            model_config={"bert_model": bert_model},
            signature=ModelSignature(
                inputs=Schema([ColSpec("string", "title"), ColSpec("string", "body")]),
                params=ParamSchema([ParamSpec("k", "long", 5)]),
            ),
        )
    return model


def _model_code() -> Iterator[Path]:
    """Yield the files of code that a model needs."""
    for name in _MODEL_CODE:
        path = _INCLUDE / name
        yield from sorted(path.rglob("*.py")) if path.is_dir() else (path,)
