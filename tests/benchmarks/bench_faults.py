"""
What the service survives: kills of everything under load, and thousands of wrong inputs.

While questions are asked without a pause, PostgreSQL, single workers and the whole service are
killed (SIGKILL), and the registry goes away. At the end every answered prediction_id must be in
the table exactly once. Then the interface is given inputs that no client should send.
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
from tests.benchmarks.service_stage import (
    ASKED,
    Postgres,
    finish_load,
    postgres,
    questions,
    start_load,
    train,
    wait_for,
    write_payloads,
)
from tests.serving.running import RunningService
from tests.serving.small_registry import SmallRegistry

RATE = 100
ANSWERS_WITHIN_S = 15.0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=3, help="of every fault")
    parser.add_argument("--inputs", type=int, default=5000, help="wrong inputs to send")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(arguments)


class Faults:
    """The faults, each of which returns when it has been done and undone."""

    def __init__(
        self,
        server: Postgres,
        registry: SmallRegistry,
        service: RunningService,
        chance: random.Random,
    ) -> None:
        self._server = server
        self._registry = registry
        self._service = service
        self._chance = chance

    def kinds(self) -> dict[str, Callable[[], None]]:
        return {
            "PostgreSQL killed, back after 3 s": self.kill_postgres,
            "one worker killed": self.kill_worker,
            "all workers killed at once": self.kill_workers,
            "the whole service killed, started again": self.kill_service,
            "service killed and started while PostgreSQL is away": self.kill_both,
            "MLflow away, service killed and started": self.lose_registry,
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
            time.sleep(self._chance.uniform(0.1, 0.9))

    def kill_worker(self) -> None:
        self._chance.choice(self._service.workers()).kill()

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
        self._registry.away = True
        self._service.kill_all()
        self._service.start()
        self._service.wait_ready(ANSWERS_WITHIN_S)
        time.sleep(1)
        self._registry.away = False


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
    """Do every fault so many times; return its kind, whether answers came back, and after what."""
    done = []
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
            done.append((kind, survived, time.monotonic() - begin))
            time.sleep(1.5)
    return done


def count_rows(server: Postgres, bodies: Path) -> dict[str, int]:
    """Compare what was answered with what is in the table."""
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
    asked: argparse.Namespace, work: Path, console: Console
) -> tuple[list[tuple[str, bool, float]], dict[str, int], dict[str, int]]:
    """Return the faults done, the rows' balance, and what the wrong inputs came to."""
    _, rows = questions()
    model = train(work / "model", rows[:-ASKED])
    payloads = write_payloads(work / "asked.jsonl", rows[-ASKED:])
    bodies, local = work / "answers", work / "service"
    local.mkdir()
    chance = random.Random(asked.seed)
    with postgres(work / "postgres") as server, SmallRegistry() as registry:
        registry.add("1", model)
        registry.aliases["champion"] = "1"
        service = RunningService(local, database_url=server.url, registry_url=registry.url)
        with service:
            faults = Faults(server, registry, service, chance)
            # More seconds than the faults take; the load ends when it is told so.
            load = start_load(
                f"{service.url}/predict",
                payloads,
                connections=8,
                seconds=3600,
                rate=RATE,
                bodies=bodies,
            )
            done = inject(faults, service, asked.rounds, console)
            load.terminate()
            figures = finish_load(load)
            console.log(f"load: {figures}")
            wait_for(lambda: spool_state(local / "spool")[0] == 0, 60, "the spool to drain")
            balance = count_rows(server, bodies)
            console.log(f"{asked.inputs} wrong inputs")
            before = {worker.pid for worker in service.workers()}
            fuzzed = fuzz(service.url, asked.inputs, chance)
            fuzzed["workers_died"] = len(before - {worker.pid for worker in service.workers()})
    return done, balance, fuzzed


