"""Metadata of a candidate's run: plain values for MLflow and for the model's folder."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from include.candidates.base import Candidate
from include.evaluation.evaluation import Evaluation
from include.evaluation.suggested import F1_SUGGESTED, THRESHOLD_METRICS, threshold_table
from include.jobs.data.datasets import SplitMonths, TrainingData
from include.jobs.data.fitting import FitCost
from include.jobs.training.code_version import code_version, git_version
from include.jobs.training.learned_from import LearnedFrom
from include.jobs.training.plan import CandidateSpec, TrainedCandidate
from include.registry.runs import Run
from include.store.encoder_time import EncoderSample

EVALUATION: Final = "evaluation"
REFIT: Final = "refit"
REPORTED_METRICS: Final = (
    "f1@1",
    "f1@3",
    "f1@5",
    "f1_all@1",
    "f1_all@3",
    "f1_all@5",
    "coverage",
    "ceiling_all@5",
    "mrr",
    "ndcg@5",
)
SUGGESTED_METRICS: Final = (
    F1_SUGGESTED,
    "precision_suggested",
    "recall_suggested",
    "answered_suggested",
)
"""Metrics of the tags suggested outright; slices without scores have none."""


def reported(figures: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics that are stored with the model, so that the service can show them."""
    names = {*REPORTED_METRICS, *SUGGESTED_METRICS, *THRESHOLD_METRICS}
    return {name: value for name, value in figures.items() if name in names}


def trained_candidate(spec: CandidateSpec, run: Run, *, reused: bool) -> TrainedCandidate:
    """Return a finished run as a trained candidate; metrics of slices stay in MLflow."""
    figures = {name: value for name, value in run.metrics.items() if "/" not in name}
    learned_from = run.params.get("learned_from", "")
    return TrainedCandidate(spec, run.run_id, figures, reused, learned_from)


def candidate_of_run(run: Run) -> TrainedCandidate:
    """Return an earlier evaluation run, read from its tags, as a trained candidate."""
    spec = CandidateSpec(run.tags["candidate"], json.loads(run.tags["overrides"]))
    return trained_candidate(spec, run, reused=True)


def identifying_tags(
    spec: CandidateSpec, data: TrainingData, key: str, *, kind: str
) -> dict[str, str]:
    """Return the tags that identify a run for reuse."""
    return {
        "training_key": key,
        "kind": kind,
        "candidate": spec.name,
        "overrides": json.dumps(spec.parameters, sort_keys=True),
        "site": data.site,
        "dataset_id": data.dataset_id,
        "train_first": data.first_month,
        "train_last": data.last_month,
        "learned_until": data.until.isoformat(),
        "code_version": code_version(),
        "git_version": git_version(),
    }


def logged_params(
    candidate: Candidate, data: TrainingData, learned_from: LearnedFrom
) -> dict[str, Any]:
    """Return the parameters that MLflow shows for the run."""
    return candidate.get_params() | {
        "candidate": candidate.name,
        "site": data.site,
        "train_first": data.first_month,
        "train_last": data.last_month,
        "learned_until": data.until.isoformat(),
        "questions": len(data.questions),
        "tags": len(data.vocabulary),
        "learned_from": str(learned_from),
        "min_tag_count": data.min_tag_count,
        "least_uses": data.least_uses,
        "dataset_id": data.dataset_id,
        "code_version": code_version(),
    }


def all_metrics(evaluation: Evaluation) -> dict[str, float]:
    """Return the metrics over all questions, and of each slice the reported ones."""
    metrics = dict(evaluation.figures)
    metrics |= {"ece": evaluation.calibration.ece, "brier": evaluation.calibration.brier}
    metrics |= {f"{name}/ece": curve.ece for name, curve in evaluation.slice_calibration.items()}
    for name, part in evaluation.slices.items():
        if name != "all":
            for metric in (*REPORTED_METRICS, *SUGGESTED_METRICS):
                if metric in part.figures:
                    metrics[f"{name}/{metric}"] = part.figures[metric]
            metrics[f"{name}/questions"] = float(part.question_count)
    return metrics


def evaluation_tables(evaluation: Evaluation) -> dict[str, dict[str, Sequence[Any]]]:
    """Return the tables that MLflow shows for the run: columns by the artifact's path."""
    tags, slices = evaluation.tags, evaluation.slices
    by_slice: dict[str, Sequence[Any]] = {
        "slice": list(slices),
        "questions": [part.question_count for part in slices.values()],
    }
    for metric in REPORTED_METRICS:
        by_slice[metric] = [round(part.figures[metric], 4) for part in slices.values()]
    for metric in SUGGESTED_METRICS:  # slices of other rankings have no scores, so no sets
        values = [part.figures.get(metric) for part in slices.values()]
        by_slice[metric] = [None if value is None else round(value, 4) for value in values]
    return {
        "tables/tags.json": {
            "tag": [tag.tag for tag in tags],
            "uses": [tag.use_count for tag in tags],
            "suggested": [tag.suggested_count for tag in tags],
            "precision": [round(tag.precision, 4) for tag in tags],
            "recall": [round(tag.recall, 4) for tag in tags],
        },
        "tables/slices.json": by_slice,
        "tables/thresholds.json": dict(threshold_table(evaluation.figures)),
    }


def fit_metrics(learned_from: LearnedFrom, cost: FitCost) -> dict[str, float]:
    """Return what a fit learned from and took; memory only where it could be measured."""
    metrics = {
        "learned_from": float(learned_from.question_count),
        "train_s": cost.seconds,
        "fit_reserved_mb": cost.reserved_mb,
        "fit_added_mb": cost.added_mb,
        "fit_peak_mb": cost.peak_mb,
    }
    return {name: value for name, value in metrics.items() if not math.isnan(value)}


def tag_uses(tags: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> dict[str, int]:
    """
    Return how many questions have each tag of the vocabulary.

    Examples
    --------
    >>> tag_uses([["a", "b"], ["a"], ["c"]], ["a", "b"])
    {'a': 2, 'b': 1}
    """
    uses = Counter(tag for row in tags for tag in row)
    return {tag: uses[tag] for tag in vocabulary}


def model_metadata(
    data: TrainingData,
    learned_from: LearnedFrom,
    figures: Mapping[str, float],
    evaluation_run_id: str,
    bert_model: str | None,
) -> dict[str, Any]:
    """Return the metadata for the model's folder, in addition to what the catalogue writes."""
    return {
        "site": data.site,
        "train_first": data.first_month,
        "train_last": data.last_month,
        "learned_until": data.until.isoformat(),
        "questions": len(data.questions),
        "tag_uses": tag_uses(data.questions.tags, data.vocabulary),
        "learned_from": learned_from.to_dict(),
        "dataset_id": data.dataset_id,
        "min_tag_count": data.min_tag_count,
        "least_uses": data.least_uses,
        "metrics": dict(figures),
        "evaluation_run_id": evaluation_run_id,
        "code_version": code_version(),
        "bert_model": bert_model,
    }


def tested_metadata(
    months: SplitMonths, sample: EncoderSample | None, *, refit: bool
) -> dict[str, Any]:
    """
    Return what the model's folder says of its test.

    Parameters
    ----------
    months : SplitMonths
    sample : EncoderSample or None
        Of the month, if not all of it was tested.
    refit : bool
        Whether the model has learned the tested questions since.
    """
    metadata: dict[str, Any] = {"tested_on": months.label, "refit": refit}
    return metadata | ({"test_sample": asdict(sample)} if sample else {})
