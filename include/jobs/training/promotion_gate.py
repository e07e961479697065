"""Hold a candidate against the champion on the test month's questions; the gate's decision."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from include.errors import FixInputError, MissingDataError, ModelUnusableError
from include.evaluation.selection import Decision, Gate, Rule, judge
from include.jobs.data.datasets import Split, masks_of
from include.jobs.training.candidate_runs import CandidateRuns
from include.jobs.training.champion_predictions import ChampionAnswers
from include.jobs.training.fit_and_score import evaluate_results
from include.jobs.training.plan import CandidateSpec, Outcome, Plan
from include.jobs.training.question_results import QuestionResults
from include.registry import ModelVersion, Registry
from include.settings import Settings

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Asked:
    """
    The questions that candidates are compared on, in order of time.

    Parameters
    ----------
    ids : list of int
    tags : list of tuple of str
        Their true tags.
    """

    ids: list[int]
    tags: list[tuple[str, ...]]


@dataclass(frozen=True)
class ChampionGate:
    """
    Judges candidates of one training run.

    Parameters
    ----------
    engine : Engine
    registry : Registry
    candidates : CandidateRuns
    settings : Settings
        Gate, bootstrap and seed.
    """

    engine: Engine
    registry: Registry
    candidates: CandidateRuns
    settings: Settings

    def judge(
        self,
        plan: Plan,
        split: Split,
        challenger: Outcome,
        champion: ModelVersion | None,
        scores: FloatArray,
        asked: Asked,
    ) -> tuple[Decision, dict[str, float] | None]:
        """
        Return the gate's decision, and the champion's figures on the same month if any.

        Parameters
        ----------
        plan : Plan
        split : Split
        challenger : Outcome
        champion : ModelVersion or None
        scores : ndarray of float, shape (n_questions,)
            The challenger's `selection.GATE_METRIC` per question.
        asked : Asked
            Those questions.
        """
        if champion is None:
            said = f"{challenger.spec.label} becomes the first champion."
            return Decision(True, said, {"challenger": float(scores.mean())}), None
        if champion.tags.get("evaluation_run_id") == challenger.run_id:
            said = (
                f"Version {champion.version} stays: it is this very model, from the same questions,"
                " parameters and code."
            )
            return Decision(False, said, {}), challenger.figures
        try:
            answers = ChampionAnswers(self.engine, self.registry, self.candidates)
            theirs = answers.on(plan, split, champion)
        except ModelUnusableError as error:
            said = f"{challenger.spec.label} replaces a champion that is unusable ({error})."
            return Decision(True, said, {"challenger": float(scores.mean())}), None
        except (MissingDataError, FixInputError) as error:
            return Decision(False, f"Version {champion.version} stays: {error}.", {}), None
        gate = Gate(
            rule=self.rule(plan, challenger.spec, champion),
            min_gain=self.settings.min_gain,
            max_slice_loss=self.settings.max_slice_loss,
            samples=self.settings.bootstrap_samples,
            seed=self.settings.random_seed,
        )
        shared = asked_of_all(split, {"champion": theirs}, among=asked.ids)
        rows = np.isin(asked.ids, shared.ids)
        masks = {name: mask[_places(split, shared.ids)] for name, mask in masks_of(split).items()}
        decision = judge(scores[rows], theirs.f1_all(shared.ids, shared.tags), masks, gate)
        same = list(theirs.question_ids) == shared.ids and len(shared.ids) == len(split.test)
        return decision, evaluate_results(theirs, split).figures if same else None

    def rule(self, plan: Plan, spec: CandidateSpec, champion: ModelVersion) -> Rule:
        """
        Return the gate's rule.

        After a drift decision, and for the champion's own family with newer months, what is new
        shows in the months to come: the test month's own news is in neither model, only in the
        refitted one that will be served. Not worse is enough then.
        """
        if plan.drift_report_id is not None or self.refreshes(plan, spec, champion):
            return "not_worse"
        return "better"

    def refreshes(self, plan: Plan, spec: CandidateSpec, champion: ModelVersion) -> bool:
        """Return whether a candidate is the champion's own family and has newer months to learn."""
        known = champion.tags
        same = (champion.candidate, known.get("overrides"), known.get("site")) == (
            *(spec.name, json.dumps(spec.parameters, sort_keys=True)),
            plan.site,
        )
        newer = plan.months.test_month > known.get("train_last", "")
        return same and newer and self.settings.refresh_if_not_worse


def asked_of_all(
    split: Split, results: Mapping[str, QuestionResults], among: Sequence[int] | None = None
) -> Asked:
    """
    Return the test month's questions that all results answer.

    Parameters
    ----------
    split : Split
    results : mapping of str to QuestionResults
        At least one.
    among : sequence of int, optional
        Only these question ids.

    Raises
    ------
    FixInputError
        If there is none.
    """
    shared = set.intersection(*(set(found.question_ids) for found in results.values()))
    if among is not None:
        shared &= set(among)
    pairs = [
        (text.key[1], tags)
        for text, tags in zip(split.test.texts, split.test.tags, strict=True)
        if text.key is not None and text.key[1] in shared
    ]
    if not pairs:
        raise FixInputError("no question of the test month was answered by all that are compared")
    return Asked([question_id for question_id, _ in pairs], [tags for _, tags in pairs])


def _places(split: Split, question_ids: Sequence[int]) -> NDArray[np.intp]:
    """Return the questions' positions in the split's test month."""
    wanted = set(question_ids)
    return np.array(
        [
            place
            for place, text in enumerate(split.test.texts)
            if text.key is not None and text.key[1] in wanted
        ],
        dtype=np.intp,
    )
