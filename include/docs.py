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
        "One file per DAG in `dags/`, `dag_id` = file name. This page is made by `make docs` from",
        "the docstrings that Airflow's UI shows.",
    ]
    for path in sorted(folder.glob("*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        parts += ["", f"## {path.stem}", "", (docstring or "").strip()]
    return "\n".join(parts) + "\n"


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
