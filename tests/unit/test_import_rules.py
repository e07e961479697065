"""The table of who may import whom (ARCHITECTURE.md), held by reading the source."""

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

BASE = {
    "addresses", "alerts", "capacity", "dag_docs", "errors", "escaping", "families", "memory_budget", "months",
    "names", "questions", "retraining", "settings", "tag_names", "task_results", "timeouts",
}  # fmt: skip
PURE = {"text", "candidates", "evaluation", "drift"}
EVIDENTLY = {"drift.evidently_report", "drift.evidently_workspace"}
EDGES = {"sources", "store", "registry", "notify", *EVIDENTLY}

# Package of include/jobs -> packages of include/jobs that it may import besides itself.
JOBS_MAY_IMPORT: dict[str, set[str]] = {
    "jobs.ingestion": set(),
    "jobs.release": set(),
    "jobs.notifications": set(),
    "jobs.incidents": {"jobs.ingestion"},
    "jobs.backup": set(),
    "jobs.retention": set(),
    "jobs.data": {"jobs.ingestion"},
    "jobs.drift": {"jobs.data"},
    "jobs.training": {"jobs.data", "jobs.release"},
    "jobs.refresh": {"jobs.data", "jobs.ingestion", "jobs.training"},
    "jobs.stability": {"jobs.data", "jobs.training"},
}
JOBS = {"jobs", *JOBS_MAY_IMPORT}

# Package or module -> packages and modules of include that it may import besides itself.
MAY_IMPORT: dict[str, set[str]] = {
    **dict.fromkeys(BASE, BASE),
    **dict.fromkeys(PURE, BASE | PURE),
    **dict.fromkeys(EDGES, BASE | PURE),
    "drift.evidently_report": BASE | PURE | {"drift.evidently_workspace"},
    "pages": BASE | {"evaluation"},
    "jobs": BASE,
    **{
        package: BASE | PURE | EDGES | {"pages"} | others
        for package, others in JOBS_MAY_IMPORT.items()
    },
    "sandbox": BASE | {"sources"},
    "monitoring": BASE | {"registry", "store", "notify", "pages"},
    "local_stack": BASE | PURE | EDGES | JOBS | {"pages", "sandbox", "monitoring"},
    "demo": BASE | PURE | EDGES | JOBS | {"pages", "sandbox", "local_stack", "monitoring"},
    "docs": BASE | {"monitoring"},
    "cli": BASE
    | PURE
    | EDGES
    | JOBS
    | {"pages", "sandbox", "monitoring", "local_stack", "demo", "docs", "cli", "serving"},
    "serving": BASE | {"registry", "store", "text", "candidates", "monitoring", "pages"},
    "plugins": BASE
    | {"store", "notify", "pages", "monitoring", "jobs.drift", "jobs.incidents", "jobs.ingestion"},
    "dags": {"names", "months", "errors", "settings", "plugins", "timeouts"} | JOBS,
}
AT_THE_TOP_OF_A_DAG = {"names", "months", "errors", "plugins", "timeouts"}

# Library -> the only places that may import it.
ONLY_IN = {
    "airflow": {"dags", "plugins"},
    "flask": {"serving"},
    "mlflow": {"registry"},
    "evidently": {*EVIDENTLY, "local_stack"},
}
INPUT_AND_OUTPUT = {
    "aiohttp", "airflow", "evidently", "flask", "http", "mlflow", "psycopg2", "requests",
    "smtplib", "socket", "sqlalchemy", "subprocess", "urllib",
}  # fmt: skip


def package_of(module: str) -> str:
    """Return the package of a module as the table names it: ``store`` of ``include.store.engine``."""
    parts = module.split(".")
    if parts[0] != "include":
        return parts[0]
    inner = ".".join(parts[1:3])
    return inner if inner in MAY_IMPORT else ".".join(parts[1:2])


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports(nodes: Iterator[ast.AST]) -> Iterator[tuple[int, str]]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative imports hide the package"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def top_level(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from top_level(node)


