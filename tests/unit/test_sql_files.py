"""The statements' headers say what is true, and nobody builds SQL from strings."""

import ast
import re
from pathlib import Path

import pytest

from include.store.queries import QUERIES, query

ROOT = QUERIES.parents[1]
STATEMENTS = sorted(QUERIES.glob("*.sql"))
SQL_OPENING = re.compile(
    r"^\s*(SELECT\b.+\bFROM|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|WITH\s+\w+\s+AS"
    r"|CREATE\s+(TEMP|TABLE|INDEX)|ALTER\s+TABLE|TRUNCATE|COPY\s+\w+\s*\()",
    re.IGNORECASE | re.DOTALL,
)
# Administration before there is a schema: the ledger of migrations, and CREATE DATABASE, which
# takes no binds.
OWN_STATEMENTS = {"include/store/migrations.py", "include/local_stack/postgres.py"}


def header(path: Path) -> str:
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = []
    for line in lines:
        if not line.startswith("--"):
            break
        comment.append(line.removeprefix("--").strip())
    return "\n".join(comment)


def section(path: Path, name: str) -> str:
    """Return what a header's section holds; empty if there is none."""
    found = re.search(rf"^{name}: (.*?)(?=^\w+: |\Z)", header(path), re.MULTILINE | re.DOTALL)
    return found.group(1).strip() if found else ""


def test_header_has_a_description_binds_and_an_index():
    bare = [
        path.name
        for path in STATEMENTS
        if header(path).startswith(("Binds:", "Index:"))
        or not section(path, "Binds")
        or not section(path, "Index")
    ]
    assert bare == []


def test_binds_equal_those_in_the_header():
    named = {p.stem: set(re.findall(r"(\w+) \(", section(p, "Binds"))) for p in STATEMENTS}
    assert {name: set(query(name)._bindparams) for name in named} == named


def test_file_holds_one_statement():
    texts = {
        path.name: re.sub(r"--[^\n]*|'[^']*'", "", path.read_text(encoding="utf-8")).rstrip()
        for path in STATEMENTS
    }
    assert [n for n, text in texts.items() if text.count(";") != 1 or text[-1] != ";"] == []


def test_statement_is_used():
    sources = "".join(
        path.read_text(encoding="utf-8")
        for package in ("include", "serving", "plugins")
        for path in (ROOT / package).rglob("*.py")
    )
    assert [path.stem for path in STATEMENTS if f'"{path.stem}"' not in sources] == []


def constant_strings(tree: ast.AST):
    """Yield (node, text) of every string that is no docstring; an f-string as its fixed parts."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in docstrings:
                yield node, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [v.value for v in node.values if isinstance(v, ast.Constant)]
            yield node, "".join(str(part) for part in parts)


@pytest.mark.parametrize("package", ["include", "serving", "plugins", "dags"])
def test_no_sql_is_written_in_python(package):
    written = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / package).rglob("*.py")
        if str(path.relative_to(ROOT)) not in OWN_STATEMENTS
        for node, value in constant_strings(ast.parse(path.read_text(encoding="utf-8")))
        if SQL_OPENING.match(value)
    ]
    assert written == []
