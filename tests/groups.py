"""
Which tests run in one worker, one after the other.

pytest-xdist's own marks for groups do not work with pytest 9: it writes them into a node's id, which
pytest no longer reads back.
"""

from pathlib import PurePosixPath
from typing import Final

# Workers take groups in this order, the longest first, so that all end together
_ORDER: Final = ("stack", "airflow", "own-stacks", "integration", "browser", "serving", "unit")

SHARED_STACK: Final = tuple(
    f"tests/integration/test_local_stack{part}.py" for part in ("", "_alerts", "_year", "_stops")
)
"""The files whose tests share one platform, in the order in which they run: the last ones stop it."""


def group_of(nodeid: str) -> str:
    """
    Return the name of a test's group: its file, whose tests share fixtures, or a wider one.

    The platforms that tests have for themselves run one after the other, beside the shared one. So
    does one Airflow of the tests, with what else sets an alias of the real model's name on the MLflow
    server that all workers share.
    """
    path = PurePosixPath(nodeid.split("::")[0])
    if str(path) in SHARED_STACK:
        return "stack"
    if path.name.startswith("test_local_stack") and path.parent.name == "integration":
        return "own-stacks"
    if path.is_relative_to("tests/dags") or path.name == "test_mlproject.py":
        return "airflow"
    return str(path)


def rank(nodeid: str) -> tuple[int, int]:
    """Return a test's place in the order of groups, and that of its file in the shared platform's."""
    group, path = group_of(nodeid), nodeid.split("::")[0]
    kind = group if "/" not in group else group.split("/")[1]
    place = SHARED_STACK.index(path) if path in SHARED_STACK else 0
    return (_ORDER.index(kind) if kind in _ORDER else len(_ORDER)), place
