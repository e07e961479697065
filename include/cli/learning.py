"""``tagkeeper train``, ``evaluate``, ``register``, ``refresh``, ``stability``, ``check-drift``."""

from __future__ import annotations

import getpass
import json
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown

from include.cli.options import Candidates, LastMonth, Reason, TestMonth, WindowMonths
from include.errors import FixInputError, MissingDataError

if TYPE_CHECKING:
    from include.jobs.training.pipeline import TrainingPipeline
    from include.jobs.training.plan import TrainingPlan, TrainingRequest

Parameters = Annotated[
    str,
    typer.Option(
        "--parameters",
        "-p",
        help="JSON object of the candidates' parameters, such as '{\"penalty\": 2}'.",
    ),
]
Refit = Annotated[
    bool, typer.Option(help="Learn once more from the test month too before serving.")
]


def train(
    candidate: Candidates = [],  # noqa: B006  # typer copies it; it does not take None for a list
    parameters: Parameters = "{}",
    test_month: TestMonth = "",
    window_months: WindowMonths = 0,
    reason: Reason = "manual",
    register: Annotated[
        bool, typer.Option(help="Also compare, register and promote, as train_candidates does.")
    ] = False,
    refit: Refit = True,
) -> None:
    """Train candidates on the months before a test month and evaluate them on it."""
    from include.jobs.training.pipeline import one_line, train_all

    pipeline, request = _prepared(candidate, parameters, test_month, window_months, reason, refit)
    console = Console(markup=False)
    if register:
        console.print(Markdown(train_all(pipeline, request, console.print).note))
        return
    plan = pipeline.plan(request)
    for spec in plan.specs:
        console.print(one_line(pipeline.train_one(plan, spec)))


def evaluate(
    candidate: Candidates = [],  # noqa: B006
    parameters: Parameters = "{}",
    test_month: TestMonth = "",
    window_months: WindowMonths = 0,
) -> None:
    """Compare the trained candidates with the champion; change nothing."""
    pipeline, request = _prepared(
        candidate, parameters, test_month, window_months, "manual", refit=True
    )
    plan = pipeline.plan(request)
    Console(markup=False).print(Markdown(pipeline.compare(plan, _trained(pipeline, plan))[1]))


def register(
    candidate: Candidates = [],  # noqa: B006
    parameters: Parameters = "{}",
    test_month: TestMonth = "",
    window_months: WindowMonths = 0,
    reason: Reason = "manual",
    refit: Refit = True,
) -> None:
    """Compare, then register the best and promote it if it passes the gate."""
    pipeline, request = _prepared(candidate, parameters, test_month, window_months, reason, refit)
    plan = pipeline.plan(request)
    Console(markup=False).print(Markdown(pipeline.select(plan, _trained(pipeline, plan)).note))


def refresh(
    now: Annotated[bool, typer.Option("--now", help="Even if it is not due.")] = False,
) -> None:
    """Let the champion learn from the open month too, if that is due; refresh_champion does it."""
    from include.jobs.refresh.refresh import ChampionRefresh
    from include.settings import Settings

    steps, console = ChampionRefresh.from_settings(Settings.from_env()), Console(markup=False)
    order = steps.decide(requested=now)
    console.print(order.reason)
    if order.cause is None:
        return
    actor = getpass.getuser()
    request_id = f"command line of {actor}, refresh up to {order.test_until}"
    result = steps.refresh(order, request_id=request_id, actor=actor)
    if result is not None:
        console.print(Markdown(result.note))


def _prepared(
    candidates: list[str],
    parameters: str,
    test_month: str,
    window_months: int,
    reason: str,
    refit: bool,
) -> tuple[TrainingPipeline, TrainingRequest]:
    """Return the pipeline of the settings, and the options as a request."""
    from include.jobs.training.pipeline import TrainingPipeline, request_from_params
    from include.settings import Settings

    settings, actor = Settings.from_env(), getpass.getuser()
    given = _json_object(parameters)
    params = {
        "candidates": candidates,
        "parameters": dict.fromkeys(candidates, given) if given else {},
        "test_month": test_month,
        "window_months": window_months,
        "reason": reason,
        "refit": refit,
    }
    # One request per person and month: train, evaluate and register share its training run
    request_id = f"command line of {actor}"
    request = request_from_params(params, settings, request_id=request_id, actor=actor)
    return TrainingPipeline.from_settings(settings), request


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise FixInputError(f"--parameters is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise FixInputError(f"--parameters must be a JSON object, got {text}")
    return found


def _trained(pipeline: TrainingPipeline, plan: TrainingPlan) -> Any:
    if trained := pipeline.finished(plan):
        return trained
    raise MissingDataError(
        f"nothing was trained for {plan.months.test_month} with these questions and this code: "
        "run `tagkeeper train` first"
    )


def stability(
    first: Annotated[str, typer.Option("--from", help="First month, YYYY-MM.")],
    last: LastMonth = "",
    candidate: Candidates = [],  # noqa: B006
    window_months: WindowMonths = 0,
    refreshes: Annotated[
        bool, typer.Option(help="Also refit within each month: every week, and on a surge of tags.")
    ] = False,
    without_rare_tags: Annotated[
        bool,
        typer.Option(
            "--without-rare-tags",
            help="Also fit each month with tags of five uses or more only: what rare ones gain. "
            "With --refreshes these models are refitted too.",
        ),
    ] = False,
    training_price: Annotated[
        float | None, typer.Option(min=0, help="What a training costs, in any unit.")
    ] = None,
    point_price: Annotated[
        float | None,
        typer.Option(min=0, help="What .01 F1@5 costs that is lost over all months, in that unit."),
    ] = None,
) -> None:
    """
    Train a model for each month, test it on every later one, and report on all of them.

    What is stored already is used again. Without a candidate: tfidf, or linear where tfidf cannot
    learn from every question of a window.
    """
    from include.jobs.stability.study import Stability, request_from_run
    from include.months import check_month, months_between
    from include.settings import Settings

    steps, console = Stability.from_settings(Settings.from_env()), Console(markup=False)
    months = months_between(check_month(first), last or first)
    params = {
        "candidates": candidate,
        "window_months": window_months,
        "refreshes": refreshes,
        "without_rare_tags": without_rare_tags,
        "training_price": training_price,
        "point_price": point_price,
    }
    requests = [request_from_run({**params, "month": month}, None, None) for month in months]
    for request in requests:
        for label, run_id in steps.train(request).items():
            console.print(f"{request.month} {label}: run {run_id}")
    for request in requests:
        for line in steps.report(request):
            console.print(line)


def check_drift(
    month: Annotated[str, typer.Option(help="The month to check, YYYY-MM.")],
) -> None:
    """Check a stored month for drift, store the report, and print every signal."""
    from include.jobs.drift.checks import Monitoring
    from include.settings import Settings

    monitoring, console = Monitoring.from_settings(Settings.from_env()), Console(markup=False)
    report_id = monitoring.check_month(month)
    stored = monitoring.report(report_id)
    console.print(f"report {report_id}: {stored.report.verdict}. {stored.report.summary['reason']}")
    for signal in stored.signals:
        mark = "ALARM" if signal.alarmed else ""
        threshold = "" if signal.threshold is None else f"{signal.threshold:.4f}"
        console.print(f"{signal.value.signal:18} {signal.value.value:9.4f} {threshold:>9} {mark}")
