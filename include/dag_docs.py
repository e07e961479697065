"""What each DAG is for, from the docstrings of the DAG files, without importing them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from include import names

DAGS_FOLDER: Final = Path(__file__).resolve().parents[1] / "dags"


def dag_docs(folder: Path = DAGS_FOLDER) -> Iterator[tuple[str, str]]:
    """
    Yield each DAG's id and docstring, in the order of the files' names.

    Parameters
    ----------
    folder : Path
        Nothing is yielded if there is none, as in the small image of the service.

    Raises
    ------
    ValueError
        If a file does not define exactly one DAG.
    """
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield dag_id_of(tree), (ast.get_docstring(tree) or "").strip()


@cache
def dag_purposes(folder: Path = DAGS_FOLDER) -> Mapping[str, str]:
    """
    Return what each DAG does, a sentence by id, in the order of `include.names`.

    The sentence is the heading of its file's docstring, which Airflow's list shows as description.
    """
    found = {dag_id: purpose(doc) for dag_id, doc in dag_docs(folder)}
    return {dag_id: found[dag_id] for dag_id in names.DAGS if dag_id in found}


def purpose(doc: str) -> str:
    r"""
    Return the heading of a DAG's docstring, without its marks.

    Raises
    ------
    ValueError
        If the docstring does not begin with a heading.

    Examples
    --------
    >>> purpose("### Back up databases and reports.\n\nEvery night.")
    'Back up databases and reports'
    """
    heading, _, _ = doc.strip().partition("\n")
    if not heading.startswith("### "):
        raise ValueError("the docstring must begin with a heading '### What it does'")
    return heading.removeprefix("### ").rstrip(".")


def dag_id_of(tree: ast.Module) -> str:
    """
    Return the id of the DAG that a file defines: the name of the function that ``@dag`` decorates.

    Raises
    ------
    ValueError
        If the file does not define exactly one.
    """
    ids = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "dag"
    ]
    if len(ids) != 1:
        raise ValueError(f"a DAG file defines one DAG, found {ids}")
    return ids[0]
