"""
The service with a model of 5,000 tags: latency at 200 requests a second, memory, explanations.

    python -m tests.benchmarks.bench_serve_large [--questions 20000] [--workers 2] [--seconds 20]

A `linear` model is trained on a simulated site (5,000 tags by Zipf's law, 145 terms a question) and served by
the real service, which records every answer in a real PostgreSQL. The load generator is another process
on the same cores. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import psutil
import requests
from rich.console import Console

from include.candidates.base import vocabulary_of
from include.candidates.catalogue import make_candidate, save_candidate
from include.sandbox.large_site import LargeSite, large_questions
from include.text.prepare import prepare
from tests.benchmarks.scale_serving import measure_saved, no_encoder
from tests.benchmarks.service_setup import (
    TEST_QUESTIONS,
    finish_load,
    postgres,
    start_load,
    wait_for,
    write_payloads,
)
from tests.serving.ledger import make_champion
from tests.serving.running import RunningService
from tests.serving.stub_registry import StubRegistry

RATE = 200
MIN_TAG_COUNT = 5


def own_mb(worker: psutil.Process) -> float:
    """Return the memory of a process that no file backs: what another worker needs again."""
    status = Path(f"/proc/{worker.pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    """Train, serve, load, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--questions", type=int, default=20_000)
    parser.add_argument("--family", default="linear")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    console = Console(stderr=True)
    made = list(large_questions(LargeSite(questions=options.questions + TEST_QUESTIONS)))
    rows = [{"title": q.title, "body": q.body_html, "tags": list(q.tags)} for q in made]
    known, asked = rows[:-TEST_QUESTIONS], rows[-TEST_QUESTIONS:]
    texts = [prepare(row["title"], row["body"]) for row in known]
    tags = [row["tags"] for row in known]
    vocabulary = vocabulary_of(tags, MIN_TAG_COUNT)
    console.log(f"training {options.family} on {len(known):,} questions, {len(vocabulary):,} tags")
    model = make_candidate(options.family, None, no_encoder).fit(texts, tags, vocabulary)
    alone = measure_saved(model, [prepare(row["title"], row["body"]) for row in asked])
    with tempfile.TemporaryDirectory(prefix="bench-serve-large-") as name:
        work = Path(name)
        save_candidate(model, work / "model", {"questions": len(known)})
        payloads = write_payloads(work / "payloads.jsonl", asked)
        with postgres(work / "postgres") as server, StubRegistry() as registry:
            registry.add("1", work / "model")
            make_champion(server.url, registry, "1")
            (work / "service").mkdir()
            with RunningService(
                work / "service",
                database_url=server.url,
                registry_url=registry.url,
                workers=options.workers,
            ) as service:
                url = f"{service.url}/predict"
                ready = f"{service.url}/readyz"
                wait_for(lambda: requests.get(ready, timeout=5).status_code == 200, 60, "a model")
                console.log(f"{RATE} requests a second")
                warm = start_load(url, payloads, seconds=3, connections=16, rate=RATE)
                finish_load(warm)
                found = finish_load(
                    start_load(url, payloads, seconds=options.seconds, connections=16, rate=RATE)
                )
                memory = max(map(own_mb, service.workers()))
                question = {"title": asked[0]["title"], "body": asked[0]["body"], "explain": True}
                (answer, *_) = [requests.post(url, json=question, timeout=10).json()]
    explained = sum(bool(tag.get("reasons")) for tag in answer["tags"])
    console.print(f"explained: {explained} of {len(answer['tags'])} tags")
    print(
        json.dumps(
            {
                "questions": len(known),
                "tags": len(vocabulary),
                "rank_ms": alone["rank_ms"],
                "model_mb": alone["model_mb"],
                "p50_ms": round(found["p50_ms"], 2),
                "p99_ms": round(found["p99_ms"], 2),
                "per_s": round(found["requests_per_s"], 1),
                "statuses": found["statuses"],
                "worker_own_mb": round(memory, 1),
                "explained_tags": explained,
            }
        )
    )


if __name__ == "__main__":
    main()
