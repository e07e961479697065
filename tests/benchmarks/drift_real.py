"""Results of the monthly check on real questions, and their correlation with losses of F1@5."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy import stats

from include.drift.signal_catalogue import SIGNAL, SIGNALS
from include.questions import Question
from tests.benchmarks.drift_loop import Check, Encode, labelled, months_of, run_loop

MIN_QUESTIONS = 50


def read_questions(path: Path) -> list[Question]:
    """Read one of the shared files; the format is in its README."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Question(
            row["site"],
            row["id"],
            datetime.fromisoformat(row["creation_date"]).astimezone(UTC),
            row["title"],
            row["body"],
            tuple(row["tags"]),
        )
        for row in rows
    ]


def real_months(
    console: Console, path: Path, first_check: str, encode: Encode | None
) -> dict[str, Any]:
    """Check each month with monthly retraining (the default policy), print why, and correlate."""
    warnings.simplefilter("ignore")
    data = labelled(sorted(read_questions(path), key=lambda q: q.asked_at))
    every_month = {"retrain": "monthly", "evidently": False, "encode": encode}
    checks = run_loop(data, months_of(data), first_check, **every_month)
    # Every signal gets a threshold of its own here, also the informational ones.
    with_all = run_loop(data, months_of(data), first_check, alerting=SIGNALS, **every_month)
    table = Table("month", "questions", "F1@5", "coverage", "verdict", "why", title=path.name)
    for check in checks:
        table.add_row(
            check.month,
            str(check.size),
            f"{check.f1:.3f}",
            f"{check.coverage:.2f}",
            "DRIFT" if check.alarmed else "quiet",
            check.reason if check.alarmed else "",
        )
    console.print(table)
    return {
        "months": {check.month: check.alarmed for check in checks},
        "predicts": losses(console, with_all),
    }


def losses(console: Console, checks: Sequence[Check]) -> dict[str, dict[str, float]]:
    """
    Correlate each signal, as a multiple of its threshold, with F1@5 lost.

    In the same month (what the model in use loses against the month before) and in the next: how
    much lower it is than this month. Spearman's rank correlation, with its p-value.
    """
    f1 = np.array([check.f1 for check in checks])
    now, following = f1[:-2] - f1[1:-1], f1[1:-1] - f1[2:]
    table = Table("signal", "same month", "p", "next month", "p ", "alarms")
    result = {}
    for name in SIGNAL:
        read = [_multiple(check, name) for check in checks[1:-1]]
        if any(value is None for value in read):
            continue
        same = stats.spearmanr(read, now)
        later = stats.spearmanr(read, following)
        alarms = sum((_multiple(check, name) or 0) > 1 for check in checks)
        result[name] = {
            "same_month": round(float(same.statistic), 3),
            "same_month_p": round(float(same.pvalue), 4),
            "next_month": round(float(later.statistic), 3),
            "next_month_p": round(float(later.pvalue), 4),
            "alarms": alarms,
        }
        table.add_row(name, *(str(value) for value in result[name].values()))
    console.print(table)
    return result


def _multiple(check: Check, name: str) -> float | None:
    for value in check.values:
        if value.signal == name:
            return value.value / max(check.thresholds[name], 1e-9)
    return None
