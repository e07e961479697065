"""What a training run is asked for, and what it will do: plain values that pass between tasks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from include.errors import FixInputError
from include.jobs.data.datasets import Months

CHEAPEST_FIRST: Final = ("frequency", "lda", "word2vec", "tfidf", "use", "bert", "hybrid")
"""Families by what an answer costs the service, memory and time together; breaks ties."""


@dataclass(frozen=True, slots=True)
class CandidateSpec:
    """A family with the parameters that differ from its defaults."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How tables and tasks call it: ``tfidf``, or ``tfidf (alpha=2)``."""
        if not self.parameters:
            return self.name
        said = ", ".join(f"{key}={value}" for key, value in sorted(self.parameters.items()))
        return f"{self.name} ({said})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, with the label for Airflow's task names."""
        return {"name": self.name, "parameters": self.parameters, "label": self.label}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CandidateSpec:
        """Return what ``to_dict`` described."""
        return cls(str(values["name"]), dict(values.get("parameters") or {}))


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """
    What somebody wants trained.

    Parameters
    ----------
    request_id : str
        A DAG run's id, or another name for this request: asked again, it goes on where it was.
    actor : str
        Who wants it; goes into the ledger.
    reason : str
    candidates : tuple of CandidateSpec
        At least one, no two alike.
    test_month : str or None
        ``YYYY-MM``; the latest completely stored month, if None.
    window_months : int or None
        Months to learn from, >= 1; all, if None.
    drift_report_id : int or None
        The report that asked for it: the gate's rule is then "not worse".
    refit : bool
        Learn once more from the test month too before serving, so that its new tags are known.
    """

    request_id: str
    actor: str
    reason: str
    candidates: tuple[CandidateSpec, ...]
    test_month: str | None = None
    window_months: int | None = None
    drift_report_id: int | None = None
    refit: bool = True


@dataclass(frozen=True, slots=True)
class Plan:
    """
    A request made definite; see `TrainingRequest`.

    Parameters
    ----------
    site : str
    months : Months
    dataset_id, test_id : str
        Hashes of what is learned from and tested on.
    run_id, experiment_id : str
        The MLflow run that holds the candidates' runs and the choice.
    specs : tuple of CandidateSpec
    request_id, actor, reason, drift_report_id, refit
    """

    site: str
    months: Months
    dataset_id: str
    test_id: str
    run_id: str
    experiment_id: str
    specs: tuple[CandidateSpec, ...]
    request_id: str
    actor: str
    reason: str
    drift_report_id: int | None
    refit: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, for passing between tasks."""
        return asdict(self) | {"specs": [spec.to_dict() for spec in self.specs]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """Return what ``to_dict`` described."""
        made = dict(values)
        made["months"] = Months(**made["months"])
        made["specs"] = tuple(CandidateSpec.from_dict(spec) for spec in made["specs"])
        return cls(**made)


@dataclass(frozen=True, slots=True)
class Outcome:
    """
    A candidate that was trained and measured.

    Parameters
    ----------
    spec : CandidateSpec
    run_id : str
    figures : dict of str to float
        Metrics over all questions, ``train_s`` and ``rank_ms``.
    reused : bool
        Whether an earlier run with the same data, parameters and code stood in.
    """

    spec: CandidateSpec
    run_id: str
    figures: dict[str, float]
    reused: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values, for passing between tasks."""
        return asdict(self) | {"spec": self.spec.to_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Outcome:
        """Return what ``to_dict`` described."""
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
        By name: a set of parameters, or a list of such sets to be trained side by side.

    Raises
    ------
    FixInputError
        If there is no name, or parameters are of another form or for a name not asked for.

    Examples
    --------
    >>> [spec.label for spec in expand_candidates(["use", "tfidf"], {"tfidf": [{}, {"c": 2}]})]
    ['use', 'tfidf', 'tfidf (c=2)']
    """
    given = dict(parameters or {})
    if not names:
        raise FixInputError("choose at least one candidate")
    if strange := sorted(set(given) - set(names)):
        raise FixInputError(f"parameters for {strange[0]!r}, which is not among the candidates")
    specs: dict[str, CandidateSpec] = {}
    for name in names:
        sets = given.get(name, {})
        for values in sets if isinstance(sets, list) else [sets]:
            if not isinstance(values, Mapping):
                raise FixInputError(f"parameters of {name} must be an object or a list of objects")
            spec = CandidateSpec(name, dict(values))
            specs.setdefault(json.dumps(spec.to_dict(), sort_keys=True), spec)
    return tuple(specs.values())
