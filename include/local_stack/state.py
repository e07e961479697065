"""The recorded state of a stack in its folder: its options, and the variables of its processes."""

import json
import shlex
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from include.errors import FixSettingsError
from include.local_stack.credentials import write_private
from include.local_stack.layout import StackLayout, local_layout
from include.local_stack.options import REAL_API, StackOptions


@dataclass(frozen=True)
class StackState:
    """
    The recorded state of a started stack.

    Parameters
    ----------
    ports : dict of str to int
        Port of each server.
    session : int or None
        Session id of supervisord, which identifies its descendants.
    site, data, live, api_url, watch, celery_workers
        As in `StackOptions`.
    own_postgres : bool
        True for the embedded server, False if the user's ``DATABASE_URL`` is used.
    started_at : str
        ISO time, UTC.
    programs : dict of str to str
        Path of Prometheus and of Alertmanager, if they are installed and wanted.
    redis : str
        Path of redis-server, if there are Celery workers.
    """

    ports: dict[str, int]
    session: int | None
    site: str
    data: str | None
    live: bool
    own_postgres: bool
    started_at: str
    api_url: str = REAL_API
    watch: bool = False
    programs: dict[str, str] = field(default_factory=dict)
    celery_workers: int = 0
    redis: str = ""

    @property
    def options(self) -> StackOptions:
        """The options that the stack was started with."""
        data = None if self.data is None else Path(self.data)
        return StackOptions(
            self.site, data, self.live, self.api_url, self.watch, self.celery_workers
        )

    def layout(self, local: Path) -> StackLayout:
        """Return the addresses and folders of this stack, in its folder ``local``."""
        return local_layout(local, self.ports, self.celery_workers)


def read_state(local: Path) -> StackState | None:
    """Return the recorded state of the stack in ``local``, or None."""
    path = local / "state.json"
    if not path.exists():
        return None
    return StackState(**json.loads(path.read_text(encoding="utf-8")))


def record_state(local: Path, state: StackState) -> None:
    """Record the state of a stack that is being started."""
    content: dict[str, Any] = asdict(state)
    write_private(local / "state.json", json.dumps(content, indent=1) + "\n")


def read_environment(local: Path) -> dict[str, str]:
    """
    Return the variables that a running stack adds to its processes' environment.

    Raises
    ------
    FixSettingsError
        If no stack was started in ``local``.
    """
    path = local / "env"
    if not path.exists():
        raise FixSettingsError(f"there is no stack in {local}: start one with `make up`")
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        (assignment,) = shlex.split(line.removeprefix("export "))
        name, _, value = assignment.partition("=")
        found[name] = value
    return found
