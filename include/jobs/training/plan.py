"""The request and the plan of a training run: plain values that are passed between tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from include.errors import FixInputError
from include.jobs.data.datasets import SplitMonths
from include.store.encoder_time import EncoderSample
from include.store.label_readings import LabelAge


@dataclass(frozen=True, slots=True)
class CandidateSpec:
    """A candidate family with the parameters that differ from its defaults."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """Its name in tables and tasks: ``tfidf``, or ``tfidf (alpha=2)``."""
        if not self.parameters:
            return self.name
        settings = ", ".join(f"{key}={value}" for key, value in sorted(self.parameters.items()))
        return f"{self.name} ({settings})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with the label for Airflow's task names."""
        return {"name": self.name, "parameters": self.parameters, "label": self.label}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CandidateSpec:
        """Rebuild the object from ``to_dict``."""
        return cls(str(values["name"]), dict(values.get("parameters") or {}))


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """
    A request for a training run.

    Parameters
    ----------
    request_id : str
        A DAG run's id, or another id: a repeated request resumes the same training run.
    actor : str
        Who makes the request; goes into the ledger.
    reason : str
    candidates : tuple of CandidateSpec
        At least one, without repetitions.
    whole_window_only : bool
        Leave out the candidates that cannot learn from every question of the window.
    test_month : str or None
        ``YYYY-MM``; the latest completely stored month, if None.
    window_months : int or None
        Training months, >= 1; all, if None.
    drift_report_id : int or None
        The drift report that triggered it: the gate's rule is then "not worse".
    refit : bool
        Refit with the test month before serving, so that its new tags are known.
    test_from, test_until : str or None
        ``YYYY-MM-DD``, half-open: the days on which a refresh is tested, instead of a month. The
        gate's rule is then "not worse".
    unseen_from : str or None
        ``YYYY-MM-DD``, of a refresh: the first day that the champion has not learned.
    """

    request_id: str
    actor: str
    reason: str
    candidates: tuple[CandidateSpec, ...]
    whole_window_only: bool = False
    test_month: str | None = None
    window_months: int | None = None
    drift_report_id: int | None = None
    refit: bool = True
    test_from: str | None = None
    test_until: str | None = None
    unseen_from: str | None = None

    @property
    def is_refresh(self) -> bool:
        """Whether the champion's own configuration learns from the days since it was trained."""
        return self.test_from is not None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, for passing between tasks."""
        return asdict(self) | {"candidates": [spec.to_dict() for spec in self.candidates]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingRequest:
        """Rebuild the object from ``to_dict``."""
        candidates = tuple(CandidateSpec.from_dict(spec) for spec in values["candidates"])
        return cls(**{**values, "candidates": candidates})


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """
    A request with its months and data resolved.

    Parameters
    ----------
    request : TrainingRequest
    site : str
    months : SplitMonths
    dataset_id, test_id : str
        Hashes of the training data and the test data.
    run_id, experiment_id : str
        The MLflow run that is the parent of the candidates' runs and holds the selection.
    specs : tuple of CandidateSpec
        The requested candidates that are trained.
    left_out : tuple of str
        Of each requested candidate that cannot learn from the whole window, why.
    test_sample : EncoderSample or None
        How many of the test month's questions the candidates are tested on; None for all.
    test_label_age, train_label_age : LabelAge or None
        How old the tags were when they were last read: of the tested questions, and of those of the
        training months.
    """

    request: TrainingRequest
    site: str
    months: SplitMonths
    dataset_id: str
    test_id: str
    run_id: str
    experiment_id: str
    specs: tuple[CandidateSpec, ...]
    left_out: tuple[str, ...]
    test_sample: EncoderSample | None = None
    test_label_age: LabelAge | None = None
    train_label_age: LabelAge | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, for passing between tasks."""
        specs = [spec.to_dict() for spec in self.specs]
        return asdict(self) | {"request": self.request.to_dict(), "specs": specs}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingPlan:
        """Rebuild the object from ``to_dict``."""
        fields = dict(values)
        fields["request"] = TrainingRequest.from_dict(fields["request"])
        fields["months"] = SplitMonths(**fields["months"])
        fields["left_out"] = tuple(fields["left_out"])
        if sample := fields.get("test_sample"):
            fields["test_sample"] = EncoderSample(**sample)
        for name in ("test_label_age", "train_label_age"):
            if age := fields.get(name):
                fields[name] = LabelAge(**age)
        fields["specs"] = tuple(CandidateSpec.from_dict(spec) for spec in fields["specs"])
        return cls(**fields)


@dataclass(frozen=True, slots=True)
class TrainedCandidate:
    """
    A candidate that was trained and evaluated.

    Parameters
    ----------
    spec : CandidateSpec
    run_id : str
    figures : dict of str to float
        Metrics over all questions, ``train_s`` and ``rank_ms``.
    reused : bool
        Whether it comes from an earlier run with the same data, parameters and code.
    learned_from : str
        How many questions of the window, of which dates, with how many tags; see
        `include.jobs.training.learned_from.LearnedFrom`.
    """

    spec: CandidateSpec
    run_id: str
    figures: dict[str, float]
    reused: bool
    learned_from: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, for passing between tasks."""
        return asdict(self) | {"spec": self.spec.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainedCandidate:
        """Rebuild the object from ``to_dict``."""
        return cls(**{**values, "spec": CandidateSpec.from_dict(values["spec"])})


def expand_candidates(
    names: Sequence[str], parameters: Mapping[str, Any] | None
) -> tuple[CandidateSpec, ...]:
    """
    Return one spec for each name and each of its sets of parameters.

    Parameters
    ----------
    names : sequence of str
        At least one; repetitions are dropped.
    parameters : mapping or None
        By name: a set of parameters, or a list of sets, each trained as a candidate of its own.

    Raises
    ------
    FixInputError
        If there is no name, or parameters have another form or belong to none of the names.

    Examples
    --------
    >>> [spec.label for spec in expand_candidates(["use", "tfidf"], {"tfidf": [{}, {"c": 2}]})]
    ['use', 'tfidf', 'tfidf (c=2)']
    """
    given = dict(parameters or {})
    if not names:
        raise FixInputError("choose at least one candidate")
    if unknown := sorted(set(given) - set(names)):
        raise FixInputError(f"parameters for {unknown[0]!r}, which is not among the candidates")
    specs: dict[str, CandidateSpec] = {}
    for name in names:
        sets = given.get(name, {})
        for values in sets if isinstance(sets, list) else [sets]:
            if not isinstance(values, Mapping):
                raise FixInputError(f"parameters of {name} must be an object or a list of objects")
            spec = CandidateSpec(name, dict(values))
            specs.setdefault(json.dumps(spec.to_dict(), sort_keys=True), spec)
    return tuple(specs.values())
