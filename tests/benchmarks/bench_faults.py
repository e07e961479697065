"""
Fault injection: kills under load, and thousands of invalid inputs.

Under constant load PostgreSQL, single workers and the whole service are killed (SIGKILL), and the
registry becomes unavailable. At the end every answered prediction_id must be in the table exactly
once. Then the API is fuzzed with invalid inputs.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from serving.spool import spool_state
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
    parser.add_argument("--rounds", type=int, default=3, help="of every fault")
    parser.add_argument("--inputs", type=int, default=5000, help="invalid inputs to send")
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
) -> list[tuple[str, bool, float]]:
    """Inject every fault ``rounds`` times; return kind, survival and seconds to recovery."""
    injected = []
    for _ in range(rounds):
        for kind, fault in faults.kinds().items():
            console.log(kind)
            begin = time.monotonic()
            fault()
            try:
                wait_for(lambda: answers(service), ANSWERS_WITHIN_S, f"answers after: {kind}")
                survived = True
            except RuntimeError:
                survived = False
            injected.append((kind, survived, time.monotonic() - begin))
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
    options: argparse.Namespace, work: Path, console: Console
) -> tuple[list[tuple[str, bool, float]], dict[str, int], dict[str, int]]:
    """Return the injected faults, the balance of rows, and the results of fuzzing."""
    _, rows = questions()
    model = train(work / "model", rows[:-TEST_QUESTIONS])
    payloads = write_payloads(work / "payloads.jsonl", rows[-TEST_QUESTIONS:])
    bodies, local = work / "answers", work / "service"
    local.mkdir()
    rng = random.Random(options.seed)
    with postgres(work / "postgres") as server, StubRegistry() as registry:
        registry.add("1", model)
        make_champion(server.url, registry, "1")
        service = RunningService(local, database_url=server.url, registry_url=registry.url)
        with service:
            faults = Faults(server, registry, service, rng)
            # Longer than the faults take; the load is terminated.
            load = start_load(
                f"{service.url}/predict",
                payloads,
                connections=8,
                seconds=3600,
                rate=RATE,
                bodies=bodies,
            )
            injected = inject(faults, service, options.rounds, console)
            load.terminate()
            figures = finish_load(load)
            console.log(f"load: {figures}")
            wait_for(lambda: spool_state(local / "spool")[0] == 0, 60, "the spool to drain")
            balance = count_rows(server, bodies)
            console.log(f"{options.inputs} invalid inputs")
            before = {worker.pid for worker in service.workers()}
            fuzzed = fuzz(service.url, options.inputs, rng)
            fuzzed["workers_died"] = len(before - {worker.pid for worker in service.workers()})
    return injected, balance, fuzzed


INVALID_VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**70), 1.5, 1e308, "", " ", "\0", "\u202e", "é" * 300,
    "x" * 600, "<script>", "<" * 5000, "<b>" * 3000, "<pre>" * 2000, "&#x110000;", "🐍" * 50, [], {}, [[]],
    {"title": "x"}, "{{7*7}}", "'; DROP TABLE predictions; --", "\\N", "\\.", "\t\n\r", "../../etc/passwd",
    "*" * 5000, "[" * 2000, "`" * 999, "> " * 900, "- " * 900, "![](javascript:alert(1))", "|a|b|\n|-|-|\n" * 200,
    "00000000-0000-7000-8000-000000000000", "01a20ad3-d13a-72d0-8bcf-5eea4059f38c",
]  # fmt: skip
FIELDS = ("title", "body", "question_id", "k", "client", "format", "explain", "unheard-of")
FEEDBACK_FIELDS = ("prediction_id", "final_tags", "source", "unheard-of")
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
    """Send ``count`` invalid inputs; return their number and that of 5xx responses."""
    session = requests.Session()
    statuses: Counter[int] = Counter()
    slowest = 0.0
    for _ in range(count):
        path, body, headers = invalid_request(rng)
        method = rng.choices(["POST", "GET", "PUT", "DELETE", "OPTIONS"], [90, 4, 2, 2, 2])[0]
        request = {"method": method, "url": f"{url}{path}", "data": body, "headers": headers}
        try:
            answer = session.request(**request, timeout=30)
        except requests.ConnectionError:
            # An unread body closes the connection, which the session may not have noticed yet.
            answer = requests.request(**request, timeout=30)
        statuses[answer.status_code] += 1
        slowest = max(slowest, answer.elapsed.total_seconds())
        if answer.status_code >= 500:
            sys.stderr.write(f"{answer.status_code}: {method} {path} {headers} {body[:200]!r}\n")
    return {
        "inputs_fuzzed": sum(statuses.values()),
        "errors_5xx": sum(n for status, n in statuses.items() if status >= 500),
        "answered_200": statuses[200],
        "slowest_input_s": round(slowest, 3),
    }


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


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as name:
        injected, balance, fuzzed = kill_under_load(options, Path(name), console)
    table = Table(title=f"Faults under {RATE} requests a second")
    for heading in ("fault", "tried", "survived", "slowest, s"):
        table.add_column(heading, justify="left" if heading == "fault" else "right")
    for kind in dict.fromkeys(kind for kind, _, _ in injected):
        of_kind = [(survived, seconds) for other, survived, seconds in injected if other == kind]
        table.add_row(
            kind,
            str(len(of_kind)),
            str(sum(survived for survived, _ in of_kind)),
            f"{max(seconds for _, seconds in of_kind):.1f}",
        )
    Console(width=100).print(table)
    figures = {
        "tried": len(injected),
        "survived": sum(survived for _, survived, _ in injected),
        **balance,
        **fuzzed,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
