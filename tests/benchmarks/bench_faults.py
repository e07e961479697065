"""
Fault injection: kills, hangs, damage, full disks, wrong clocks, hostile texts, clients and keys.

Under constant load PostgreSQL, workers, the registry and the whole service are killed, suspended or
made to talk nonsense; at the end every answered prediction_id must be in the table exactly once.
Beside it the files and the errors between spool and PostgreSQL are damaged one by one, and hostile
requests and clients are sent, after each of which a question must be answered at once. Then the API
is fuzzed with invalid and hostile inputs of growing size.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from serving.keys import add_key
from serving.spool import spool_state
from tests.benchmarks.faults import Injected, faults_of_other_parts, inject_all
from tests.benchmarks.faults_requests import KeyFaults, RequestFaults
from tests.benchmarks.faults_spool import SpoolFaults
from tests.benchmarks.service_setup import (
    TEST_QUESTIONS,
    Postgres,
    finish_load,
    postgres,
    questions,
    start_load,
    train,
    wait_for,
    write_payloads,
)
from tests.serving.ledger import make_champion
from tests.serving.running import RunningService
from tests.serving.stub_registry import StubRegistry

RATE = 100
ANSWERS_WITHIN_S = 15.0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=1, help="of every fault under load")
    parser.add_argument("--inputs", type=int, default=20_000, help="invalid inputs to send")
    parser.add_argument("--without-load", action="store_true", help="skip the faults under load")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


class Faults:
    """The faults; each method injects one and returns when it has been undone."""

    def __init__(
        self,
        server: Postgres,
        registry: StubRegistry,
        service: RunningService,
        rng: random.Random,
    ) -> None:
        self._server = server
        self._registry = registry
        self._service = service
        self._rng = rng

    def kinds(self) -> dict[str, Callable[[], None]]:
        return {
            "PostgreSQL killed, back after 3 s": self.kill_postgres,
            "one worker killed": self.kill_worker,
            "all workers killed at once": self.kill_workers,
            "the whole service killed, started again": self.kill_service,
            "service killed and started while PostgreSQL is unavailable": self.kill_both,
            "MLflow unavailable, service killed and started": self.lose_registry,
            "PostgreSQL killed in the middle of draining, twice": self.kill_postgres_often,
            "PostgreSQL hangs for 25 s": self.hang_postgres,
            "one worker hangs for 3 s": self.hang_worker,
            "the registry answers nothing for 8 s": self.hang_registry,
            "the registry answers garbage": self.garble_registry,
            "the registry's files are damaged": self.damage_registry,
        }

    def kill_postgres(self) -> None:
        self._server.kill()
        time.sleep(3)
        self._server.start()

    def kill_postgres_often(self) -> None:
        for _ in range(2):
            self._server.kill()
            self._server.start()
            time.sleep(self._rng.uniform(0.1, 0.9))

    def kill_worker(self) -> None:
        self._rng.choice(self._service.workers()).kill()

    def kill_workers(self) -> None:
        for worker in self._service.workers():
            worker.kill()

    def kill_service(self) -> None:
        self._service.kill_all()
        self._service.start()

    def kill_both(self) -> None:
        self._server.kill()
        self._service.kill_all()
        self._service.start()
        time.sleep(3)
        self._server.start()

    def hang_postgres(self) -> None:
        self._server.suspend()
        time.sleep(25)
        self._server.resume()

    def hang_worker(self) -> None:
        worker = self._rng.choice(self._service.workers())
        worker.suspend()
        time.sleep(3)
        worker.resume()

    def hang_registry(self) -> None:
        self._registry.delay_s = 30.0
        time.sleep(8)
        self._registry.delay_s = 0.0

    def garble_registry(self) -> None:
        self._registry.garbage = True
        time.sleep(5)
        self._registry.garbage = False

    def damage_registry(self) -> None:
        right = self._registry.hashes["1"]
        self._registry.hashes["1"] = "0" * 64
        time.sleep(5)
        self._registry.hashes["1"] = right

    def lose_registry(self) -> None:
        self._registry.unavailable = True
        self._service.kill_all()
        self._service.start()
        self._service.wait_ready(limit_s=ANSWERS_WITHIN_S)
        time.sleep(1)
        self._registry.unavailable = False


def answers(service: RunningService) -> bool:
    """Return whether a question is answered now."""
    try:
        response = requests.post(f"{service.url}/predict", json={"title": "docker"}, timeout=5)
    except requests.RequestException:
        return False
    return response.status_code == 200


def inject(
    faults: Faults, service: RunningService, rounds: int, console: Console
) -> list[Injected]:
    """Inject every fault ``rounds`` times, each until questions are answered again."""
    injected = []
    for _ in range(rounds):
        for kind, fault in faults.kinds().items():
            console.log(kind)
            begin = time.monotonic()
            fault()
            try:
                wait_for(lambda: answers(service), ANSWERS_WITHIN_S, f"answers after: {kind}")
                detail = ""
            except RuntimeError as error:
                detail = str(error)
            seconds = time.monotonic() - begin
            injected.append(Injected("under load", kind, not detail, detail, seconds))
            time.sleep(1.5)
    return injected


def count_rows(server: Postgres, bodies: Path) -> dict[str, int]:
    """Compare answered predictions with the table."""
    answered = [
        json.loads(body)["prediction_id"]
        for _, _, body in (line.partition(b" ") for line in bodies.read_bytes().splitlines())
        if b"prediction_id" in body
    ]
    with server.engine.connect() as connection:
        stored = Counter(
            connection.execute(text("SELECT prediction_id::text FROM predictions")).scalars()
        )
    return {
        "answered": len(answered),
        "rows_lost": sum(stored[one] == 0 for one in answered),
        "rows_doubled": sum(count - 1 for count in stored.values()),
    }


def kill_under_load(
    options: argparse.Namespace, stage: Stage, console: Console
) -> tuple[list[Injected], dict[str, int]]:
    """Return the injected faults and the balance of rows."""
    bodies = stage.work / "answers"
    faults = Faults(stage.server, stage.registry, stage.service, random.Random(options.seed))
    # Longer than the faults take; the load is terminated.
    load = start_load(
        f"{stage.service.url}/predict",
        stage.payloads,
        connections=8,
        seconds=3600,
        rate=RATE,
        bodies=bodies,
    )
    injected = inject(faults, stage.service, options.rounds, console)
    load.terminate()
    console.log(f"load: {finish_load(load)}")
    spool = stage.service.folder / "spool"
    wait_for(lambda: spool_state(spool)[0] == 0, 60, "the spool to drain")
    return injected, count_rows(stage.server, bodies)


def quiet_faults(stage: Stage, console: Console) -> tuple[list[Injected], SpoolFaults]:
    """Return the faults injected without load, and the spool's, which count rows."""
    spool = SpoolFaults(stage.server, stage.work)
    hostile = RequestFaults(stage.service)
    groups = {
        "damage": spool.damage(),
        "refused row": spool.refusals(),
        "condition of PostgreSQL": spool.conditions(),
        "disk": spool.disk(),
        "clock": spool.clock(),
        "hostile text": hostile.texts(),
        "hostile client": hostile.clients(),
    }
    injected = []
    for kind, faults in groups.items():
        console.log(kind)
        injected += inject_all(kind, faults)
    console.log("hostile key")
    injected += key_faults(stage)
    console.log("faults of other parts")
    injected += faults_of_other_parts(stage.work)
    return injected, spool


