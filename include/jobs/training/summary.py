"""The table of candidates with the selection and its reason, as Markdown and plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from include.escaping import markdown
from include.evaluation.bootstrap import BootstrapInterval
from include.evaluation.suggested import F1_SUGGESTED, THRESHOLD_METRICS, threshold_table
from include.jobs.training import encoder_time
from include.jobs.training.plan import TrainedCandidate, TrainingPlan
from include.months import period_end_label
from include.registry.runs import run_url
from include.store.label_readings import FIRST_READ_DAYS
from include.task_results import CandidateRow, TrainingResult

COLUMNS: Final[Mapping[str, str]] = {
    "f1_all@1": "F1@1",
    "f1_all@3": "F1@3",
    "f1_all@5": "F1@5",
    "f1@5": "F1@5, known tags",
    F1_SUGGESTED: "F1, suggested",
    "answered_suggested": "answered",
    "coverage": "coverage",
    "ceiling_all@5": "ceiling",
    "learned_from": "learned from",
    "train_s": "train s",
    "rank_ms": "rank ms",
}
SHORT_COLUMNS: Final = ("f1_all@1", "f1_all@3", "f1_all@5", F1_SUGGESTED)
"""Of the note of the Airflow run, which is short."""
AIRFLOW_NOTE_LENGTH: Final = 1000
SETTLED_DAYS: Final = 14.0
"""People rarely change tags later."""
_TIMES: Final = ("train_s", "rank_ms")


def table_rows(
    trained: Sequence[TrainedCandidate],
    selected: str,
    champion: Mapping[str, float] | None,
    version: str,
) -> list[CandidateRow]:
    """
    Return the candidates as rows, best first, and the champion's figures as the last row, if any.

    Parameters
    ----------
    trained : sequence of TrainedCandidate
    selected : str
        The selected candidate's label.
    champion : mapping or None
        The champion's figures on the same month.
    version : str
        The champion's version, for the label of its row.
    """
    ordered = sorted(trained, key=lambda candidate: -candidate.figures["f1_all@5"])
    rows = [
        CandidateRow(
            candidate=candidate.spec.label,
            selected=candidate.spec.label == selected,
            figures=_figures(candidate.figures),
            run_id=candidate.run_id,
            reused=candidate.reused,
            learned_from=candidate.learned_from,
        )
        for candidate in ordered
    ]
    if champion is not None:
        rows.append(CandidateRow(f"champion, version {version}", False, _figures(champion)))
    return rows


def _figures(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Return the figures of the columns and those by threshold, None where one is absent."""
    return {name: figures.get(name) for name in (*COLUMNS, *THRESHOLD_METRICS)}


