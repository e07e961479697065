"""What the stages of the demo share, and how they are run one after another."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from include.demo.demo_months import DemoMonths
from include.demo.resources import cpu_seconds, own_cpu_seconds
from include.demo.service_client import ServiceAnswer
from include.errors import CheckFailedError
from include.local_stack.local_airflow import LocalAirflow
from include.local_stack.options import StackOptions
from include.local_stack.progress import Steps
from include.local_stack.state import read_environment
from include.questions import Question
from include.settings import Settings
from include.store.engine import make_engine


@dataclass
class Demo:
    """
    What one stage leaves for the next.

    Parameters
    ----------
    settings : Settings
        As in the environment of `make demo`.
    options : StackOptions
        The questions to work on.
    steps : Steps
        Shows what happens.
    figures : dict
        What was measured; becomes ``demo.json``.
    seconds, cpu_seconds : dict
        Seconds of each stage, by its name: by the clock, and of processor time.
    """

    settings: Settings
    options: StackOptions
    steps: Steps
    figures: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    next_questions: tuple[Question, ...] = ()
    answers: tuple[ServiceAnswer, ...] = ()
    _months: DemoMonths | None = None
    _airflow: LocalAirflow | None = None
    _engine: Engine | None = None

    @property
    def local(self) -> Path:
        """Folder of the stack's state."""
        return self.settings.local_dir.resolve()

    @property
    def site(self) -> str:
        """The API's name of the site."""
        return self.options.site

    @property
    def service_url(self) -> str:
        """Address of the suggestion service."""
        return self.environment["SERVICE_URL"]

    @property
    def months(self) -> DemoMonths:
        """The months of the demo."""
        if self._months is None:
            raise CheckFailedError("the site's months are not known yet")
        return self._months

    @property
    def airflow(self) -> LocalAirflow:
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

    def connect(self, read_months: Callable[[str, str], DemoMonths]) -> None:
        """Connect to the platform that has just been started."""
        self.environment = read_environment(self.local)
        self._airflow = LocalAirflow.from_environment(self.environment)
        self._engine = make_engine(self.environment["DATABASE_URL"])
        self._months = read_months(self.environment["STACKEXCHANGE_API_URL"], self.site)

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
class Stage:
    """
    One part of the demo.

    Parameters
    ----------
    name : str
        Its key in ``demo.json``'s seconds.
    title : str
        What people read above it.
    run : callable
        Does its work, verifies it, and returns its figures.
    """

    name: str
    title: str
    run: Callable[[Demo], dict[str, Any]]


def run_stages(demo: Demo, stages: Sequence[Stage]) -> None:
    """
    Run the stages in order; each one's figures and seconds go into the demo.

    Raises
    ------
    TagkeeperError
        From the first stage that could not be verified.
    """
    spent = own_cpu_seconds()
    for number, stage in enumerate(stages, start=1):
        demo.steps.console.rule(f"[bold]{number} · {stage.title}", align="left")
        started = time.monotonic()
        demo.figures.update(stage.run(demo))
        demo.seconds[stage.name] = time.monotonic() - started
        until_now = cpu_seconds(demo.local)
        demo.cpu_seconds[stage.name] = until_now - spent
        spent = until_now
