"""
How long a person who types on the page waits for the first suggestion.

    python -m tests.benchmarks.bench_page [--questions 20] [--workers 1]

The real service with a `tfidf` model, which records every answer in a real PostgreSQL, and headless
Chromium on the same cores. Each question goes into a freshly opened page, the text first and then
the title, without which nothing is asked. The page's own clock measures from the last input to the
first tag, which includes the pause in typing that the page waits for. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import requests
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console

from tests.benchmarks.service_setup import TEST_QUESTIONS, postgres, questions, train, wait_for
from tests.conftest import chromium_path
from tests.serving.ledger import make_champion
from tests.serving.running import RunningService
from tests.serving.stub_registry import StubRegistry

WATCH = """
window.watched = { typed: null, model: null, suggested: null };
document.addEventListener("input", () => { window.watched.typed = performance.now(); }, true);
new MutationObserver(() => {
  const watched = window.watched;
  const known = document.querySelector("#model")?.textContent.includes("version");
  if (watched.model === null && known) watched.model = performance.now();
  const first = document.querySelector("#tags .tag");
  if (watched.suggested === null && first) watched.suggested = performance.now();
}).observe(document, { childList: true, subtree: true, characterData: true });
"""


def type_question(browser: Browser, url: str, row: dict[str, Any]) -> tuple[float, float]:
    """Return the milliseconds from opening the page to its model, and from last input to first tag."""
    page = browser.new_page()
    page.add_init_script(WATCH)
    page.goto(url)
    page.locator("#model", has_text="version").wait_for()
    page.locator("#body").fill(row["body"])
    page.locator("#title").fill(row["title"])
    page.locator("#tags .tag").first.wait_for()
    watched = page.evaluate("window.watched")
    page.close()
    return watched["model"], watched["suggested"] - watched["typed"]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    return {f"p{rank}_ms": round(float(np.percentile(values, rank)), 1) for rank in (50, 95)}


def main() -> None:
    """Train, serve, type, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    chromium = chromium_path()
    if chromium is None:
        raise SystemExit("no Chromium on this machine: install it, or set CHROMIUM to its program")
    console = Console(stderr=True)
    source, rows = questions()
    typed = rows[-options.questions :]
    with tempfile.TemporaryDirectory(prefix="bench-page-") as name:
        work = Path(name)
        console.log(f"training tfidf on questions of {source}")
        model = train(work / "model", rows[:-TEST_QUESTIONS])
        with postgres(work / "postgres") as server, StubRegistry() as registry:
            registry.add("1", model)
            make_champion(server.url, registry, "1")
            (work / "service").mkdir()
            with (
                RunningService(
                    work / "service",
                    database_url=server.url,
                    registry_url=registry.url,
                    workers=options.workers,
                ) as service,
                sync_playwright() as playwright,
            ):
                ready = f"{service.url}/readyz"
                wait_for(lambda: requests.get(ready, timeout=5).status_code == 200, 300, "a model")
                browser = playwright.chromium.launch(
                    executable_path=chromium, args=["--no-sandbox"]
                )
                type_question(browser, service.url, typed[0])  # warms browser and service up
                load = os.getloadavg()[0]
                times = [type_question(browser, service.url, row) for row in typed]
                browser.close()
    opened, suggested = zip(*times, strict=True)
    result = {
        "source": source,
        "questions": len(typed),
        "page_with_model": percentiles(opened),
        "last_input_to_first_tag": percentiles(suggested),
        "load": [round(load, 1), round(os.getloadavg()[0], 1)],
    }
    for what in ("page_with_model", "last_input_to_first_tag"):
        console.print(f"{what.replace('_', ' ')}: {result[what]}")
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
