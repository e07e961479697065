"""
Evidently's pages of a check, one per family of signals: for people to look at, never to decide.

One report per family, so that a failure in one hides nothing of the others. Methods are named, and
each column's threshold comes from random splits of its own reference, not from a default.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import distance
from scipy.stats import wasserstein_distance

from include.drift.samples import Observed

if TYPE_CHECKING:
    import pandas as pd
    from evidently.core.report import Snapshot

log = logging.getLogger(__name__)

FAMILIES: Final = ("data", "text", "tags", "predictions", "quality")
OTHER: Final = "(all others)"
NAMES_SHOWN: Final = 60
SPLITS: Final = 100
LEVEL: Final = 0.99
MOST_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class Page:
    """
    One family's page.

    Parameters
    ----------
    family : str
    html : Path
    drifts : dict of str to float
        Evidently's drift score of each column, selected by name.
    """

    family: str
    html: Path
    drifts: dict[str, float]


@dataclass(frozen=True)
class _Column:
    """Values of one column on both sides; names are counted, numbers measured."""

    name: str
    reference: NDArray[Any]
    current: NDArray[Any]
    named: bool


def make_pages(
    reference: Observed,
    current: Observed,
    folder: Path,
    *,
    title: str,
    at: datetime,
    workspace: Path | None = None,
    project: str = "drift",
    seed: int = 0,
) -> list[Page]:
    """
    Write one HTML page per family into ``folder`` and add them to Evidently's workspace.

    A family that fails is logged and left out; the others are made. The same title again replaces
    its runs in the workspace.

    Parameters
    ----------
    reference, current : Observed
    folder : Path
        Exists.
    title : str
        What was checked, such as ``2024-02 against 2023-10..2024-01``.
    at : datetime
        Where the workspace's time axis shows it.
    workspace : Path or None
        Folder that ``evidently ui --workspace`` shows; made if absent.
    project : str
        Its project, made if absent.
    seed : int
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    pages, runs = [], []
    for family in FAMILIES:
        columns = _columns(family, reference, current)
        if not columns:
            continue
        try:
            run = _run(columns, f"{title}: {family}", at, seed)
        except Exception:  # whatever a library does with odd data, the other pages are made
            log.exception("no Evidently page for the family %s of %s", family, title)
            continue
        html = folder / f"{family}.html"
        run.save_html(str(html))
        runs.append((f"{title}: {family}", run))
        pages.append(Page(family, html, drift_scores(json.loads(run.json()))))
    if workspace is not None and runs:
        _publish(workspace, project, runs)
    return pages


def drift_scores(report: Mapping[str, Any]) -> dict[str, float]:
    """
    Return the drift score of each column of a report's JSON, found by metric and column names.

    Examples
    --------
    >>> metric = {"type": "evidently:metric_v2:ValueDrift", "column": "words"}
    >>> drift_scores({"metrics": [{"config": metric, "value": 0.2}]})
    {'words': 0.2}
    """
    return {
        metric["config"]["column"]: float(metric["value"])
        for metric in report["metrics"]
        if metric["config"].get("type", "").endswith(":ValueDrift")
    }


def _columns(family: str, reference: Observed, current: Observed) -> list[_Column]:
    """Return the family's columns; none where either side does not know them."""
    if family == "data":
        return [
            _numbers("words", reference.word_counts, current.word_counts),
            _numbers("code_share", reference.code_shares, current.code_shares),
        ]
    if family == "text":
        return [_exploded("word", reference.words, current.words)]
    if family == "tags" and reference.tags is not None and current.tags is not None:
        per_question = [[len(tags) for tags in side] for side in (reference.tags, current.tags)]
        return [
            _exploded("tag", reference.tags, current.tags),
            _numbers("tags_per_question", *per_question),
        ]
    if (
        family == "predictions"
        and reference.suggested is not None
        and current.suggested is not None
    ):
        sides = (reference.suggested, current.suggested)
        tags = [[[tag for tag, _ in row] for row in side] for side in sides]
        best = [[row[0][1] if row else 0.0 for row in side] for side in sides]
        return [_exploded("suggested_tag", *tags), _numbers("best_score", *best)]
    if family == "quality" and reference.f1 is not None and current.f1 is not None:
        return [_numbers("f1_at_5", reference.f1, current.f1)]
    return []


