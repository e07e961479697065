"""
The suggestion service (Flask).

Start it with ``gunicorn -c serving/gunicorn_conf.py 'serving:create_app()'``.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from serving.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    """Import the app when asked: gunicorn's settings name the metrics' folder before that."""
    if name == "create_app":
        from serving.app import create_app

        return create_app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
