"""The table of candidates with the choice and its reason, as Markdown and as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from include.jobs.training.plan import Outcome, Plan
from include.registry.runs import run_url

COLUMNS: Final[Mapping[str, str]] = {
    "f1@1": "F1@1",
    "f1@3": "F1@3",
    "f1@5": "F1@5",
    "f1_all@5": "F1@5, all",
    "coverage": "coverage",
    "ceiling_all@5": "ceiling",
    "train_s": "train s",
    "rank_ms": "rank ms",
}
AIRFLOW_NOTE_LENGTH: Final = 1000
_TIMES: Final = ("train_s", "rank_ms")


def table_rows(
    outcomes: Sequence[Outcome], chosen: str, champion: Mapping[str, float] | None, version: str
) -> list[dict[str, Any]]:
    """
    Return the candidates as rows, best first, with the champion's own figures where it has any.

    Parameters
    ----------
    outcomes : sequence of Outcome
    chosen : str
        The best candidate's label.
    champion : mapping or None
        The champion's figures on the same month.
    version : str
        The champion's version, for its row's name.
    """
    ordered = sorted(outcomes, key=lambda outcome: -outcome.figures["f1_all@5"])
    rows = [
        {"candidate": outcome.spec.label, "chosen": outcome.spec.label == chosen}
        | {name: outcome.figures.get(name) for name in COLUMNS}
        | {"run_id": outcome.run_id, "reused": outcome.reused}
        for outcome in ordered
    ]
    if champion is not None:
        label = f"champion, version {version}"
        rows.append(
            {"candidate": label, "chosen": False}
            | {name: champion.get(name) for name in COLUMNS}
            | {"run_id": "", "reused": False}
        )
    return rows


def markdown_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a Markdown table; the chosen candidate is in bold."""
    lines = [
        "| candidate | " + " | ".join(COLUMNS.values()) + " |",
        "|---" * (len(COLUMNS) + 1) + "|",
    ]
    for row in rows:
        name = f"**{row['candidate']}**" if row["chosen"] else str(row["candidate"])
        lines.append(f"| {name} | " + " | ".join(_cell(key, row[key]) for key in COLUMNS) + " |")
    return "\n".join(lines)


def note(plan: Plan, rows: Sequence[Mapping[str, Any]], reason: str, failed: Sequence[str]) -> str:
    """Return the run's note: what was asked, what came out, what was decided and why."""
    months = plan.months
    parts = [
        f"**{reason}**",
        f"Tested on {months.test_month} of {plan.site} after training on {months.train_first} to "
        f"{months.train_last}. Asked for by {plan.actor}: {plan.reason}.",
        markdown_table(rows),
        "F1@k counts questions with a tag inside the vocabulary; the column *all* counts every "
        "question and every tag, and the choice goes by it.",
    ]
    if failed:
        parts.append(f"Failed and left out: {', '.join(failed)}.")
    return "\n\n".join(parts)


def short_note(outcome: Mapping[str, Any], mlflow_url: str) -> str:
    """
    Return the note for Airflow's page of the run, which holds `AIRFLOW_NOTE_LENGTH` characters.

    Parameters
    ----------
    outcome : mapping
        What `Chooser.act` returned.
    mlflow_url : str
        Where people reach MLflow: the note links to the whole table there.
    """
    link = run_url(mlflow_url, outcome["experiment_id"], outcome["run_id"])
    failed = f" Failed: {', '.join(outcome['failed'])}." if outcome["failed"] else ""
    head = f"**{outcome['test_month']}: {outcome['reason']}**{failed} [All figures]({link})"
    lines = [head, "", "| candidate | F1@1 | F1@3 | F1@5 | all |", "|---|---|---|---|---|"]
    for row in outcome["rows"]:
        name = f"**{row['candidate']}**" if row["chosen"] else row["candidate"]
        cells = [_cell(key, row[key]) for key in ("f1@1", "f1@3", "f1@5", "f1_all@5")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    while len("\n".join(lines)) > AIRFLOW_NOTE_LENGTH and len(lines) > 1:
        lines.pop()
    return "\n".join(lines)[:AIRFLOW_NOTE_LENGTH]


def _cell(name: str, value: float | None) -> str:
    """Return a figure as people read it."""
    if value is None:
        return ""
    return f"{value:.1f}" if name in _TIMES else f"{value:.3f}"