def _numbers(name: str, reference: Sequence[float], current: Sequence[float]) -> _Column:
    return _Column(name, np.asarray(reference, float), np.asarray(current, float), named=False)


def _exploded(
    name: str, reference: Iterable[Iterable[str]], current: Iterable[Iterable[str]]
) -> _Column:
    """Return one row per (question, name), rare names put together: Evidently knows no lists."""
    then, now = list(chain.from_iterable(reference)), list(chain.from_iterable(current))
    shares = Counter({key: count / max(len(then), 1) for key, count in Counter(then).items()})
    shares.update({key: count / max(len(now), 1) for key, count in Counter(now).items()})
    shown = {key for key, _ in shares.most_common(NAMES_SHOWN)}
    sides = [
        np.array([value if value in shown else OTHER for value in side], dtype=object)
        for side in (then, now)
    ]
    return _Column(name, sides[0], sides[1], named=True)


def _run(columns: Sequence[_Column], name: str, at: datetime, seed: int) -> Snapshot:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MeanValue, QuantileValue, UniqueValueCount, ValueDrift

    generator = np.random.default_rng(seed)
    metrics: list[Any] = []
    for column in columns:
        metrics.append(
            ValueDrift(
                column=column.name,
                method="jensenshannon" if column.named else "wasserstein",
                threshold=_threshold(column, generator),
            )
        )
        if column.named:
            metrics.append(UniqueValueCount(column=column.name))
        else:
            metrics.append(MeanValue(column=column.name))
            metrics.append(QuantileValue(column=column.name, quantile=0.5))
    definition = DataDefinition(
        numerical_columns=[c.name for c in columns if not c.named],
        categorical_columns=[c.name for c in columns if c.named],
    )
    sides = [
        Dataset.from_pandas(_table(columns, side, generator), definition)
        for side in ("current", "reference")
    ]
    return Report(metrics, include_tests=True).run(*sides, timestamp=at, name=name)


def _table(columns: Sequence[_Column], side: str, generator: np.random.Generator) -> pd.DataFrame:
    """Put columns of different lengths side by side; empty cells are not counted."""
    import pandas as pd

    return pd.DataFrame(
        {column.name: pd.Series(_at_most(getattr(column, side), generator)) for column in columns}
    )


def _threshold(column: _Column, generator: np.random.Generator) -> float:
    """Return the score that random splits of the reference exceed once in a hundred."""
    values = _at_most(column.reference, generator)
    size = min(len(column.current), len(values) // 2)
    measure = _names_apart if column.named else _numbers_apart
    scores = []
    for _ in range(SPLITS if size else 0):
        order = generator.permutation(len(values))
        scores.append(measure(values[order[size:]], values[order[:size]]))
    return float(np.quantile(scores, LEVEL)) if scores else 0.1


def _names_apart(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """Jensen-Shannon distance as Evidently computes it."""
    names, position = np.unique(
        np.concatenate([reference, current]).astype(str), return_inverse=True
    )
    then = np.bincount(position[: len(reference)], minlength=len(names))
    now = np.bincount(position[len(reference) :], minlength=len(names))
    return float(distance.jensenshannon(then, now))


def _numbers_apart(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """Wasserstein distance over the reference's standard deviation, as Evidently computes it."""
    return float(wasserstein_distance(reference, current) / max(float(np.std(reference)), 0.001))


def _at_most(values: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
    """Draw at most so many rows as pages can show in seconds."""
    if len(values) <= MOST_ROWS:
        return values
    return generator.choice(values, MOST_ROWS, replace=False)


def _publish(workspace: Path, project: str, runs: Sequence[tuple[str, Snapshot]]) -> None:
    """Add runs to the workspace; a run of the same name was of the same check and makes way."""
    from evidently.ui.workspace import Workspace

    workspace.mkdir(parents=True, exist_ok=True)
    place = Workspace.create(str(workspace))
    found = [known for known in place.search_project(project) if known.name == project]
    home = found[0] if found else place.create_project(project)
    names = {name for name, _ in runs}
    for known in place.list_runs(home.id):
        if place.get_run(home.id, known).name in names:
            place.delete_run(home.id, known)
    for name, run in runs:
        place.add_run(home.id, run, name=name)
