"""
Pages of documentation that are made from the code, so that they cannot grow stale.

``python -m include.docs`` writes ``docs/settings.md`` and ``docs/dags.md``; a test fails when they
differ from what the code says.
"""

import argparse
import ast
import sys
from pathlib import Path

from pydantic_core import PydanticUndefined

from include.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


def settings_page() -> str:
    """Return a Markdown table of every setting: variable, default, meaning."""
    lines = [
        "# Settings",
        "",
        "Every setting is an environment variable. `make up` sets those that say where things are;",
        "an empty value counts as unset. This page is made by `make docs`.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        default = "" if field.default in (None, PydanticUndefined, "") else f"`{field.default}`"
        lines.append(f"| `{name.upper()}` | {default} | {field.description} |")
    return "\n".join(lines) + "\n"


def dags_page(folder: Path = ROOT / "dags") -> str:
    """Return the docstring of every DAG file, which is also its page in Airflow's UI."""
    parts = [
        "# DAGs",
        "",
        "One file per DAG in `dags/`; headings are the DAGs' ids. This page is made by",
        "`make docs` from the docstrings that Airflow's UI shows.",
    ]
    for path in sorted(folder.glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        parts += ["", f"## {dag_id_of(tree)}", "", (ast.get_docstring(tree) or "").strip()]
    return "\n".join(parts) + "\n"


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


def pages() -> dict[Path, str]:
    """Return each generated page's path and text."""
    return {ROOT / "docs/settings.md": settings_page(), ROOT / "docs/dags.md": dags_page()}


def main() -> None:
    """Write the generated pages."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
        sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