def markdown_table(rows: Sequence[CandidateRow]) -> str:
    """Return rows as a Markdown table; the selected candidate is in bold."""
    lines = [
        "| candidate | " + " | ".join(COLUMNS.values()) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for row in rows:
        cells = [_cell(key, row.figures.get(key)) for key in COLUMNS]
        lines.append(f"| {_name(row)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def markdown_thresholds(row: CandidateRow) -> str:
    """Return a candidate's figures by threshold as a Markdown table; empty if it has none."""
    table = threshold_table(row.figures)
    lines = [
        "| " + " | ".join("" if value is None else f"{value:.2f}" for value in values) + " |"
        for values in zip(*table.values(), strict=True)
    ]
    if not lines:
        return ""
    return "\n".join(["| " + " | ".join(table) + " |", "|---" * len(table) + "|", *lines])


def note(
    plan: TrainingPlan,
    rows: Sequence[CandidateRow],
    reason: str,
    failed: Sequence[str],
    f1: BootstrapInterval,
) -> str:
    """
    Return the run's note: the request, the figures, the decision and its reason.

    Parameters
    ----------
    plan : TrainingPlan
    rows : sequence of CandidateRow
    reason : str
        Of the decision.
    failed : sequence of str
        Labels of the candidates whose training failed.
    f1 : BootstrapInterval
        The selected candidate's F1@5.
    """
    months = plan.months
    parts = [
        f"**{markdown(reason)}**",
        f"Tested on {months.label} of {plan.site} after training on {months.train_first} to "
        f"{period_end_label(months.test_range[0])}. Requested by {markdown(plan.request.actor)}: "
        f"{markdown(plan.request.reason)}.{_label_age(plan)}",
        markdown_table(rows),
        "F1@k counts every question and every tag, and F1@5 decides the selection; *known tags* "
        "counts only what is in the model's own vocabulary, so models with different vocabularies "
        "cannot be compared by it. *F1, suggested*: of the tags that are suggested outright, "
        "whose number follows from their scores; *answered*: the share of questions that get any.",
    ]
    learned = [f"- {_name(row)}: {markdown(row.learned_from)}" for row in rows if row.learned_from]
    if learned:
        parts.append("\n".join(["Learned from:", "", *learned]))
    if sentence := sample_sentence(plan, f1):
        parts.insert(2, markdown(sentence))
    for row in rows:
        if row.selected and (table := markdown_thresholds(row)):
            parts.append(f"{markdown(row.candidate)} by minimum score:\n\n{table}")
    if plan.left_out:
        parts.append(
            f"Left out: {markdown('; '.join(plan.left_out))}. Name them to train them anyway."
        )
    if failed:
        parts.append(f"Failed and left out: {markdown(', '.join(failed))}.")
    return "\n\n".join(parts)


def sample_sentence(plan: TrainingPlan, f1: BootstrapInterval) -> str:
    """
    Return that only a sample of the test month was tested, and why; empty if all was.

    Parameters
    ----------
    plan : TrainingPlan
    f1 : BootstrapInterval
        The selected candidate's F1@5 on the sample.
    """
    if plan.test_sample is None:
        return ""
    return (
        "All candidates were tested on the same sample: "
        f"{encoder_time.reason(plan.test_sample)}. F1@5 of the selected one is {f1.mean:.3f} "
        f"(95 % interval of the whole month {f1.low:.3f} to {f1.high:.3f})."
    )


def label_ages(plan: TrainingPlan) -> dict[str, float]:
    """
    Return how old the tags of tested and training questions were when they were last read.

    For MLflow and the ledger: ``label_age_days``, the median in days, and ``young_label_share``,
    the share last read within `FIRST_READ_DAYS` of the question; those of the training months have
    ``train_`` before them. Without what is not known.
    """
    ages = {"": plan.test_label_age, "train_": plan.train_label_age}
    figures = {}
    for prefix, age in ages.items():
        if age is not None:
            figures[f"{prefix}label_age_days"] = round(age.median_days, 1)
            figures[f"{prefix}young_label_share"] = round(age.young_share, 3)
    return figures


def _label_age(plan: TrainingPlan) -> str:
    """Return sentences about tags that people may still change; empty if all are old enough."""
    tested, trained = plan.test_label_age, plan.train_label_age
    sentences = []
    if tested is not None and tested.median_days < SETTLED_DAYS:
        sentences.append(
            f"Half of the tested questions' tags were read within {tested.median_days:.1f} days of "
            "being asked, and people may still change them."
        )
    if trained is not None and trained.young_share > 0:
        sentences.append(
            f"Of the training questions' tags, {trained.young_share:.1%} were last read within "
            f"{FIRST_READ_DAYS} days, half of all within {trained.median_days:,.1f} days."
        )
    return "".join(f" {sentence}" for sentence in sentences)


def short_note(result: TrainingResult, mlflow_url: str) -> str:
    """
    Return the note of the Airflow run, at most `AIRFLOW_NOTE_LENGTH` characters.

    Parameters
    ----------
    result : TrainingResult
    mlflow_url : str
        Public address of MLflow: the note links to the full table there.
    """
    link = run_url(mlflow_url, result.experiment_id, result.run_id)
    failed = f" Failed: {markdown(', '.join(result.failed))}." if result.failed else ""
    head = f"**{result.test_month}: {markdown(result.reason)}**{failed} [All figures]({link})"
    titles = [COLUMNS[key] for key in SHORT_COLUMNS]
    lines = [head, "", f"| candidate | {' | '.join(titles)} |", "|---" * (len(titles) + 1) + "|"]
    for row in result.rows:
        cells = [_cell(key, row.figures.get(key)) for key in SHORT_COLUMNS]
        lines.append(f"| {_name(row)} | {' | '.join(cells)} |")
    while len("\n".join(lines)) > AIRFLOW_NOTE_LENGTH and len(lines) > 1:
        lines.pop()
    return "\n".join(lines)[:AIRFLOW_NOTE_LENGTH]


def _name(row: CandidateRow) -> str:
    """Return the candidate's label, in bold if it is selected."""
    label = markdown(row.candidate)
    return f"**{label}**" if row.selected else label


def _cell(name: str, value: float | None) -> str:
    """Return a figure rounded for people."""
    if value is None:
        return ""
    if name == "learned_from":
        return f"{value:,.0f}"
    return f"{value:.1f}" if name in _TIMES else f"{value:.3f}"
