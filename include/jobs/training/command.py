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
from include.jobs.training.pipeline import (
    TrainingPipeline,
    one_line,
    request_from_params,
    train_all,
)
from include.jobs.training.plan import TrainingRequest
from include.settings import Settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m include.jobs.training.command",
        description="Train candidates on the months before a test month and evaluate them on it; "
        "compare them with the champion; register and promote the best. Settings come from the "
        "environment: DATABASE_URL, MLFLOW_TRACKING_URI, SITE, CANDIDATES and others.",
    )
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    for step, summary in (
        ("train", "train and evaluate the candidates named"),
        ("evaluate", "compare the trained candidates with the champion; change nothing"),
        ("register", "compare, then register and promote the best if it passes the gate"),
        ("all", "train, then register: what the DAG train_candidates does"),
    ):
        part = steps.add_parser(step, help=summary, description=summary)
        part.add_argument(
            "--candidate",
            action="append",
            default=[],
            choices=names.CANDIDATES,
            help="may be repeated; default: the setting CANDIDATES",
        )
        part.add_argument(
            *("--parameters", "-p"),
            type=json.loads,
            default={},
            help="JSON object of the candidate's parameters, such as '{\"penalty\": 2}'",
        )
        part.add_argument(
            "--test-month", default="", help="YYYY-MM; default: the latest stored month"
        )
        part.add_argument(
            "--window-months", type=int, default=0, help="training months; 0 means all"
        )
        part.add_argument("--reason", default="manual", help="goes into the ledger")
        part.add_argument(
            "--no-refit",
            action="store_true",
            help="serve the model as tested, without refitting it with the test month",
        )
    return parser


def _request(args: argparse.Namespace, settings: Settings) -> TrainingRequest:
    """Return the command line as a request; its steps share one training run per month."""
    params = {
        "candidates": args.candidate,
        "parameters": dict.fromkeys(args.candidate, args.parameters),
        "test_month": args.test_month,
        "window_months": args.window_months,
        "reason": args.reason,
        "refit": not args.no_refit,
    }
    actor = getpass.getuser()
    return request_from_params(params, settings, request_id=f"command line of {actor}", actor=actor)


def _run_step(
    step: str, pipeline: TrainingPipeline, request: TrainingRequest, console: Console
) -> None:
    """Run one step and print its result."""
    if step == "all":
        console.print(Markdown(train_all(pipeline, request, console.print)["note"]))
        return
    plan = pipeline.plan(request)
    if step == "train":
        for spec in plan.specs:
            console.print(one_line(pipeline.train_one(plan, spec)))
        return
    trained = pipeline.finished(plan)
    if not trained:
        raise MissingDataError(
            f"nothing was trained for {plan.months.test_month} with these questions and this code: "
            "run the step 'train' first"
        )
    if step == "evaluate":
        console.print(Markdown(pipeline.compare(plan, trained)[1]))
    else:
        console.print(Markdown(pipeline.select(plan, trained)["note"]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a training step from the command line; return the exit code."""
    args = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        settings = Settings.from_env()
        request = _request(args, settings)
        _run_step(args.step, TrainingPipeline.from_settings(settings), request, Console())
    except TagkeeperError as error:
        Console(stderr=True).print(f"[red]{error}[/]")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
