"""Starts, stops and describes a stack: the whole platform in one folder of this machine."""

import fcntl
import os
import shlex
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from include.errors import FixSettingsError, RetryLaterError
from include.local_stack import leftovers, postgres
from include.local_stack.choice import Choice
from include.local_stack.credentials import Credentials, load_credentials, write_private
from include.local_stack.environment import (
    Databases,
    own_databases,
    process_environment,
    stack_environment,
)
from include.local_stack.health import log_tail, wait_until_well
from include.local_stack.place import PORTS, Place, local_place
from include.local_stack.ports import claimed_ports
from include.local_stack.prepare import make_folders, write_login
from include.local_stack.processes import (
    Process,
    migration_commands,
    pools_command,
    postgres_process,
    processes,
)
from include.local_stack.progress import Steps
from include.local_stack.state import StackState, read_state, record_state
from include.local_stack.supervisor import Supervisor, log_file, write_configuration

_START_TIMEOUT_S: Final = 240.0


def stack_processes(place: Place, state: StackState) -> tuple[Process, ...]:
    """Return the processes of a started stack, PostgreSQL first."""
    others = processes(place, state.choice.sandbox_arguments(place))
    if not state.own_postgres:
        return others
    return (postgres_process(postgres.binaries(), place.local / "postgres", place), *others)


def is_running(local: Path) -> bool:
    """Tell whether the stack's supervisor answers."""
    return Supervisor(local).answers()


def up(local: Path, choice: Choice, database_url: str | None, steps: Steps) -> StackState:
    """
    Start the stack, or what of it does not run, and return when all of it is well.

    Parameters
    ----------
    local : Path
        Folder of its state; made if needed.
    choice : Choice
        The questions to work on.
    database_url : str or None
        The user's own PostgreSQL, or None for the embedded one.
    steps : Steps
        Shows what happens.

    Raises
    ------
    FixSettingsError
        If it runs already with other questions, or a setting is wrong.
    RetryLaterError
        If a process does not come up; the message names it and its log.
    """
    local = local.resolve()
    local.mkdir(parents=True, exist_ok=True)
    # Root's PostgreSQL account must pass through, nobody may list
    local.chmod(0o711 if os.geteuid() == 0 else 0o700)
    with _alone(local):
        state = read_state(local)
        if state is not None and is_running(local):
            return _complete(local, state, choice, steps)
        _end_leftovers(local, state, steps)
        return _start(local, choice, database_url, steps)


def down(local: Path, steps: Steps) -> int:
    """
    Stop the stack and whatever is left of it; return how many processes had to be ended by hand.

    Safe to call again, and after any process of the stack was killed.
    """
    local = local.resolve()
    if not local.exists():
        return 0
    with _alone(local):
        state = read_state(local)
        supervisor = Supervisor(local)
        if supervisor.answers():
            with steps.step("Stopping the platform"):
                names = [name for name in supervisor.states() if name != "postgres"]
                supervisor.stop_processes(names, timeout_s=40)
                supervisor.stop_processes(["postgres"], timeout_s=40)
                supervisor.shut_down()
        return _end_leftovers(local, state, steps)


def _complete(local: Path, state: StackState, choice: Choice, steps: Steps) -> StackState:
    """Start what does not run of a running stack."""
    if state.choice != choice:
        raise FixSettingsError(
            f"the platform runs with other questions ({_named(state.choice)}): `make down` first"
        )
    place = local_place(local, state.ports)
    supervisor = Supervisor(local)
    defined = stack_processes(place, state)
    states = supervisor.states()
    missing = [one.name for one in defined if states[one.name].state not in {"RUNNING", "STARTING"}]
    if not missing:
        steps.note(f"The platform already runs, since {state.started_at}.")
    for process in defined:
        if process.name in missing and process.after is None:
            supervisor.start_process(process.name)
    _start_followers(supervisor, place, defined)
    wait_until_well(defined, place, supervisor, _START_TIMEOUT_S)
    if missing:
        steps.note(f"Started again: {', '.join(missing)}; the rest was running.")
    return state


def _start(local: Path, choice: Choice, database_url: str | None, steps: Steps) -> StackState:
    credentials = load_credentials(local / "credentials.json")
    wanted = dict(PORTS)
    with claimed_ports(wanted) as ports:
        place = local_place(local, ports)
        for name, port in ports.items():
            if port != wanted[name]:
                steps.note(f"Port {wanted[name]} is taken: {name} listens on {port}.")
        databases = (
            own_databases(place, credentials.postgres_password)
            if database_url is None
            else postgres.databases_beside(database_url)
        )
        state = StackState(
            ports=ports,
            session=None,
            site=choice.site,
            data=None if choice.data is None else str(choice.data),
            live=choice.live,
            own_postgres=database_url is None,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            api_url=choice.api_url,
        )
        environment = _write_files(place, state, databases, credentials)
        supervisor = Supervisor(local)
        state = _start_supervisor(supervisor, place, state, environment)
        _start_all(supervisor, place, state, databases, credentials, environment, steps)
    return state


