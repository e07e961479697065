"""
The suggestion service (Flask).

Start it with ``gunicorn -c serving/gunicorn_conf.py 'serving:create_app()'``.
"""

from serving.app import create_app

__all__ = ["create_app"]