def key_faults(stage: Stage) -> list[Injected]:
    """Inject the faults of keys into a service that needs one."""
    folder = stage.work / "with-keys"
    folder.mkdir()
    keys = folder / "keys"
    key, other = add_key(keys, "ann"), add_key(keys, "bob")
    environment = {"SERVICE_API_KEYS_FILE": str(keys), "SERVICE_QUESTION_LIMIT": "10/minute"}
    service = RunningService(
        folder,
        database_url=stage.server.url,
        registry_url=stage.registry.url,
        environment=environment,
    )
    with service:
        return list(inject_all("hostile key", KeyFaults(service, key, other).faults()))


INVALID_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**70), 1.5, 1e308, "", " ", "\0", "\u202e", "é" * 300,
    "x" * 600, "<script>", "<" * 5000, "<b>" * 3000, "<pre>" * 2000, "&#x110000;", "🐍" * 50, [], {}, [[]],
    {"title": "x"}, "{{7*7}}", "'; DROP TABLE predictions; --", "\\N", "\\.", "\t\n\r", "../../etc/passwd",
    "*" * 5000, "[" * 2000, "`" * 999, "> " * 900, "- " * 900, "![](javascript:alert(1))", "|a|b|\n|-|-|\n" * 200,
    "00000000-0000-7000-8000-000000000000", "01a20ad3-d13a-72d0-8bcf-5eea4059f38c",
]  # fmt: skip
FIELDS = ("title", "body", "question_id", "k", "client", "format", "explain", "unheard-of")
FEEDBACK_FIELDS = ("prediction_id", "final_tags", "source", "unheard-of")
MAX_FUZZED_CHARACTERS = 100_000
HOSTILE_UNITS = (
    "ios ", "docker ", "docker-", "amazon web ", "a.", "c# ", ".net ", "++", "a_b", "aB", "\u6f22", "e\u0301",
    "[a]", "[a]: /x\n", "![", "](", "*a_ ", "**", "`", "~~", "|a", "|-", "\n", "> ", "- ", "    ", "```\n", "<a ",
    "<b id={n}>", "</b>", "<p>", "<font size={n}>", "<table><tr>", "<!--", "<pre>", "x{n}=1 ", "&amp", "&#9", "'", '"',
)  # fmt: skip
VALID_QUESTION: dict[str, Any] = {
    "title": "docker",
    "body": "<p>volume</p>",
    "format": "markdown",
    "explain": True,
}
MEDIA_TYPES = ("application/json", "application/json; charset=utf-16", "text/plain", "", "a/b;;;=")
PATHS = (
    "/predict",
    "/feedback",
    "/model",
    "/nowhere",
    "/predict/",
    "/static/../serving/keys.py",
    "/%00",
)


