"""
Serves a local Stack Exchange site, with simulated questions or those of a file.

The API's root is ``http://127.0.0.1:PORT/2.3``. It listens on loopback by default.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvicorn

from include.errors import FixInputError, FixSettingsError
from include.questions import Question
from include.sandbox import large_site, simulator
from include.sandbox.api import ConnectionCut, SandboxApi
from include.sandbox.events import Event, default_events, demo_events, write_events
from include.sandbox.large_site import LargeSite, large_questions
from include.sandbox.question_files import write_questions
from include.sandbox.question_index import QuestionIndex
from include.sandbox.world import tag_description
from include.sources.jsonl import read_jsonl
from include.sources.synonym_files import read_synonyms

HOST: Final = "127.0.0.1"
DEMO_MONTHS: Final = 18
DEMO_QUESTIONS_PER_MONTH: Final = 150  # the events are detectable, embedding is fast


class _IgnoreCutConnections(logging.Filter):
    """Filters connections that a fault has cut out of the server's error log."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return not isinstance(error, ConnectionCut)


_IGNORE_CUT_CONNECTIONS: Final = _IgnoreCutConnections()


def read_site(path: Path, site: str | None) -> tuple[str, list[Question]]:
    """
    Return a site's name and questions from a file; ``site`` may be None if there is one site.

    Raises
    ------
    FixInputError
        If the file cannot be read or does not contain the site, or ``site`` is None and it
        contains several.
    """
    questions = list(read_jsonl(path))
    found = sorted({question.site for question in questions})
    if site is None and len(found) == 1:
        return found[0], questions
    if site not in found:
        raise FixInputError(
            f"{path} contains questions of {', '.join(found) or 'no site'}; "
            f"select one of these with --site, got {site!r}"
        )
    return site, [question for question in questions if question.site == site]


def listen(port: int, host: str = HOST) -> socket.socket:
    """Return a socket that listens on ``host:port``; FixSettingsError if the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)  # requests wait from now on, while the questions are generated
    except OSError as error:
        listener.close()
        raise FixSettingsError(f"cannot listen on {host}:{port}: {error.strerror}") from error
    return listener


def _server(api: SandboxApi) -> uvicorn.Server:
    logging.getLogger("uvicorn.error").addFilter(_IGNORE_CUT_CONNECTIONS)
    config = uvicorn.Config(
        api.app(), log_level="warning", access_log=False, lifespan="off", server_header=False
    )
    return uvicorn.Server(config)


@contextmanager
def running(api: SandboxApi) -> Iterator[str]:
    """
    Serve ``api`` from a thread of this process, for tests and benchmarks.

    Yields
    ------
    str
        The API's root, such as ``http://127.0.0.1:40123/2.3``.
    """
    listener = listen(0)
    server = _server(api)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        if not thread.is_alive():
            raise FixSettingsError("the sandbox site did not start")
        time.sleep(0.005)
    try:
        yield f"http://{HOST}:{listener.getsockname()[1]}/2.3"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


@dataclass(frozen=True, slots=True)
class SandboxOptions:
    """
    Which questions a sandbox site serves, and how.

    Parameters
    ----------
    port : int, default=0
        Port to listen on; 0 selects a free one.
    host : str
        Address to listen on.
    data : Path or None
        A .jsonl or .jsonl.gz file to serve; None to simulate.
    site : str
        Name that requests must give; empty for the file's, or the simulator's.
    seed, months, questions_per_month : int
        Of the simulation; ``questions_per_month`` is a mean.
    events : {"demo", "seeded", "none"}
        What changes in the simulation: the two events of the demo, each kind of event in months
        that depend on the seed, or nothing.
    events_file : Path or None
        Where to write the simulation's events, as JSON.
    large : int
        Questions of a simulated site as large as Stack Overflow, over ``months`` months; 0 for the
        small simulation. To be served, each needs 6 kB of memory.
    tags : int
        Tags of the large site.
    quota : int
        Requests per day.
    key : str
        The only accepted API key; any is accepted if empty.
    synonyms : Path or None
        A .csv or .jsonl file of tag synonyms to serve; none if None.
    """

    port: int = 0
    host: str = HOST
    data: Path | None = None
    site: str = ""
    seed: int = simulator.DEFAULT_SEED
    months: int = DEMO_MONTHS
    questions_per_month: int = DEMO_QUESTIONS_PER_MONTH
    events: str = "demo"
    events_file: Path | None = None
    large: int = 0
    tags: int = large_site.DEFAULT_TAGS
    quota: int = 10_000
    key: str = ""
    synonyms: Path | None = None


def serve(options: SandboxOptions) -> None:
    """
    Serve until stopped; print the address once it can be reached.

    Raises
    ------
    FixInputError, FixSettingsError
        If an option or the file is wrong, or the port is taken.
    """
    listener = listen(options.port, options.host)
    site, questions = _contents(options)
    api = SandboxApi(
        site,
        QuestionIndex(questions),
        quota=options.quota,
        key=options.key or None,
        synonyms=read_synonyms(options.synonyms) if options.synonyms else (),
        descriptions=descriptions_of(questions),
    )
    sys.stdout.write(
        f"site '{site}' with {len(questions)} questions at "
        f"http://{options.host}:{listener.getsockname()[1]}/2.3\n"
    )
    sys.stdout.flush()
    _server(api).run(sockets=[listener])


def write_large_site(options: SandboxOptions, path: Path) -> int:
    """
    Write the large site into a .jsonl, .jsonl.gz or .xml (data dump) file; return the questions.

    Raises
    ------
    FixInputError
        If ``options.large`` is not set, or the file's name ends otherwise.
    """
    if not options.large:
        raise FixInputError("--write needs --large QUESTIONS")
    return write_questions(_large_site(options), path, processes=_cores())


def descriptions_of(questions: Iterable[Question]) -> dict[str, str]:
    """Return a description of each tag of the questions."""
    tags = {tag for question in questions for tag in question.tags}
    return {tag: tag_description(tag) for tag in sorted(tags)}


def _contents(options: SandboxOptions) -> tuple[str, list[Question]]:
    """Return the site's name and questions; write the events if ``events_file`` is set."""
    events: tuple[Event, ...] = ()
    if options.data is not None:
        site, questions = read_site(options.data, options.site or None)
    elif options.large:
        large = _large_site(options)
        site, questions = large.site, list(large_questions(large, processes=_cores()))
    else:
        simulation = simulator.simulate(
            seed=options.seed,
            months=options.months,
            questions_per_month=options.questions_per_month,
            events=_events(options),
            site=options.site or simulator.SITE,
        )
        site, questions, events = (
            options.site or simulator.SITE,
            list(simulation.questions),
            simulation.events,
        )
    if options.events_file is not None:
        write_events(events, options.events_file)
    return site, questions


def _large_site(options: SandboxOptions) -> LargeSite:
    """Return the large site of the options; its months begin as those of the other simulation."""
    return LargeSite(
        questions=options.large,
        months=options.months,
        first_month=simulator.DEFAULT_FIRST_MONTH,
        tag_count=options.tags,
        seed=options.seed,
        site=options.site or simulator.SITE,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _events(options: SandboxOptions) -> tuple[Event, ...]:
    first = simulator.DEFAULT_FIRST_MONTH
    if options.events == "demo":
        return demo_events(first, options.months)
    return default_events(options.seed, first, options.months) if options.events == "seeded" else ()