MODULES = sorted(
    path
    for folder in ("include", "serving", "dags", "plugins")
    for path in (ROOT / folder).rglob("*.py")
    if path != ROOT / "include" / "__init__.py"
)
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}


def faults(path: Path, allowed: set[str], *, nodes: Iterator[ast.AST]) -> list[str]:
    own = package_of(module_of(path))
    return [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for line, name in imports(nodes)
        if name.split(".")[0] in {"include", "serving", "dags", "plugins"}
        and package_of(name) not in allowed | {own, ""}
    ]


def in_packages(packages: set[str]) -> dict[Path, ast.AST]:
    return {p: tree for p, tree in TREES.items() if package_of(module_of(p)) in packages}


def in_folder(folder: str) -> dict[Path, ast.AST]:
    return {p: tree for p, tree in TREES.items() if p.parent == ROOT / folder}


def test_every_module_is_in_a_package_that_the_table_names():
    assert {package_of(module_of(path)) for path in MODULES} - set(MAY_IMPORT) == set()


def test_package_imports_only_the_packages_that_the_table_grants():
    found = [
        fault
        for path, tree in TREES.items()
        for fault in faults(
            path, MAY_IMPORT.get(package_of(module_of(path)), set()), nodes=ast.walk(tree)
        )
    ]
    assert found == []


def test_library_with_one_home_is_imported_nowhere_else():
    misplaced = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path, tree in TREES.items()
        for line, name in imports(ast.walk(tree))
        if (homes := ONLY_IN.get(name.split(".")[0])) and package_of(module_of(path)) not in homes
    ]
    assert misplaced == []


def test_pure_package_imports_no_library_of_input_or_output():
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path, tree in in_packages(PURE | BASE | {"pages"}).items()
        for line, name in imports(ast.walk(tree))
        # urllib.parse only takes addresses apart
        if name.split(".")[0] in INPUT_AND_OUTPUT and not name.startswith("urllib.parse.")
    ]
    assert found == []


def test_base_module_needs_only_the_standard_library():
    granted = {"settings": {"pydantic", "pydantic_settings"}}
    found = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path, tree in in_packages(BASE).items()
        for line, name in imports(ast.walk(tree))
        if name.split(".")[0]
        not in {"include", *sys.stdlib_module_names, *granted.get(path.stem, ())}
    ]
    assert found == []


def test_dag_imports_jobs_only_inside_its_tasks():
    found = [
        fault
        for path, tree in in_folder("dags").items()
        for fault in faults(path, AT_THE_TOP_OF_A_DAG, nodes=top_level(tree))
    ]
    assert found == []


def test_plugin_imports_jobs_only_inside_its_tasks():
    found = [
        fault
        for path, tree in in_folder("plugins").items()
        for fault in faults(path, MAY_IMPORT["plugins"] - JOBS, nodes=top_level(tree))
    ]
    assert found == []


def test_the_rules_see_an_import_inside_a_function():
    tree = ast.parse("def f():\n    from include.jobs.ingestion import ingest\n")
    assert list(imports(ast.walk(tree))) == [(2, "include.jobs.ingestion.ingest")]
    assert list(imports(top_level(tree))) == []


@pytest.mark.parametrize(
    ("path", "imported"),
    [
        ("include/jobs/release/rollback.py", "include.jobs.training.plan.TrainingPlan"),
        ("include/jobs/notifications.py", "include.jobs.drift.checks.Monitoring"),
        ("include/jobs/data/datasets.py", "include.jobs.training"),
    ],
)
def test_the_rules_see_an_arrow_between_jobs_that_points_back(path, imported):
    tree = ast.parse(f"import {imported}\n")
    granted = MAY_IMPORT[package_of(module_of(ROOT / path))]
    assert faults(ROOT / path, granted, nodes=ast.walk(tree)) != []


def test_the_packages_of_jobs_form_no_cycle():
    order = TopologicalSorter(JOBS_MAY_IMPORT).static_order()
    assert set(order) == set(JOBS_MAY_IMPORT)
