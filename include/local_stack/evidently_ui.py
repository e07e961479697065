"""Evidently's UI behind a guard: by itself it takes requests of every host and origin."""

from pathlib import Path

from include.addresses import LOOPBACK_NAMES
from include.local_stack.request_guard import RequestGuard


def serve(host: str, port: int, workspace: Path, hosts: str = "") -> None:
    """
    Serve the reports in ``workspace`` until the process is stopped.

    Parameters
    ----------
    host : str
        Address to listen on.
    port : int
    workspace : Path
    hosts : str
        Names, separated by commas, under which browsers may reach it besides those of loopback.
    """
    import uvicorn
    from evidently.ui.service.app import create_app, get_config

    names = frozenset(name.strip().lower() for name in hosts.split(",")) - {""}
    application = create_app(get_config(host=host, port=port, workspace=str(workspace)))
    guarded = RequestGuard(application, names | frozenset(LOOPBACK_NAMES))
    uvicorn.run(guarded, host=host, port=port)
