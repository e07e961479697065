"""
The steps of a training run from the command line: train, evaluate, register, or all of them.

    python -m include.jobs.training.command all --candidate tfidf --candidate bert

Settings come from the environment.
"""

from __future__ import annotations

import argparse
import getpass
import json
import logging
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markdown import Markdown

from include import names
from include.errors import MissingDataError, TagkeeperError
from include.jobs.training.pipeline import Training, one_line, request_from_params, train_all
from include.jobs.training.plan import TrainingRequest
from include.settings import Settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.jobs.training.command",
        description="Train candidates on the months before a test month and measure them on it; "
        "compare them with the champion; register and promote the best. Settings come from the "
        "environment: DATABASE_URL, MLFLOW_TRACKING_URI, SITE, CANDIDATES and others.",
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for step, said in (
        ("train", "train and measure the candidates named"),
        ("evaluate", "compare what was trained with the champion; change nothing"),
        ("register", "compare, then register and promote the best if it passes the gate"),
        ("all", "train, then register: what the DAG train_candidates does"),
    ):
        part = steps.add_parser(step, help=said, description=said)
        part.add_argument(
            "--candidate",
            action="append",
            default=[],
            choices=names.CANDIDATES,
            help="may be given several times; the setting CANDIDATES if left out",
        )
        part.add_argument(
            *("--parameters", "-p"),
            type=json.loads,
            default={},
            help="JSON object of the candidate's own parameters, such as '{\"penalty\": 2}'",
        )
        part.add_argument("--test-month", default="", help="YYYY-MM; the latest stored if empty")
        part.add_argument(
            "--window-months", type=int, default=0, help="months to learn from; 0 means all"
        )
        part.add_argument("--reason", default="by hand", help="goes into the ledger")
        part.add_argument(
            "--no-refit",
            action="store_true",
            help="serve the model as tested, without learning from the test month",
        )
    return parser


def _request(asked: argparse.Namespace, settings: Settings) -> TrainingRequest:
    """Return what the command line asks for; its steps share one training run per month."""
    params = {
        "candidates": asked.candidate,
        "parameters": dict.fromkeys(asked.candidate, asked.parameters),
        "test_month": asked.test_month,
        "window_months": asked.window_months,
        "reason": asked.reason,
        "refit": not asked.no_refit,
    }
    actor = getpass.getuser()
    return request_from_params(params, settings, request_id=f"command line of {actor}", actor=actor)


def _run_step(step: str, training: Training, request: TrainingRequest, console: Console) -> None:
    """Do one step of the command line and show what came of it."""
    if step == "all":
        console.print(Markdown(train_all(training, request, console.print)["note"]))
        return
    plan = training.plan(request)
    if step == "train":
        for spec in plan.specs:
            console.print(one_line(training.train_one(plan, spec)))
        return
    outcomes = training.finished(plan)
    if not outcomes:
        raise MissingDataError(
            f"nothing was trained for {plan.months.test_month} with these questions and this code: "
            "run the step 'train' first"
        )
    if step == "evaluate":
        console.print(Markdown(training.compare(plan, outcomes)[1]))
    else:
        console.print(Markdown(training.choose(plan, outcomes)["note"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do a step of training from the command line; return the process's exit code."""
    asked = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        settings = Settings.from_env()
        request = _request(asked, settings)
        _run_step(asked.step, Training.from_settings(settings), request, Console())
    except TagkeeperError as error:
        Console(stderr=True).print(f"[red]{error}[/]")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
