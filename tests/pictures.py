"""
Makes the pictures of the documents, those of the pages in docs/, from running programs.

    python -m tests.pictures [--folder docs]

Starts PostgreSQL, MLflow and the demo's sandbox site; fetches its months, trains a champion and
studies a year by the commands of `tagkeeper`; starts the service, and photographs its pages (the
first one and that of a question) and the stability page in headless Chromium. Needs Chromium
(CHROMIUM names another program).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import requests
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from include.errors import FixSettingsError
from include.local_stack.waiting import wait_for
from include.sandbox.api import SandboxApi
from include.sandbox.events import demo_events
from include.sandbox.question_index import QuestionIndex
from include.sandbox.simulator import SITE, simulate
from include.sandbox.site import (
    DEMO_MONTHS,
    DEMO_QUESTIONS_PER_MONTH,
    descriptions_of,
    running,
)
from include.store.engine import make_engine
from include.store.stability import read_report_page, read_reports
from tests.conftest import chromium_path
from tests.servers import shared_server, start_mlflow, start_postgres, stop_servers
from tests.serving.running import RunningService

ROOT: Final = Path(__file__).resolve().parents[1]
FIRST_MONTH: Final = "2023-01"
STUDIED: Final = ("2023-07", "2024-06")
PAGE_SIZE: Final = (1180, 1230)  # pixels
STABILITY_SIZE: Final = (1000, 1350)
OVERVIEW_SIZE: Final = (1000, 965)
TITLE: Final = "df.merge of two dataframes loses dates"
QUESTION: Final = """I load both with `pd.read_csv` in my script:

```python
both = left.merge(right, on="date")
```

One **dataframe** has a timezone, the other has none, and each
*nan* in the index is gone. How do I keep the series?"""
TYPED: Final = "da"
"""What is typed into the field of tags."""


@dataclass(frozen=True)
class Platform:
    """What the pictures need of a platform: the environment of its commands, and a folder."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> None:
        """Run a command of `tagkeeper`; CalledProcessError if it fails."""
        command = [sys.executable, "-m", "include.cli", *arguments]
        subprocess.run(command, env={**os.environ, **self.environment}, cwd=ROOT, check=True)


@contextmanager
def platform(folder: Path) -> Iterator[Platform]:
    """Run PostgreSQL, MLflow and the demo's site, and end them; nothing is stored yet."""
    questions = simulate(
        first_month=FIRST_MONTH,
        months=DEMO_MONTHS,
        questions_per_month=DEMO_QUESTIONS_PER_MONTH,
        events=demo_events(FIRST_MONTH, DEMO_MONTHS),
    ).questions
    api = SandboxApi(SITE, QuestionIndex(questions), descriptions=descriptions_of(questions))
    # Of its own: the account that PostgreSQL runs as has to reach it
    servers = Path(tempfile.mkdtemp(prefix="pictures-servers-"))
    try:
        with running(api) as api_url:
            yield Platform(
                folder,
                {
                    "DATABASE_URL": shared_server(servers, "postgres", start_postgres),
                    "MLFLOW_TRACKING_URI": shared_server(servers, "mlflow", start_mlflow),
                    "STACKEXCHANGE_API_URL": api_url,
                    "SITE": SITE,
                    "LOCAL_DIR": str(folder / "local"),
                },
            )
    finally:
        stop_servers(servers)


def fill(made: Platform) -> None:
    """Fetch every month and what the site says of tags, train a champion, study a year."""
    first, last = STUDIED
    made.run("migrate")
    made.run("ingest", "--month", FIRST_MONTH, "--to", last)
    made.run("descriptions")
    made.run("train", "--candidate", "tfidf", "--register", "--test-month", last)
    made.run("check-drift", "--month", last)
    made.run("stability", "--from", first, "--to", last, "--candidate", "tfidf")


@contextmanager
def serving(made: Platform) -> Iterator[str]:
    """Run the service until it knows the model and the descriptions; yield its address."""
    folder = made.folder / "service"
    folder.mkdir()
    with RunningService(
        folder,
        database_url=made.environment["DATABASE_URL"],
        registry_url=made.environment["MLFLOW_TRACKING_URI"],
        workers=1,
        environment={"SITE": SITE},
    ) as service:
        tags = f"{service.url}/tags?tag=pandas"
        wait_for(
            lambda: "description" in requests.get(tags, timeout=5).json()["tags"][0],
            what="the service does not get the descriptions of tags",
        )
        yield service.url


def open_page(browser: Browser, size: tuple[int, int]) -> Page:
    """Return a light page of a fixed size in pixels, without movement."""
    width, height = size
    return browser.new_page(
        viewport={"width": width, "height": height},
        color_scheme="light",
        reduced_motion="reduce",
        locale="en-GB",
    )


def photograph(page: Page, path: Path) -> None:
    """Write what the page shows, in 256 colours: less than half the size, and no difference to see."""
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(256).save(path, optimize=True)


def picture_of_service(browser: Browser, address: str, path: Path) -> None:
    """Write the page with a question, its tags with their descriptions, and a completion."""
    page = open_page(browser, PAGE_SIZE)
    page.goto(address)
    page.get_by_label("Title").fill(TITLE)
    page.get_by_label("Question", exact=True).fill(QUESTION)
    page.locator(".tag .description").first.wait_for()
    page.get_by_text("What is stored").click()
    page.get_by_label("Add a tag").press_sequentially(TYPED)
    page.get_by_role("option").first.wait_for()
    photograph(page, path)


def picture_of_overview(browser: Browser, address: str, path: Path) -> None:
    """Write the first page: what needs a person, the state of the loop, and where to go."""
    page = open_page(browser, OVERVIEW_SIZE)
    page.goto(f"{address}/overview")
    page.get_by_role("main").wait_for()
    photograph(page, path)


def picture_of_stability(browser: Browser, made: Platform, path: Path) -> None:
    """Write the upper part of the stored report's page."""
    engine = make_engine(made.environment["DATABASE_URL"])
    with engine.connect() as connection:
        (report,) = read_reports(connection, SITE)
        html = read_report_page(connection, report.study_id, report.last_month)
    engine.dispose()
    page = open_page(browser, STABILITY_SIZE)
    page.set_content(str(html), wait_until="load")
    photograph(page, path)


def main() -> None:
    """Make all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "docs", help="default: docs")
    folder = parser.parse_args().folder
    chromium = chromium_path()
    if chromium is None:
        raise FixSettingsError("no Chromium: install it, or name the program in CHROMIUM")
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pictures-")))
        made = stack.enter_context(platform(work))
        fill(made)
        address = stack.enter_context(serving(made))
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        stack.callback(browser.close)
        folder.mkdir(parents=True, exist_ok=True)
        picture_of_service(browser, address, folder / "page.png")
        picture_of_overview(browser, address, folder / "overview.png")
        picture_of_stability(browser, made, folder / "stability.png")


if __name__ == "__main__":
    main()
