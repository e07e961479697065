"""
Which tests run in one worker, one after the other.

pytest-xdist's own marks for groups do not work with pytest 9: it writes them into a node's id, which
pytest no longer reads back.
"""

from pathlib import PurePosixPath

# Workers take groups in this order, the longest first, so that both end together
_ORDER = ("stack", "airflow", "integration", "browser", "serving", "unit")


def group_of(nodeid: str) -> str:
    """
    Return the name of a test's group: its file, whose tests share fixtures, or a wider one.

    Only one whole platform runs at a time. So does one Airflow of the tests, with what else sets an
    alias of the real model's name on the MLflow server that all workers share.
    """
    path = PurePosixPath(nodeid.split("::")[0])
    if path.name.startswith("test_local_stack") and path.parent.name == "integration":
        return "stack"
    if path.is_relative_to("tests/dags") or path.name == "test_mlproject.py":
        return "airflow"
    return str(path)


def rank(nodeid: str) -> int:
    """Return a test's place in the order of groups."""
    group = group_of(nodeid)
    kind = group if "/" not in group else group.split("/")[1]
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)
