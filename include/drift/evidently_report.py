"""
Evidently's reports on a check, one page per family of signals: for people, not for decisions.

One report per family, so that a failure in one leaves the others complete. Metrics are chosen
explicitly, and each column's threshold comes from random splits of its own reference instead of a
default. Evidently calls the analysis period ``current``.
"""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import distance
from scipy.stats import wasserstein_distance

from include.drift.evidently_workspace import WorkspacePlace, publish_runs
from include.drift.samples import Observations
from include.escaping import without_markup

if TYPE_CHECKING:
    import pandas as pd
    from evidently.core.report import Snapshot

log = logging.getLogger(__name__)

FAMILIES: Final = ("data", "text", "tags", "predictions", "quality")
OTHER_NAMES: Final = "(all others)"
NAMES_SHOWN: Final = 60
SPLITS: Final = 100
LEVEL: Final = 0.99
MAX_ROWS: Final = 20_000


@dataclass(frozen=True, slots=True)
class EvidentlyPage:
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
    """Values of one column in both periods: categories or numbers."""

    name: str
    reference: NDArray[Any]
    current: NDArray[Any]
    categorical: bool


def make_pages(
    reference: Observations,
    current: Observations,
    folder: Path,
    *,
    title: str,
    at: datetime,
    workspace: WorkspacePlace | None = None,
    project: str = "drift",
    seed: int = 0,
) -> list[EvidentlyPage]:
    """
    Write one HTML page per family into ``folder`` and add them to Evidently's workspace.

    A family that fails is logged and left out; the others are made. The same title again replaces
    its runs in the workspace.

    Parameters
    ----------
    reference, current : Observations
    folder : Path
        Exists.
    title : str
        Of the report, such as ``2024-02 against 2023-10..2024-01``.
    at : datetime
        Its time on the workspace's time axis.
    workspace : Path or EvidentlyServer or None
        Folder that ``evidently ui --workspace`` shows, created if absent; or such a server.
    project : str
        Its project, created if absent.
    seed : int
    """
    os.environ.setdefault("DO_NOT_TRACK", "1")
    title, project = without_markup(title), without_markup(project)
    pages, runs = [], []
    for family in FAMILIES:
        columns = _columns(family, reference, current)
        if not columns:
            continue
        try:
            run = _run(columns, f"{title}: {family}", at, seed)
        except Exception:  # whatever Evidently raises on unusual data: the other pages are made
            log.exception("no Evidently page for the family %s of %s", family, title)
            continue
        html = folder / f"{family}.html"
        run.save_html(str(html))
        runs.append((f"{title}: {family}", run))
        pages.append(EvidentlyPage(family, html, drift_scores(json.loads(run.json()))))
    if workspace is not None and runs:
        publish_runs(workspace, project, runs)
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


def _columns(family: str, reference: Observations, current: Observations) -> list[_Column]:
    """Return the family's columns; none where either period lacks them."""
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
    return _Column(
        name, np.asarray(reference, float), np.asarray(current, float), categorical=False
    )


def _exploded(
    name: str, reference: Sequence[Sequence[str]], current: Sequence[Sequence[str]]
) -> _Column:
    """Return one row per (question, name), rare names merged: Evidently has no list columns."""
    sides = (reference, current)
    uses = [Counter(chain.from_iterable(side)) for side in sides]
    # Evidently writes names into a script and its charts read tags of HTML in them. Each name is
    # cleaned once: a reference has millions of words, of which some thousand differ.
    clean = {value: without_markup(value) for counts in uses for value in counts}
    shares: Counter[str] = Counter()
    for counts in uses:
        total = counts.total()
        for value, count in counts.items():
            shares[clean[value]] += count / total  # type: ignore[assignment]
    most_used = {key for key, _ in shares.most_common(NAMES_SHOWN)}
    shown = {value: key if key in most_used else OTHER_NAMES for value, key in clean.items()}
    before, after = (
        np.fromiter(
            map(shown.__getitem__, chain.from_iterable(side)), dtype=object, count=counts.total()
        )
        for side, counts in zip(sides, uses, strict=True)
    )
    return _Column(name, before, after, categorical=True)


def _run(columns: Sequence[_Column], name: str, at: datetime, seed: int) -> Snapshot:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MeanValue, QuantileValue, UniqueValueCount, ValueDrift

    generator = np.random.default_rng(seed)
    metrics: list[Any] = []
    for column in columns:
        metrics.append(
            ValueDrift(
                column=column.name,
                method="jensenshannon" if column.categorical else "wasserstein",
                threshold=_threshold(column, generator),
            )
        )
        if column.categorical:
            metrics.append(UniqueValueCount(column=column.name))
        else:
            metrics.append(MeanValue(column=column.name))
            metrics.append(QuantileValue(column=column.name, quantile=0.5))
    definition = DataDefinition(
        numerical_columns=[c.name for c in columns if not c.categorical],
        categorical_columns=[c.name for c in columns if c.categorical],
    )
    sides = [
        Dataset.from_pandas(_table(columns, side, generator), definition)
        for side in ("current", "reference")
    ]
    return Report(metrics, include_tests=True).run(*sides, timestamp=at, name=name)


def _table(columns: Sequence[_Column], side: str, generator: np.random.Generator) -> pd.DataFrame:
    """Combine columns of different lengths in one table; Evidently ignores empty cells."""
    import pandas as pd

    return pd.DataFrame(
        {column.name: pd.Series(_subsample(getattr(column, side), generator)) for column in columns}
    )


def _threshold(column: _Column, generator: np.random.Generator) -> float:
    """Return the 99 % quantile of the score over random splits of the reference."""
    values = _subsample(column.reference, generator)
    size = min(len(column.current), len(values) // 2)
    distance_of = _normed_wasserstein_distance
    if column.categorical:  # numbers of categories: names would be sorted for each split
        values = np.unique(values.astype(str), return_inverse=True)[1]
        distance_of = _jensen_shannon_distance
    scores = []
    for _ in range(SPLITS if size else 0):
        order = generator.permutation(len(values))
        scores.append(distance_of(values[order[size:]], values[order[:size]]))
    return float(np.quantile(scores, LEVEL)) if scores else 0.1


def _jensen_shannon_distance(reference: NDArray[np.intp], current: NDArray[np.intp]) -> float:
    """Return the Jensen-Shannon distance as Evidently calculates it, of numbers of categories."""
    width = 1 + max(int(reference.max()), int(current.max()))
    before, after = (np.bincount(side, minlength=width) for side in (reference, current))
    return float(distance.jensenshannon(before, after))


def _normed_wasserstein_distance(reference: NDArray[Any], current: NDArray[Any]) -> float:
    """Return Evidently's Wasserstein distance, in standard deviations of the reference."""
    return float(wasserstein_distance(reference, current) / max(float(np.std(reference)), 0.001))


def _subsample(values: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
    """Sample at most `MAX_ROWS`, which Evidently handles in seconds."""
    if len(values) <= MAX_ROWS:
        return values
    return generator.choice(values, MAX_ROWS, replace=False)
