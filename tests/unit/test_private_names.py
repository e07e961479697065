"""Names that other libraries keep private or undocumented, where we use them, still exist."""

import ast
import inspect
from pathlib import Path

import pytest
from gunicorn.http import message
from gunicorn.workers import gthread
from gunicorn.workers.base import Worker

from serving.connections import WholeRequest
from serving.worker import BoundedWorker

ROOT = Path(__file__).resolve().parents[2]

# The only modules that may use another library's private names.
HOMES = {"plugins/airflow_private.py", "serving/worker.py"}
# Documented in spite of their underscore: SQLAlchemy's rows, named tuples, lxml's type of elements.
PUBLIC = {"_mapping", "_replace", "_Element"}


# Attributes of gunicorn's worker that ours reads; gunicorn documents none of them.
ATTRIBUTES = ("nr_conns", "poller", "alive", "age", "cfg")


def overridden() -> list[str]:
    """Return the names of gunicorn's methods that our worker replaces or extends."""
    return [
        name
        for name, value in vars(BoundedWorker).items()
        if inspect.isfunction(value) and hasattr(gthread.ThreadWorker, name) and name != "__init__"
    ]


@pytest.mark.parametrize(
    "name",
    ["accept", "wait_for_and_dispatch_events", "murder_keepalived", "enqueue_req", "handle"],
)
def test_gunicorns_worker_calls_the_methods_that_ours_extends(name):
    assert name in overridden()
    assert f"self.{name}" in inspect.getsource(gthread)


def test_extended_methods_take_what_gunicorn_passes():
    for name in overridden():
        theirs, ours = getattr(gthread.ThreadWorker, name), getattr(BoundedWorker, name)
        assert len(inspect.signature(theirs).parameters) == len(inspect.signature(ours).parameters)


def test_gunicorns_worker_has_the_attributes_that_ours_reads():
    source = inspect.getsource(gthread.ThreadWorker) + inspect.getsource(Worker)
    assert [name for name in ATTRIBUTES if f"self.{name}" not in source] == []


@pytest.mark.parametrize("name", ["set_body_reader", "_peer_is_trusted_proxy"])
def test_gunicorns_request_calls_the_methods_that_ours_replaces(name):
    assert name in vars(WholeRequest)
    assert f"self.{name}()" in inspect.getsource(message)


def private_uses(path: Path) -> list[str]:
    """Return attributes with a leading underscore of objects that the module does not define."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    own = {
        name
        for node in ast.walk(tree)
        for name in (
            [node.name] if isinstance(node, ast.FunctionDef | ast.ClassDef) else
            [node.attr] if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) else
            []
        )
    }  # fmt: skip
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in own | PUBLIC
        and not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"})
    ]


def test_no_other_module_uses_a_private_attribute_of_another():
    found = [
        use
        for folder in ("include", "serving", "plugins", "dags")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.relative_to(ROOT).as_posix() not in HOMES
        for use in private_uses(path)
    ]
    assert found == []


def test_a_private_attribute_of_a_library_is_found():
    path = ROOT / "plugins/airflow_private.py"
    assert [use.split()[-1] for use in private_uses(path)] == ["_smtp_client"]