def _write_files(
    place: Place, state: StackState, databases: Databases, credentials: Credentials
) -> dict[str, str]:
    """Make folders and files; return the environment of the processes."""
    make_folders(place)
    write_login(place, credentials.airflow_password)
    stack = stack_environment(
        place, databases, credentials, state.choice.questions(place), _parallelism()
    )
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(stack.items())]
    write_private(place.local / "env", "".join(lines))
    return process_environment(stack, place)


def _parallelism() -> int:
    """Return how many tasks may run at once: they wait for others about half of the time."""
    return max(2, min(16, 2 * (os.cpu_count() or 1)))


def _start_supervisor(
    supervisor: Supervisor, place: Place, state: StackState, environment: Mapping[str, str]
) -> StackState:
    account = postgres.server_account() if state.own_postgres else None
    accounts = {} if account is None else {"postgres": account}
    defined = stack_processes(place, state)
    # Recorded before and after: whatever happens between, `down` finds the folder's mark
    record_state(place.local, state)
    supervisor.start(write_configuration(place, defined, accounts), environment)
    state = StackState(**{**asdict(state), "session": leftovers.session_of(supervisor.pid())})
    record_state(place.local, state)
    return state


def _start_all(
    supervisor: Supervisor,
    place: Place,
    state: StackState,
    databases: Databases,
    credentials: Credentials,
    environment: Mapping[str, str],
    steps: Steps,
) -> None:
    defined = stack_processes(place, state)
    with steps.step("PostgreSQL"):
        if state.own_postgres:
            postgres.initialise(place.local / "postgres", credentials.postgres_password)
            supervisor.start_process("postgres")
        postgres.wait_until_ready(databases.platform, timeout_s=30)
        postgres.ensure_databases(databases)
    with steps.step("Databases brought to their newest schema"):
        for process in defined:
            if not process.needs_schema:
                supervisor.start_process(process.name)
        run_side_by_side(migration_commands(), environment, place)
    with steps.step("Processes started and well"):
        for process in defined:
            if process.after is None:
                supervisor.start_process(process.name)
        run_side_by_side({"pools": pools_command(place)}, environment, place)
        _start_followers(supervisor, place, defined)
        wait_until_well(defined, place, supervisor, _START_TIMEOUT_S)


def _start_followers(supervisor: Supervisor, place: Place, defined: Iterable[Process]) -> None:
    """Start the processes that need another one to be well first."""
    by_name = {process.name: process for process in defined}
    for process in by_name.values():
        if process.after is not None:
            wait_until_well([by_name[process.after]], place, supervisor, _START_TIMEOUT_S)
            supervisor.start_process(process.name)


def run_side_by_side(
    commands: Mapping[str, tuple[str, ...]], environment: Mapping[str, str], place: Place
) -> None:
    """
    Run commands that end by themselves, at once; each has its log.

    Raises
    ------
    RetryLaterError
        If one fails; the message names it and its log.
    """
    started = {}
    for name, command in commands.items():
        log = log_file(place, f"setup-{name}")
        with log.open("ab") as output:
            started[name] = subprocess.Popen(
                command,
                env=dict(environment),
                cwd=place.root,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
    failed = [name for name, process in started.items() if process.wait() != 0]
    if failed:
        ends = "\n".join(
            f"{log_file(place, f'setup-{name}')} ends:\n{log_tail(place, f'setup-{name}')}"
            for name in failed
        )
        raise RetryLaterError(f"setting up {', '.join(failed)} failed; {ends}")


def _end_leftovers(local: Path, state: StackState | None, steps: Steps) -> int:
    session = None if state is None else state.session
    found = leftovers.belonging_processes(local, session)
    ended = leftovers.end_processes(found, grace_s=8)
    # What ended processes started while they were told to end
    ended += leftovers.end_processes(leftovers.belonging_processes(local, session), grace_s=2)
    if ended:
        steps.note(f"Ended {ended} processes that had lost their supervisor.")
    return ended


@contextmanager
def _alone(local: Path) -> Iterator[None]:
    """Let one `up` or `down` of a stack run at a time; a second one waits."""
    with (local / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _named(choice: Choice) -> str:
    source = choice.api_url if choice.live else choice.data or "the simulator"
    return f"{choice.site}, {source}"
