"""
Throughput and latency of our service, MLflow's server and a bare Flask route.

All serve the same linear model: ours records every answer in a real PostgreSQL; ``mlflow models
serve`` runs with as many workers; the bare route returns a constant, under our gunicorn settings and
under gunicorn's own threaded worker. A further peer is MLflow's server with a model written without
this platform: scikit-learn's TF-IDF and ridge. The cost of recording is small beside the noise of a
machine, so services with and without it run at once and are loaded in turns of a second or two; and
as memory layout makes a process faster or slower by some percent, several pairs are compared. Then
100 model swaps under load. The load generator is a separate process on the same cores, so the
processor time per request is shown too.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import requests
from rich.console import Console
from rich.table import Table

from include.candidates.base import vocabulary_of
from include.candidates.labels import label_matrix
from tests.benchmarks.load import Load, LoadResults, http_requests
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
from tests.serving.running import RunningService, free_port
from tests.serving.stub_registry import StubRegistry

CONNECTIONS = (1, 4, 32)
LIVE = ("1", "2", "3", "4")
NEVER_LIVE = "5"
OURS = "ours"
NOT_RECORDING = "ours, not recording"
BARE = "bare route"
BARE_GTHREAD = "bare route, gunicorn's worker"
MLFLOW_SAME_MODEL = "mlflow models serve"
MLFLOW_PLAIN_MODEL = "mlflow models serve, plain model"
TURN_S = 1.5  # longer than the service's drain interval
WARM_UP_S = 2.0
GRACE_S = 5.0  # within which every worker swaps


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.bench_serve",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, default=8.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=1, help="each, in turn; medians are shown")
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=5, help="of services with and without record")
    parser.add_argument("--turns", type=int, default=10, help="of each pair")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without-mlflow", action="store_true", help="skip MLflow's server")
    return parser.parse_args(arguments)


def measure(
    url: str, payloads: Path, seconds: float, server: int, rate: float | None = None
) -> dict[str, Any]:
    """Return results by number of connections, and at a rate; ``server`` is the process id."""
    loads: dict[str, dict[str, Any]] = {
        str(connections): {"connections": connections} for connections in CONNECTIONS
    }
    if rate is not None:
        loads["at rate"] = {"connections": 16, "rate": rate}
    figures = {}
    for name, options in loads.items():
        before = cpu_seconds(server)
        found = finish_load(start_load(url, payloads, seconds=seconds, **options))
        spent = cpu_seconds(server) - before
        found["cpu_us"] = round(1e6 * spent / found["sent"], 1)
        figures[name] = found
    return figures


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process and its descendants so far."""
    parent = psutil.Process(pid)
    times = [process.cpu_times() for process in (parent, *parent.children(recursive=True))]
    return float(sum(time.user + time.system for time in times))


@contextmanager
def mlflow_server(packed: Path, work: Path, workers: int) -> Iterator[tuple[str, int]]:
    """Yield address and process id of ``mlflow models serve`` of a model in MLflow's format."""
    port = free_port()
    log_path = work / "mlflow.log"
    with log_path.open("w") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "mlflow", "models", "serve", "-m", str(packed)),
                *("--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)),
                *("--workers", str(workers)),
            ],
            stdout=log,
            stderr=log,
            env={
                **os.environ,
                "MLFLOW_DISABLE_TELEMETRY": "true",
                "OMP_NUM_THREADS": "1",
                # `mlflow` starts uvicorn by its name
                "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            },
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{url}/ping"), 120, f"mlflow models serve, see {log_path}")
        yield f"{url}/invocations", process.pid
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=30)


def pack(model: Path, packed: Path) -> None:
    """Save the candidate as the platform registers it: models from code, with a signature."""
    import mlflow.pyfunc
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    from include.registry import folder

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.pyfunc.save_model(
            packed,
            python_model=str(Path(folder.__file__).with_name("pyfunc_model.py")),
            artifacts={"candidate": str(model)},
            pip_requirements=["numpy"],
            model_config={"bert_model": None},
            signature=ModelSignature(
                inputs=Schema([ColSpec("string", "title"), ColSpec("string", "body")]),
                params=ParamSchema([ParamSpec("k", "long", 5)]),
            ),
        )


