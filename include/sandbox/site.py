"""
Serves a local Stack Exchange site, with simulated questions or those of a file.

The API's root is ``http://127.0.0.1:PORT/2.3``. It listens on loopback by default.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn

from include.errors import FixInputError, FixSettingsError, TagkeeperError
from include.questions import Question
from include.sandbox import large_site, simulator
from include.sandbox.api import ConnectionCut, SandboxApi
from include.sandbox.events import Event, default_events, demo_events, write_events
from include.sandbox.large_site import LargeSite, large_questions
from include.sandbox.question_files import write_questions
from include.sandbox.question_index import QuestionIndex
from include.sources.jsonl import read_jsonl

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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.sandbox.site",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--port", type=int, default=0, help="port to listen on; 0 (default) selects a free one"
    )
    parser.add_argument(
        "--host",
        default=HOST,
        help="address to listen on (default %(default)s)",
    )
    parser.add_argument("--data", type=Path, help="serve this .jsonl or .jsonl.gz file instead")
    parser.add_argument(
        "--site",
        help=f"name that requests must give; default: the file's, or {simulator.SITE}",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=simulator.DEFAULT_SEED,
        help="seed of the simulation (default %(default)s)",
    )
    parser.add_argument(
        "--months",
        type=int,
        default=DEMO_MONTHS,
        help=f"months to simulate from {simulator.DEFAULT_FIRST_MONTH} (default %(default)s)",
    )
    parser.add_argument(
        "--questions-per-month",
        type=int,
        default=DEMO_QUESTIONS_PER_MONTH,
        help="mean volume of the simulation (default %(default)s)",
    )
    parser.add_argument(
        "--events",
        choices=("demo", "seeded", "none"),
        default="demo",
        help="what changes in the simulation: the two events of the demo (default), each kind of "
        "event in months that depend on the seed, or nothing",
    )
    parser.add_argument(
        "--events-file", type=Path, help="write the simulation's events there, as JSON"
    )
    parser.add_argument(
        "--large",
        type=int,
        metavar="QUESTIONS",
        help="simulate a site as large as Stack Overflow instead, with this many questions over "
        "--months months (needs 6 kB of memory for each to be served)",
    )
    parser.add_argument(
        "--tags",
        type=int,
        default=large_site.DEFAULT_TAGS,
        help="tags of the large site (default %(default)s)",
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="write the large site into a .jsonl, .jsonl.gz or .xml (data dump) file and end",
    )
    parser.add_argument(
        "--quota", type=int, default=10_000, help="requests per day (default %(default)s)"
    )
    parser.add_argument("--key", help="the only accepted API key; any is accepted if not set")
    return parser


def _contents(options: argparse.Namespace) -> tuple[str, list[Question]]:
    """Return the site's name and questions; write the events if ``--events-file`` is set."""
    events: tuple[Event, ...] = ()
    if options.data is not None:
        site, questions = read_site(options.data, options.site)
    elif options.large is not None:
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


def _large_site(options: argparse.Namespace) -> LargeSite:
    """Return the large site of the options; its months begin as those of the other simulation."""
    return LargeSite(
        questions=options.large,
        months=options.months,
        first_month=simulator.DEFAULT_FIRST_MONTH,
        tag_count=options.tags,
        seed=options.seed,
        site=options.site or simulator.SITE,
    )


def _write(options: argparse.Namespace) -> int:
    """Write the large site into a file; return the exit code."""
    if options.large is None:
        raise FixInputError("--write needs --large QUESTIONS")
    started = time.monotonic()
    count = write_questions(_large_site(options), options.write, processes=_cores())
    seconds = time.monotonic() - started
    sys.stdout.write(f"{count} questions in {options.write} after {seconds:.0f} s\n")
    return 0


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def _events(options: argparse.Namespace) -> tuple[Event, ...]:
    first, months = simulator.DEFAULT_FIRST_MONTH, int(options.months)
    if options.events == "demo":
        return demo_events(first, months)
    return default_events(options.seed, first, months) if options.events == "seeded" else ()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; return 2 with a message if an option or the file is wrong."""
    options = _parser().parse_args(arguments)
    try:
        if options.write is not None:
            return _write(options)
        listener = listen(options.port, options.host)
        site, questions = _contents(options)
    except TagkeeperError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    api = SandboxApi(site, QuestionIndex(questions), quota=options.quota, key=options.key)
    sys.stdout.write(
        f"site '{site}' with {len(questions)} questions at "
        f"http://{options.host}:{listener.getsockname()[1]}/2.3\n"
    )
    sys.stdout.flush()
    _server(api).run(sockets=[listener])
    return 0


if __name__ == "__main__":
    sys.exit(main())
