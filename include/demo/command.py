"""The demo, from an empty machine to a replaced champion; `tagkeeper demo` runs it."""

import os
import traceback

from rich.console import Console
from rich.table import Table

from include.demo.context import Demo, run_stages
from include.demo.resources import peak_memory
from include.demo.stages import STAGES
from include.errors import FixSettingsError, TagkeeperError
from include.local_stack.options import StackOptions
from include.local_stack.progress import Steps
from include.local_stack.status import print_status
from include.settings import Settings


def run_demo(console: Console) -> int:
    """Run the demo; return 0 only if every step was verified."""
    try:
        settings = Settings.from_env()
        demo = Demo(settings, _options(), Steps(console))
    except TagkeeperError as error:
        console.print(f"The demo cannot start: {error}", markup=False, highlight=False)
        return 1
    try:
        with peak_memory(demo.local) as samples:
            run_stages(demo, STAGES)
            demo.figures["memory_mb"]["peak"] = round(max(samples, default=0.0))
    except KeyboardInterrupt:
        console.print("\nInterrupted; `make down` stops what is running.")
        return 130
    except Exception as error:
        _explain(error, demo)
        return 1
    _finish(demo)
    return 0


def _options() -> StackOptions:
    options = StackOptions.from_mapping({"WATCH": "1", **os.environ})
    if options.live:
        raise FixSettingsError("the demo needs months of questions at once: DATA=file, not LIVE=1")
    return options


def _explain(error: Exception, demo: Demo) -> None:
    """Print in one line what could not be verified, and where the logs are."""
    logs = demo.local / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "demo.log").write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    known = isinstance(error, TagkeeperError)
    message = str(error) if known else f"{type(error).__name__}: {error}"
    console = demo.steps.console
    console.print("[red bold]The demo stopped:[/red bold] ", end="")
    console.print(message, markup=False, highlight=False)
    console.print(f"Logs: {logs} and {demo.local / 'airflow' / 'logs'}", highlight=False)


def _finish(demo: Demo) -> None:
    console = demo.steps.console
    written, figures = demo.write(), demo.summary()
    table = Table("candidate", "F1@1", "F1@3", "F1@5", box=None, pad_edge=False)
    best_first = sorted(figures["candidates"].items(), key=lambda item: -item[1]["f1@5"])
    for name, one in best_first:
        table.add_row(name, *(f"{one[key]:.3f}" for key in ("f1@1", "f1@3", "f1@5")))
    console.rule("[bold green]Every step verified", align="left")
    console.print(
        f"{figures['questions']:,} questions, {figures['months']} months · champion: version "
        f"{figures['champion_version']} · {figures['predictions_recorded']} predictions recorded · "
        f"{figures['seconds']['total']:.0f} s · at most {figures['memory_mb']['peak']:,} MB",
        highlight=False,
    )
    console.print(table)
    print_status(demo.local, console)
    console.print(f"Figures: {written}. The platform keeps running; `make down` stops it.")