def fuzz(url: str, count: int, rng: random.Random) -> dict[str, float]:
    """Send ``count`` invalid or hostile inputs of growing size; return what came of them."""
    session = requests.Session()
    statuses: Counter[int] = Counter()
    slowest = 0.0
    for number in range(count):
        size = int(MAX_FUZZED_CHARACTERS ** (number / count))
        path, body, headers = (
            hostile_request(rng, size) if rng.random() < 0.5 else invalid_request(rng)
        )
        method = rng.choices(["POST", "GET", "PUT", "DELETE", "OPTIONS"], [90, 4, 2, 2, 2])[0]
        request = {"method": method, "url": f"{url}{path}", "data": body, "headers": headers}
        try:
            answer = session.request(**request, timeout=60)
        except requests.ConnectionError:
            # An unread body closes the connection, which the session may not have noticed yet.
            answer = requests.request(**request, timeout=60)
        statuses[answer.status_code] += 1
        slowest = max(slowest, answer.elapsed.total_seconds())
        if answer.status_code >= 500:
            sys.stderr.write(f"{answer.status_code}: {method} {path} {headers} {body[:200]!r}\n")
    return {
        "inputs_fuzzed": sum(statuses.values()),
        "errors_5xx": sum(n for status, n in statuses.items() if status >= 500 and status != 503),
        "answered_200": statuses[200],
        "answered_413": statuses[413],
        "answered_503": statuses[503],
        "slowest_s": round(slowest, 3),
    }


