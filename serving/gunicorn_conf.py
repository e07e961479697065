"""
Gunicorn's settings, derived from the platform's.

Start with ``gunicorn -c serving/gunicorn_conf.py 'serving:create_app()'``.

The app is created once, before the workers fork, so that they share its code; threads, connections
and models start in each worker. No ``max_requests``: Prometheus would keep a file for every worker
that ever ran.
"""

import gc
import os
import resource
from pathlib import Path
from typing import Any

# One thread per worker for linear algebra: more would compete for the workers' cores.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")
# An unavailable registry must not block a poll for minutes.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

from include.addresses import host_and_port  # noqa: E402
from include.settings import Settings  # noqa: E402
from serving.metrics_folder import make_metrics_folder  # noqa: E402

settings = Settings.from_env()
# Before anything imports prometheus_client, which looks at the variable once
make_metrics_folder(os.environ, settings.local_dir)

from serving.logs import LOGGING, QuietLogger  # noqa: E402

# Files and connections of a worker; gunicorn accepts 1,000 connections.
_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
if _soft < 4096:
    _allowed = 4096 if _hard == resource.RLIM_INFINITY else min(4096, _hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_allowed, _hard))

bind = host_and_port(settings.service_host, settings.service_port)
workers = settings.service_workers
worker_class = "serving.worker.BoundedWorker"
threads = settings.service_threads
preload_app = True
keepalive = 15
sendfile = False  # it would block a thread; the page's files are small
# For requests that are being answered, which takes milliseconds; idle connections are closed.
graceful_timeout = 3
timeout = 60
# With heartbeats on a stalling disk, gunicorn would kill workers.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
control_socket_disable = True
# A client on this machine is no proxy: its SCRIPT_NAME, PATH_INFO and scheme are not believed
forwarded_allow_ips = ""
forwarder_headers = ""
logconfig_dict = LOGGING
logger_class = QuietLogger  # serving.requests writes the access log


def pre_fork(_server: Any, _worker: Any) -> None:
    """Exclude loaded objects from garbage collection, so that their pages stay shared."""
    gc.freeze()


def post_worker_init(worker: Any) -> None:
    """Start threads, connections and models in the worker itself."""
    from serving.app import start

    start(worker.wsgi)


def worker_exit(_server: Any, worker: Any) -> None:
    """Drain the spool if PostgreSQL is available, and release the files."""
    from serving.app import stop

    if getattr(worker, "wsgi", None) is not None:
        stop(worker.wsgi)


def child_exit(_server: Any, worker: Any) -> None:
    """Remove the shared state of a worker that has ended."""
    from prometheus_client import multiprocess

    from serving.connection_counts import CONNECTION_COUNTS

    CONNECTION_COUNTS.clear(worker.age)
    multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