STRANGE: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**70), 1.5, 1e308, "", " ", "\0", "\u202e", "é" * 300,
    "x" * 600, "<script>", "<" * 5000, "<b>" * 3000, "<pre>" * 2000, "&#x110000;", "🐍" * 50, [], {}, [[]],
    {"title": "x"}, "{{7*7}}", "'; DROP TABLE predictions; --", "\\N", "\\.", "\t\n\r", "../../etc/passwd",
    "*" * 5000, "[" * 2000, "`" * 999, "> " * 900, "- " * 900, "![](javascript:alert(1))", "|a|b|\n|-|-|\n" * 200,
    "00000000-0000-7000-8000-000000000000", "01a20ad3-d13a-72d0-8bcf-5eea4059f38c",
]  # fmt: skip
FIELDS = ("title", "body", "question_id", "k", "client", "format", "explain", "unheard-of")
FEEDBACK_FIELDS = ("prediction_id", "final_tags", "source", "unheard-of")
SOUND: dict[str, Any] = {
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


def fuzz(url: str, count: int, chance: random.Random) -> dict[str, float]:
    """Send ``count`` inputs that no client should send; return how many there were, and the 5xx."""
    session = requests.Session()
    statuses: Counter[int] = Counter()
    slowest = 0.0
    for _ in range(count):
        path, body, headers = strange_request(chance)
        method = chance.choices(["POST", "GET", "PUT", "DELETE", "OPTIONS"], [90, 4, 2, 2, 2])[0]
        asked = {"method": method, "url": f"{url}{path}", "data": body, "headers": headers}
        try:
            answer = session.request(**asked, timeout=30)
        except requests.ConnectionError:
            # A body that nobody read ends the connection, which the next request may not know yet.
            answer = requests.request(**asked, timeout=30)
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


def strange_request(chance: random.Random) -> tuple[str, bytes, dict[str, str]]:
    """Return path, body and headers: a sound request with something wrong, or noise."""
    path = chance.choices(PATHS, [70, 15, 3, 3, 3, 3, 3])[0]
    fields = FEEDBACK_FIELDS if path == "/feedback" else FIELDS
    one = dict(SOUND) if path != "/feedback" else {}
    for field in chance.sample(fields, chance.randint(0, 3)):
        one[field] = chance.choice(STRANGE)
    value: Any = one
    if chance.random() < 0.2:
        value = [one] * chance.choice([0, 1, 2, 100, 101])
    elif chance.random() < 0.05:
        value = chance.choice(STRANGE)
    body = json.dumps(value, ensure_ascii=chance.random() < 0.5).encode("utf-8", "replace")
    if chance.random() < 0.3:
        body = mutated(body, chance)
    media = MEDIA_TYPES[0] if chance.random() < 0.9 else chance.choice(MEDIA_TYPES)
    headers = {
        "Content-Type": media,
        "X-Request-ID": chance.choice(["", "a b", "x" * 500, "ok-12345"]),
    }
    return path, body, headers


def mutated(body: bytes, chance: random.Random) -> bytes:
    """Return ``body`` with bytes changed, cut off, or repeated."""
    changed = bytearray(body)
    for _ in range(chance.randint(1, 5)):
        if not changed:
            break
        place = chance.randrange(len(changed))
        how = chance.randrange(4)
        if how == 0:
            changed[place] = chance.randrange(256)
        elif how == 1:
            del changed[place:]
        elif how == 2:
            changed[place:place] = changed[place : place + 50] * 3
        else:
            changed[place:place] = b'\\ud800"'
    return bytes(changed)


def main(arguments: Sequence[str] | None = None) -> None:
    asked = parse(arguments)
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="bench-faults-") as name:
        done, balance, fuzzed = kill_under_load(asked, Path(name), console)
    table = Table(title=f"Faults under {RATE} requests a second")
    for heading in ("fault", "tried", "survived", "slowest, s"):
        table.add_column(heading, justify="left" if heading == "fault" else "right")
    for kind in dict.fromkeys(kind for kind, _, _ in done):
        of_kind = [(survived, seconds) for other, survived, seconds in done if other == kind]
        table.add_row(
            kind,
            str(len(of_kind)),
            str(sum(survived for survived, _ in of_kind)),
            f"{max(seconds for _, seconds in of_kind):.1f}",
        )
    Console(width=100).print(table)
    figures = {
        "tried": len(done),
        "survived": sum(survived for _, survived, _ in done),
        **balance,
        **fuzzed,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
