"""Runs the processes under supervisord, spoken to over a Unix socket that only the owner opens."""

import configparser
import contextlib
import hashlib
import http.client
import io
import os
import shlex
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from supervisor.xmlrpc import SupervisorTransport

from include.errors import RetryLaterError
from include.local_stack.credentials import write_private
from include.local_stack.place import Place
from include.local_stack.processes import Process

_LONGEST_SOCKET_PATH: Final = 100
_ENDED: Final = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}


@dataclass(frozen=True)
class ProcessState:
    """
    What the supervisor knows of one process.

    Parameters
    ----------
    name : str
        Its name.
    state : str
        RUNNING, STARTING, BACKOFF, FATAL, EXITED, STOPPED or STOPPING.
    pid : int
        Process id, 0 if it does not run.
    description : str
        Uptime, or why it does not run.
    """

    name: str
    state: str
    pid: int
    description: str


def socket_path(local: Path) -> Path:
    """Return the supervisor's socket: in ``local``, or in a short place if that is too deep."""
    usual = local / "supervisor.sock"
    if len(str(usual)) <= _LONGEST_SOCKET_PATH:
        return usual
    digest = hashlib.sha256(str(local).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"tagkeeper-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder / f"{digest}.sock"


def write_configuration(
    place: Place, processes: Iterable[Process], accounts: Mapping[str, str]
) -> Path:
    """
    Write supervisord's configuration and return its path.

    It holds no secret: processes inherit their environment from supervisord.

    Parameters
    ----------
    accounts : mapping of str to str
        Account for processes that must not run under the user's own, by process name.
    """
    config = configparser.RawConfigParser()
    config["unix_http_server"] = {"file": str(socket_path(place.local)), "chmod": "0700"}
    config["supervisord"] = {
        "logfile": str(place.logs / "supervisord.log"),
        "pidfile": str(place.local / "supervisord.pid"),
        "childlogdir": str(place.logs),
        "identifier": "tagkeeper",
        "directory": str(place.root),
        "minfds": "1024",
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for process in processes:
        config[f"program:{process.name}"] = {
            "command": shlex.join(process.command),
            "directory": str(place.root),
            "autostart": "false",  # `up` starts each when what it needs is there
            "autorestart": "true",
            # Imports take seconds: what ends within these has never been up, and is tried thrice
            "startsecs": "10",
            "startretries": "2",
            "stopsignal": process.stop_signal,
            "stopwaitsecs": str(process.stop_s),
            # Children that get no signal of their own keep their parent waiting
            "stopasgroup": "true" if process.stop_signal == "TERM" else "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": str(log_file(place, process.name)),
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "2",
            **({"user": accounts[process.name]} if process.name in accounts else {}),
        }
    written = io.StringIO()
    config.write(written)
    path = place.local / "supervisord.conf"
    # supervisord expands %(name)s in every value
    write_private(path, written.getvalue().replace("%", "%%"))
    return path


def log_file(place: Place, process: str) -> Path:
    """Return the file that holds everything ``process`` printed."""
    return place.logs / f"{process}.log"


class Supervisor:
    """
    A handle on the supervisord of one stack.

    Parameters
    ----------
    local : Path
        The stack's folder.
    """

    def __init__(self, local: Path) -> None:
        self._socket = socket_path(local)
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        # The address is not used: the transport speaks over the socket
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        self._rpc: Any = proxy.supervisor

    def start(self, configuration: Path, environment: Mapping[str, str]) -> None:
        """
        Start supervisord, detached from this terminal; it starts nothing yet.

        Raises
        ------
        RetryLaterError
            If it did not come up; the message holds what it printed.
        """
        self._socket.unlink(missing_ok=True)
        started = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        deadline = time.monotonic() + 15
        while not self.answers():
            if started.returncode != 0 or time.monotonic() > deadline:
                words = (started.stdout + started.stderr).strip()
                raise RetryLaterError(f"supervisord did not start: {words}")
            time.sleep(0.05)

    def answers(self) -> bool:
        """Tell whether a supervisord listens on the socket."""
        try:
            return bool(self._rpc.getState()["statecode"] is not None)
        except (OSError, xmlrpc.client.Error):
            return False

    def pid(self) -> int:
        """Return supervisord's process id."""
        return int(self._rpc.getPID())

    def states(self) -> dict[str, ProcessState]:
        """Return what every process does, by name; RetryLaterError if supervisord is ending."""
        try:
            found = self._rpc.getAllProcessInfo()
        except (OSError, http.client.HTTPException) as error:
            raise RetryLaterError(f"supervisord does not answer: {error}") from None
        return {
            one["name"]: ProcessState(
                one["name"], one["statename"], int(one["pid"]), one["description"]
            )
            for one in found
        }

    def start_process(self, name: str) -> None:
        """Start one process unless it runs; do not wait for it."""
        if self.states()[name].state in _ENDED:
            self._rpc.startProcess(name, False)

    def stop_processes(self, names: Iterable[str], timeout_s: float) -> list[str]:
        """Stop processes side by side; return those that still run after ``timeout_s`` seconds."""
        states = self.states()
        asked = [name for name in names if name in states and states[name].state not in _ENDED]
        for name in asked:
            self._rpc.stopProcess(name, False)
        deadline = time.monotonic() + timeout_s
        while True:
            states = self.states()
            running = [name for name in asked if states[name].state not in _ENDED]
            if not running or time.monotonic() > deadline:
                return running
            time.sleep(0.1)

    def shut_down(self) -> None:
        """Stop what is left and end supervisord; return when its process is gone."""
        pid = self.pid()
        self._rpc.shutdown()
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            psutil.Process(pid).wait(timeout=30)