def pack_plain(rows: Sequence[dict[str, Any]], packed: Path) -> None:
    """Save a model written without this platform: scikit-learn's TF-IDF and ridge."""
    import mlflow.sklearn
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    tags = [row["tags"] for row in rows]
    labels = label_matrix(tags, vocabulary_of(tags, 5)).toarray()
    pipeline = make_pipeline(TfidfVectorizer(max_features=20_000), Ridge(solver="sparse_cg"))
    pipeline.fit([f"{row['title']} {row['body']}" for row in rows], labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(pipeline, packed, pip_requirements=["scikit-learn"])


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 200
    except requests.RequestException:
        return False


def worker_memory(service: RunningService) -> dict[str, float]:
    """Return MB per worker: resident (RSS) and proportional (PSS)."""
    sizes = [worker.memory_full_info() for worker in service.workers()]
    return {
        "rss_mb": round(max(size.rss for size in sizes) / 1e6, 1),
        "pss_mb": round(max(size.pss for size in sizes) / 1e6, 1),
    }


def swap_under_load(
    server: Postgres, models: dict[str, Path], payloads: Path, work: Path, count: int, workers: int
) -> dict[str, Any]:
    """
    Move the alias ``count`` times under load and check every answer.

    An answer is wrong if its version did not have the alias at any time in the seconds before.
    """
    folder = work / "swaps"
    folder.mkdir()
    bodies = folder / "answers"
    with StubRegistry() as registry:
        for version, model in models.items():
            registry.add(version, model)
        moved = [(time.time(), LIVE[0])]
        make_champion(server.url, registry, LIVE[0])
        with RunningService(
            folder,
            database_url=server.url,
            registry_url=registry.url,
            workers=workers,
            environment={"SERVICE_POLL_S": "0.1"},
        ) as service:
            wait_for(lambda: all_serve(service, workers, LIVE[0]), 30, "all workers")
            load = start_load(
                f"{service.url}/predict",
                payloads,
                connections=8,
                seconds=count * 0.8 + 5,
                rate=150,
                bodies=bodies,
            )
            slowest = 0.0
            for number in range(1, count + 1):
                version = LIVE[number % len(LIVE)]
                begin = time.time()
                make_champion(server.url, registry, version)
                moved.append((begin, version))
                wait_for(lambda v=version: all_serve(service, workers, v), 30, "all workers")
                slowest = max(slowest, time.time() - begin)
            figures = finish_load(load)
    failed = sum(n for status, n in figures["statuses"].items() if status != "200")
    return {
        "swaps": count,
        "failed_during_swaps": failed,
        "answers_during_swaps": figures["statuses"].get("200", 0),
        "wrong_versions": wrong_versions(bodies, moved),
        "slowest_swap_s": round(slowest, 2),
    }


def compare_in_turns(
    apps: dict[str, str],
    server: Postgres,
    registry_url: str,
    payloads: Path,
    work: Path,
    turns: int,
    workers: int,
) -> list[float]:
    """Return the ratio of two apps' throughputs in each turn; both run at once."""
    per_second: list[list[float]] = []
    with ExitStack() as stack:
        loads = []
        for label, app in apps.items():
            folder = work / label
            folder.mkdir(parents=True)
            service = stack.enter_context(
                RunningService(
                    folder,
                    database_url=server.url,
                    registry_url=registry_url,
                    workers=workers,
                    app=app,
                    environment={"PYTHONHASHSEED": "0"},  # the same dicts in both
                )
            )
            wait_for_workers(service, workers, "1")
            url = f"{service.url}/predict"
            http_posts = http_requests(url, payloads.read_bytes().splitlines())
            loads.append(Load(url, http_posts, connections=4))
        for load in loads:
            load.run(WARM_UP_S)
        for _ in range(turns):
            per_second.append([answered_per_s(load, TURN_S) for load in loads])
    return [first / second for first, second in per_second]


def answered_per_s(load: Load, seconds: float) -> float:
    """Return the answers per second of a load; RuntimeError if one is not 200."""
    load.results = LoadResults()
    begin = time.perf_counter()
    results = load.run(seconds)
    if set(results.statuses) != {"200"}:
        raise RuntimeError(f"not all answers were 200: {dict(results.statuses)}")
    return len(results.latencies) / (time.perf_counter() - begin)


def wait_for_workers(service: RunningService, workers: int, version: str) -> None:
    """Wait until every worker serves; a later one would get no connection."""
    if "app_model_version" in requests.get(f"{service.url}/metrics", timeout=10).text:
        wait_for(lambda: all_serve(service, workers, version), 30, "all workers")
    time.sleep(1)


def all_serve(service: RunningService, workers: int, version: str) -> bool:
    """Return whether every worker serves ``version``."""
    lines = requests.get(f"{service.url}/metrics", timeout=10).text.splitlines()
    shown = [float(line.split()[-1]) for line in lines if line.startswith("app_model_version{")]
    return len(shown) == workers and set(shown) == {float(version)}


def wrong_versions(bodies: Path, moved: Sequence[tuple[float, str]]) -> int:
    """Return how many answers came from a version that was not live shortly before."""
    wrong = 0
    ends = [at for at, _ in moved[1:]] + [float("inf")]
    for line in bodies.read_bytes().splitlines():
        at_text, _, body = line.partition(b" ")
        at, version = float(at_text), json.loads(body)["model_version"]
        live = {
            v for (begin, v), end in zip(moved, ends, strict=True) if begin <= at < end + GRACE_S
        }
        wrong += version not in live
    return wrong


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    console = Console(stderr=True)
    measured: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-serve-") as name:
        work = Path(name)
        source, rows = questions()
        console.log(f"training tfidf on {len(rows) - TEST_QUESTIONS} questions of {source}")
        model = train(work / "model", rows[:-TEST_QUESTIONS])
        payloads = write_payloads(work / "payloads.jsonl", rows[-TEST_QUESTIONS:])
        peers = {} if options.without_mlflow else mlflow_peers(model, rows, work)
        with postgres(work / "postgres") as server, StubRegistry() as registry:
            registry.add("1", model)
            make_champion(server.url, registry, "1")
            apps: dict[str, tuple[str, dict[str, str]]] = {
                OURS: ("serving:create_app()", {}),
                NOT_RECORDING: ("tests.benchmarks.bare_route:create_unrecorded()", {}),
                BARE: ("tests.benchmarks.bare_route:create_app()", {}),
                BARE_GTHREAD: (
                    "tests.benchmarks.bare_route:create_app()",
                    {"GUNICORN_CMD_ARGS": "--worker-class gthread"},
                ),
            }
            memory = {}
            for round_number in range(options.rounds):
                for label, (app, environment) in apps.items():
                    console.log(f"{label}, round {round_number + 1}")
                    folder = work / f"{label}-{round_number}"
                    folder.mkdir()
                    with RunningService(
                        folder,
                        database_url=server.url,
                        registry_url=registry.url,
                        workers=options.workers,
                        app=app,
                        environment=environment,
                    ) as service:
                        wait_for_workers(service, options.workers, "1")
                        figures = measure(
                            f"{service.url}/predict", payloads, options.seconds, service.pid, 200
                        )
                        memory[label] = worker_memory(service)
                    measured.setdefault(label, []).append(figures)
                for label, (packed, bodies) in peers.items():
                    console.log(f"{label}, round {round_number + 1}")
                    with mlflow_server(packed, work, options.workers) as (url, pid):
                        figures = measure(url, bodies, options.seconds, pid)
                    measured.setdefault(label, []).append(figures)
            pairs = []
            for number in range(options.pairs):
                console.log(f"with and without the record, pair {number + 1}")
                ratios = compare_in_turns(
                    {label: apps[label][0] for label in (OURS, NOT_RECORDING)},
                    server,
                    registry.url,
                    payloads,
                    work / f"pair-{number}",
                    options.turns,
                    options.workers,
                )
                pairs.append(ratios)
            console.log(f"{options.swaps} swaps under load")
            models = {"1": model, NEVER_LIVE: train(work / "never", rows[:400], "frequency")}
            for index, version in enumerate(LIVE[1:], start=1):
                models[version] = train(work / f"model-{version}", rows[: 800 + 100 * index])
            swaps = swap_under_load(server, models, payloads, work, options.swaps, options.workers)
    show(measured, memory, pairs, swaps, source)


def mlflow_peers(
    model: Path, rows: Sequence[dict[str, Any]], work: Path
) -> dict[str, tuple[Path, Path]]:
    """Return model folder and request bodies of each MLflow peer, by name."""
    pack(model, work / "mlflow-same")
    pack_plain(rows[:-TEST_QUESTIONS], work / "mlflow-plain")
    frames = write_payloads(work / "frames.jsonl", rows[-TEST_QUESTIONS:], as_frame=True)
    inputs = work / "inputs.jsonl"
    texts = [[f"{row['title']} {row['body']}"] for row in rows[-TEST_QUESTIONS:]]
    inputs.write_text("\n".join(json.dumps({"inputs": one}) for one in texts), encoding="utf-8")
    return {
        MLFLOW_SAME_MODEL: (work / "mlflow-same", frames),
        MLFLOW_PLAIN_MODEL: (work / "mlflow-plain", inputs),
    }


def median_of(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]


def median(rounds: Sequence[dict[str, Any]], key: str, figure: str) -> float:
    return median_of([float(one[key][figure]) for one in rounds])


def show(
    measured: dict[str, list[dict[str, Any]]],
    memory: dict[str, dict[str, float]],
    pairs: list[list[float]],
    swaps: dict[str, Any],
    source: str,
) -> None:
    """Print the tables, and as the last line the results as one JSON object."""
    out = Console(width=110)
    table = Table(title=f"One question a request, questions of {source}")
    headings = ("connections", "requests/s", "p50 ms", "p95 ms", "p99 ms", "CPU us", "not 200")
    for heading in ("", *headings):
        table.add_column(heading, justify="left" if not heading else "right")
    for label, rounds in measured.items():
        for key in rounds[0]:
            failed = sum(
                n for one in rounds for status, n in one[key]["statuses"].items() if status != "200"
            )
            table.add_row(
                label,
                key if key != "at rate" else "200 req/s",
                *(
                    f"{median(rounds, key, figure):,.1f}"
                    for figure in ("requests_per_s", "p50_ms", "p95_ms", "p99_ms", "cpu_us")
                ),
                str(failed),
            )
    out.print(table)
    out.print(f"memory of a worker (MB): {memory}")
    out.print(f"swaps: {swaps}")
    best = {
        label: max(median(rounds, str(c), "requests_per_s") for c in CONNECTIONS)
        for label, rounds in measured.items()
    }
    ours = best[OURS]
    mlflow, plain = best.get(MLFLOW_SAME_MODEL), best.get(MLFLOW_PLAIN_MODEL)
    figures = {
        "mlflow_ratio": round(ours / mlflow, 2) if mlflow else None,
        "mlflow_plain_ratio": round(ours / plain, 2) if plain else None,
        "bare_ratio": round(ours / best[BARE], 3),
        "bare_stock_ratio": round(ours / best[BARE_GTHREAD], 3),
        "unrecorded_ratio": round(median_of([ratio for pair in pairs for ratio in pair]), 3),
        "unrecorded_ratio_of_pairs": [round(median_of(pair), 3) for pair in pairs],
        "p99_ms_at_200": median(measured[OURS], "at rate", "p99_ms"),
        "requests_per_s": ours,
        "cpu_us": {label: median(rounds, "4", "cpu_us") for label, rounds in measured.items()},
        "generator_cpu_us": median(measured[OURS], "4", "generator_cpu_us"),
        **swaps,
        "worker_mb": memory[OURS],
        "cpus": psutil.cpu_count(),
        "questions": source,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
