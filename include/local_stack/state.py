"""What is recorded of a stack in its folder: how it was started, and its processes' variables."""

import json
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from include.errors import FixSettingsError
from include.local_stack.choice import REAL_API, Choice
from include.local_stack.credentials import write_private


@dataclass(frozen=True)
class StackState:
    """
    What is recorded of a started stack.

    Parameters
    ----------
    ports : dict of str to int
        Port of each server.
    session : int or None
        Session id of supervisord, by which its descendants are known.
    site, data, live, api_url
        As in `Choice`.
    own_postgres : bool
        False where the user's ``DATABASE_URL`` is used.
    started_at : str
        ISO time, UTC.
    """

    ports: dict[str, int]
    session: int | None
    site: str
    data: str | None
    live: bool
    own_postgres: bool
    started_at: str
    api_url: str = REAL_API

    @property
    def choice(self) -> Choice:
        """The questions that the stack works on."""
        data = None if self.data is None else Path(self.data)
        return Choice(self.site, data, self.live, self.api_url)


def read_state(local: Path) -> StackState | None:
    """Return what is recorded of the stack in ``local``, or None."""
    path = local / "state.json"
    if not path.exists():
        return None
    return StackState(**json.loads(path.read_text(encoding="utf-8")))


def record_state(local: Path, state: StackState) -> None:
    """Record a stack that is being started."""
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
        raise FixSettingsError(f"no stack keeps its state in {local}: start one with `make up`")
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        (assignment,) = shlex.split(line.removeprefix("export "))
        name, _, value = assignment.partition("=")
        found[name] = value
    return found