def hostile_request(rng: random.Random, size: int) -> tuple[str, bytes, dict[str, str]]:
    """Return a valid request whose body repeats pieces of text, HTML or Markdown."""
    pieces = rng.sample(HOSTILE_UNITS, rng.randint(1, 3))
    start = rng.choice(["", *pieces])
    unit = "".join(pieces)
    text = start + "".join(unit.replace("{n}", str(n)) for n in range(size // len(unit) + 1))
    question = {
        "title": "x",
        "body": text[:size],
        "format": rng.choice(["html", "markdown"]),
        "explain": rng.random() < 0.5,
        "k": rng.choice([1, 5, 25]),
    }
    return "/predict", json.dumps(question).encode(), {"Content-Type": MEDIA_TYPES[0]}


def invalid_request(rng: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return path, body and headers: a valid request with faults, or noise."""
    path = rng.choices(PATHS, [70, 15, 3, 3, 3, 3, 3])[0]
    fields = FEEDBACK_FIELDS if path == "/feedback" else FIELDS
    one = dict(VALID_QUESTION) if path != "/feedback" else {}
    for field in rng.sample(fields, rng.randint(0, 3)):
        one[field] = rng.choice(INVALID_VALUES)
    value: Any = one
    if rng.random() < 0.2:
        value = [one] * rng.choice([0, 1, 2, 100, 101])
    elif rng.random() < 0.05:
        value = rng.choice(INVALID_VALUES)
    body = json.dumps(value, ensure_ascii=rng.random() < 0.5).encode("utf-8", "replace")
    if rng.random() < 0.3:
        body = mutated(body, rng)
    media = MEDIA_TYPES[0] if rng.random() < 0.9 else rng.choice(MEDIA_TYPES)
    headers = {
        "Content-Type": media,
        "X-Request-ID": rng.choice(["", "a b", "x" * 500, "ok-12345"]),
    }
    return path, body, headers


def mutated(body: bytes, rng: random.Random) -> bytes:
    """Return ``body`` with bytes changed, cut off, or repeated."""
    changed = bytearray(body)
    for _ in range(rng.randint(1, 5)):
        if not changed:
            break
        position = rng.randrange(len(changed))
        mutation = rng.randrange(4)
        if mutation == 0:
            changed[position] = rng.randrange(256)
        elif mutation == 1:
            del changed[position:]
        elif mutation == 2:
            changed[position:position] = changed[position : position + 50] * 3
        else:
            changed[position:position] = b'\\ud800"'
    return bytes(changed)


@dataclass(frozen=True)
class Stage:
    """A service with its neighbours, and payloads to send."""

    work: Path
    server: Postgres
    registry: StubRegistry
    service: RunningService
    payloads: Path


@contextmanager
def stage_in(work: Path) -> Iterator[Stage]:
    """Train a model, and start a service that serves it."""
    _, rows = questions()
    model = train(work / "model", rows[:-TEST_QUESTIONS])
    payloads = write_payloads(work / "payloads.jsonl", rows[-TEST_QUESTIONS:])
    local = work / "service"
    local.mkdir()
    with postgres(work / "postgres") as server, StubRegistry() as registry:
        registry.add("1", model)
        make_champion(server.url, registry, "1")
        service = RunningService(local, database_url=server.url, registry_url=registry.url)
        with service:
            yield Stage(work, server, registry, service, payloads)


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    console = Console(stderr=True)
    balance = {"answered": 0, "rows_lost": 0, "rows_doubled": 0}
    injected: list[Injected] = []
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as name, stage_in(Path(name)) as stage:
        if not options.without_load:
            injected, balance = kill_under_load(options, stage, console)
        more, spool = quiet_faults(stage, console)
        injected += more
        balance["rows_lost"] += spool.rows_lost
        balance["rows_doubled"] += spool.rows_doubled
        console.log(f"{options.inputs} invalid inputs")
        before = {worker.pid for worker in stage.service.workers()}
        fuzzed = fuzz(stage.service.url, options.inputs, random.Random(options.seed))
        fuzzed["workers_died"] = len(before - {worker.pid for worker in stage.service.workers()})
    show(injected)
    figures = {
        "tried": len(injected),
        "survived": sum(fault.survived for fault in injected),
        **balance,
        **fuzzed,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def show(injected: Sequence[Injected]) -> None:
    table = Table(title="Faults")
    for heading in ("kind", "fault", "survived", "s"):
        table.add_column(heading, justify="right" if heading == "s" else "left")
    for fault in injected:
        outcome = "yes" if fault.survived else f"NO: {fault.detail}"
        table.add_row(fault.kind, fault.name, outcome, f"{fault.seconds:.1f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
