"""What the chapters of the demo share, and how they are told one after another."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from include.demo.asking import Answer
from include.demo.load import cpu_seconds, own_cpu_seconds
from include.demo.span import Span
from include.errors import CheckFailedError
from include.local_stack.airflow_api import AirflowApi
from include.local_stack.choice import Choice
from include.local_stack.progress import Steps
from include.local_stack.state import read_environment
from include.questions import Question
from include.settings import Settings
from include.store.engine import make_engine


@dataclass
class Story:
    """
    What one chapter leaves for the next.

    Parameters
    ----------
    settings : Settings
        As in the environment of `make demo`.
    choice : Choice
        The questions to work on.
    steps : Steps
        Shows what happens.
    figures : dict
        What was measured; becomes ``demo.json``.
    seconds, cpu_seconds : dict
        Seconds of each chapter, by its name: by the clock, and of processor time.
    """

    settings: Settings
    choice: Choice
    steps: Steps
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    next_questions: tuple[Question, ...] = ()
    answers: tuple[Answer, ...] = ()
    _span: Span | None = None
    _airflow: AirflowApi | None = None
    _engine: Engine | None = None

    @property
    def local(self) -> Path:
        """Folder of the stack's state."""
        return self.settings.local_dir.resolve()

    @property
    def site(self) -> str:
        """The API's name of the site."""
        return self.choice.site

    @property
    def service_url(self) -> str:
        """Address of the suggestion service."""
        return self.environment["SERVICE_URL"]

    @property
    def span(self) -> Span:
        """The months of the story."""
        if self._span is None:
            raise CheckFailedError("the site's months are not known yet")
        return self._span

    @property
    def airflow(self) -> AirflowApi:
        """The running Airflow."""
        if self._airflow is None:
            raise CheckFailedError("the platform is not up yet")
        return self._airflow

    @property
    def engine(self) -> Engine:
        """The platform's database."""
        if self._engine is None:
            raise CheckFailedError("the platform is not up yet")
        return self._engine

    def connect(self, span: Callable[[str, str], Span]) -> None:
        """Take up contact with the platform that has just been started."""
        self.environment = read_environment(self.local)
        self._airflow = AirflowApi.from_environment(self.environment)
        self._engine = make_engine(self.environment["DATABASE_URL"])
        self._span = span(self.environment["STACKEXCHANGE_API_URL"], self.site)

    def write(self) -> Path:
        """Write ``demo.json`` and return where it is."""
        path = self.local / "demo.json"
        path.write_text(json.dumps(self.summary(), indent=1) + "\n", encoding="utf-8")
        return path

    def summary(self) -> dict[str, Any]:
        """Return the content of ``demo.json``."""
        return {
            **self.figures,
            "seconds": _with_total(self.seconds),
            "cpu_seconds": _with_total(self.cpu_seconds),
        }


def _with_total(seconds: dict[str, float]) -> dict[str, float]:
    rounded = {name: round(value, 1) for name, value in seconds.items()}
    return {**rounded, "total": round(sum(seconds.values()), 1)}


@dataclass(frozen=True)
class Chapter:
    """
    One part of the story.

    Parameters
    ----------
    name : str
        Its key in ``demo.json``'s seconds.
    title : str
        What people read above it.
    tell : callable
        Does it, verifies it, and returns its figures.
    """

    name: str
    title: str
    tell: Callable[[Story], dict[str, Any]]


def tell(story: Story, chapters: Sequence[Chapter]) -> None:
    """
    Tell the chapters in order; each one's figures and seconds go into the story.

    Raises
    ------
    TagkeeperError
        From the first chapter of which something could not be verified.
    """
    spent = own_cpu_seconds()
    for number, chapter in enumerate(chapters, start=1):
        story.steps.console.rule(f"[bold]{number} · {chapter.title}", align="left")
        started = time.monotonic()
        story.figures.update(chapter.tell(story))
        story.seconds[chapter.name] = time.monotonic() - started
        until_now = cpu_seconds(story.local)
        story.cpu_seconds[chapter.name] = until_now - spent
        spent = until_now
