"""Run the processes under supervisord, controlled over a Unix socket of the owner."""

import configparser
import contextlib
import hashlib
import http.client
import io
import os
import shlex
import subprocess
import sys
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
from include.local_stack.layout import StackLayout
from include.local_stack.machine import patience_s
from include.local_stack.private_folders import temporary_folder
from include.local_stack.processes import Process
from include.local_stack.waiting import wait_for

_MAX_SOCKET_PATH: Final = 100
_SHUT_DOWN_S: Final = 30.0
_NOT_RUNNING: Final = {"STOPPED", "EXITED", "FATAL", "UNKNOWN"}


@dataclass(frozen=True)
class ProcessState:
    """
    State of one process as the supervisor reports it.

    Parameters
    ----------
    name : str
        Its name.
    state : str
        RUNNING, STARTING, BACKOFF, FATAL, EXITED, STOPPED or STOPPING.
    pid : int
        Process id, 0 if it does not run.
    description : str
        Uptime, or the reason why it does not run.
    """

    name: str
    state: str
    pid: int
    description: str


def socket_path(local: Path) -> Path:
    """Return the supervisor's socket: in ``local``, or in a shorter path if needed."""
    default = local / "supervisor.sock"
    if len(str(default)) <= _MAX_SOCKET_PATH:
        return default
    digest = hashlib.sha256(str(local).encode()).hexdigest()[:12]
    return temporary_folder() / f"{digest}.sock"


def write_configuration(
    layout: StackLayout, processes: Iterable[Process], accounts: Mapping[str, str]
) -> Path:
    """
    Write supervisord's configuration and return its path.

    It contains no secret: processes inherit their environment from supervisord.

    Parameters
    ----------
    accounts : mapping of str to str
        Account of each process that must not run under the current user, by process name.
    """
    config = configparser.RawConfigParser()
    config["unix_http_server"] = {"file": str(socket_path(layout.local)), "chmod": "0700"}
    config["supervisord"] = {
        "logfile": str(layout.logs / "supervisord.log"),
        "pidfile": str(layout.local / "supervisord.pid"),
        "childlogdir": str(layout.logs),
        "identifier": "tagkeeper",
        "directory": str(layout.root),
        "minfds": "1024",
        "umask": "077",  # what processes write is for their user alone
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    config["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for process in processes:
        config[f"program:{process.name}"] = {
            "command": shlex.join(process.command),
            # Another account may not be able to enter the project's folder
            "directory": "/" if process.name in accounts else str(layout.root),
            "autostart": "false",  # `up` starts each when its dependencies are healthy
            "autorestart": "true",
            # Imports take seconds: a process that ends within these never started; three attempts
            "startsecs": "10",
            "startretries": "2",
            "stopsignal": process.stop_signal,
            "stopwaitsecs": str(process.stop_timeout_s),
            # A parent waits for children that get no signal
            "stopasgroup": "true" if process.stop_signal == "TERM" else "false",
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": str(log_file(layout, process.name)),
            "stdout_logfile_maxbytes": "20MB",
            "stdout_logfile_backups": "2",
            **({"user": accounts[process.name]} if process.name in accounts else {}),
        }
    written = io.StringIO()
    config.write(written)
    path = layout.local / "supervisord.conf"
    # supervisord expands %(name)s in every value
    write_private(path, written.getvalue().replace("%", "%%"))
    return path


def log_file(layout: StackLayout, process: str) -> Path:
    """Return the file that holds everything ``process`` printed."""
    return layout.logs / f"{process}.log"


class Supervisor:
    """
    Client of the supervisord of one stack.

    Parameters
    ----------
    local : Path
        The stack's folder.
    """

    def __init__(self, local: Path) -> None:
        self._socket = socket_path(local)
        transport = SupervisorTransport(None, None, f"unix://{self._socket}")
        # The address is not used: the transport connects to the socket
        proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
        self._rpc: Any = proxy.supervisor

    def start(self, configuration: Path, environment: Mapping[str, str]) -> None:
        """
        Start supervisord, detached from this terminal, without any process.

        Raises
        ------
        RetryLaterError
            If it did not start; the message contains its output.
        """
        self._socket.unlink(missing_ok=True)
        started = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(configuration)],
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
        )
        output = (started.stdout + started.stderr).strip()
        if started.returncode != 0:
            raise RetryLaterError(f"supervisord did not start: {output}")
        wait_for(
            self.answers,
            what="supervisord does not answer",
            explain=lambda: output,
            standstill_s=15,
            pause_s=0.05,
        )

    def answers(self) -> bool:
        """Return whether a supervisord listens on the socket."""
        try:
            return bool(self._rpc.getState()["statecode"] is not None)
        except (OSError, xmlrpc.client.Error):
            return False

    def pid(self) -> int:
        """Return supervisord's process id."""
        return int(self._rpc.getPID())

    def states(self) -> dict[str, ProcessState]:
        """Return every process's state by name; RetryLaterError if supervisord is shutting down."""
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
        """Start a process unless it runs; do not wait for it."""
        if self.states()[name].state in _NOT_RUNNING:
            self._rpc.startProcess(name, False)

    def stop_processes(self, names: Iterable[str], timeout_s: float) -> list[str]:
        """Stop processes in parallel; return those that still run after ``timeout_s`` seconds."""
        states = self.states()
        stopping = [
            name for name in names if name in states and states[name].state not in _NOT_RUNNING
        ]
        for name in stopping:
            self._rpc.stopProcess(name, False)
        deadline = time.monotonic() + timeout_s
        while True:
            states = self.states()
            running = [name for name in stopping if states[name].state not in _NOT_RUNNING]
            if not running or time.monotonic() > deadline:
                return running
            time.sleep(0.1)

    def shut_down(self) -> None:
        """Stop remaining processes and supervisord; return when its process is gone."""
        pid = self.pid()
        self._rpc.shutdown()
        with contextlib.suppress(psutil.NoSuchProcess, psutil.TimeoutExpired):
            psutil.Process(pid).wait(timeout=patience_s(_SHUT_DOWN_S))
