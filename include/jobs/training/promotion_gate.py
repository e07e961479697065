"""Compare a candidate with the champion on the test month's questions; decide on promotion."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from include.errors import FixInputError, MissingDataError, ModelUnusableError
from include.evaluation.bootstrap import paired_difference
from include.evaluation.selection import Gate, GateDecision, GateRule, apply_gate
from include.evaluation.suggested import F1_SUGGESTED
from include.jobs.data.datasets import TimeSplit, split_slice_masks
from include.jobs.training.champion_predictions import ChampionPredictions
from include.jobs.training.fit_and_score import evaluate_results
from include.jobs.training.plan import CandidateSpec, TrainedCandidate, TrainingPlan
from include.jobs.training.question_results import QuestionResults
from include.registry import ModelVersion
from include.settings import Settings


@dataclass(frozen=True, slots=True)
class SharedQuestions:
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
class PromotionGate:
    """
    Decides on the promotion of candidates of one training run.

    Parameters
    ----------
    champion_predictions : ChampionPredictions
    settings : Settings
        Gate, bootstrap and seed.
    """

    champion_predictions: ChampionPredictions
    settings: Settings

    def decide(
        self,
        plan: TrainingPlan,
        split: TimeSplit,
        challenger: TrainedCandidate,
        champion: ModelVersion | None,
        results: QuestionResults,
        questions: SharedQuestions,
    ) -> tuple[GateDecision, dict[str, float] | None]:
        """
        Return the gate's decision, and the champion's figures on the same month, if any.

        Parameters
        ----------
        plan : TrainingPlan
        split : TimeSplit
        challenger : TrainedCandidate
        champion : ModelVersion or None
        results : QuestionResults
            The challenger's.
        questions : SharedQuestions
            The questions to compare on.
        """
        if champion is None:
            reason = f"{challenger.spec.label} becomes the first champion."
            return GateDecision(True, reason, _alone(results, questions)), None
        if champion.tags.get("evaluation_run_id") == challenger.run_id:
            reason = (
                f"Version {champion.version} stays: it is the same model, from the same questions, "
                "parameters and code."
            )
            return GateDecision(False, reason, {}), challenger.figures
        try:
            champion_results = self.champion_predictions.for_test_month(plan, split, champion)
        except ModelUnusableError as error:
            reason = f"{challenger.spec.label} replaces a champion that is unusable ({error})."
            return GateDecision(True, reason, _alone(results, questions)), None
        except (MissingDataError, FixInputError) as error:
            return GateDecision(False, f"Version {champion.version} stays: {error}.", {}), None
        gate = Gate(
            rule=self.rule(plan, challenger.spec, champion),
            min_gain=self.settings.min_gain,
            max_slice_loss=self.settings.max_slice_loss,
            samples=self.settings.bootstrap_samples,
            seed=self.settings.random_seed,
        )
        shared = shared_questions(split, {"champion": champion_results}, among=questions.ids)
        masks = {
            name: mask[_positions(split, shared.ids)]
            for name, mask in split_slice_masks(split).items()
        }
        decision = apply_gate(
            results.f1_all(shared.ids, shared.tags),
            champion_results.f1_all(shared.ids, shared.tags),
            masks,
            gate,
        )
        sets = compare_suggested(results, champion_results, shared, gate)
        decision = replace(decision, figures=decision.figures | {"suggested": sets})
        same = list(champion_results.question_ids) == shared.ids and len(shared.ids) == len(
            split.test
        )
        return decision, evaluate_results(champion_results, split).figures if same else None

    def rule(self, plan: TrainingPlan, spec: CandidateSpec, champion: ModelVersion) -> GateRule:
        """
        Return the gate's rule.

        "Not worse" is enough in a refresh, after a drift decision, and for the champion's own
        family trained on newer months: what is new in the test month is in neither of the compared
        models, only in the refitted one that will be served, so that its gain shows in later
        months.
        """
        urgent = plan.request.drift_report_id is not None
        if plan.request.is_refresh or urgent or self.refreshes(plan, spec, champion):
            return "not_worse"
        return "better"

    def refreshes(self, plan: TrainingPlan, spec: CandidateSpec, champion: ModelVersion) -> bool:
        """Return whether a candidate is the champion's own family, trained on newer months."""
        tags = champion.tags
        same = (champion.candidate, tags.get("overrides"), tags.get("site")) == (
            *(spec.name, json.dumps(spec.parameters, sort_keys=True)),
            plan.site,
        )
        newer = plan.months.test_month > tags.get("train_last", "")
        return same and newer and self.settings.refresh_if_not_worse


def shared_questions(
    split: TimeSplit, results: Mapping[str, QuestionResults], among: Sequence[int] | None = None
) -> SharedQuestions:
    """
    Return the test month's questions that all results contain.

    Parameters
    ----------
    split : TimeSplit
    results : mapping of str to QuestionResults
        At least one.
    among : sequence of int, optional
        Only these question ids.

    Raises
    ------
    FixInputError
        If there are none.
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
        raise FixInputError("no question of the test month is in all the compared results")
    return SharedQuestions([question_id for question_id, _ in pairs], [tags for _, tags in pairs])


def compare_suggested(
    challenger: QuestionResults, champion: QuestionResults, questions: SharedQuestions, gate: Gate
) -> dict[str, Any]:
    """
    Return the F1 of the tags suggested outright, for the ledger: it does not decide.

    Returns
    -------
    dict
        Plain JSON values: ``metric``, ``challenger``, ``champion`` and ``difference``, with its
        interval.
    """
    ours, theirs = (
        results.f1_suggested(questions.ids, questions.tags) for results in (challenger, champion)
    )
    difference = paired_difference(ours, theirs, samples=gate.samples, seed=gate.seed)
    return {
        "metric": F1_SUGGESTED,
        "challenger": float(ours.mean()),
        "champion": float(theirs.mean()),
        "difference": asdict(difference),
    }


def _alone(results: QuestionResults, questions: SharedQuestions) -> dict[str, Any]:
    """Return the figures of a challenger that is compared with nothing."""
    ids, tags = questions.ids, questions.tags
    sets = float(results.f1_suggested(ids, tags).mean())
    return {
        "challenger": float(results.f1_all(ids, tags).mean()),
        "suggested": {"metric": F1_SUGGESTED, "challenger": sets},
    }


def _positions(split: TimeSplit, question_ids: Sequence[int]) -> NDArray[np.intp]:
    """Return the positions of questions in the split's test month."""
    selected = set(question_ids)
    return np.array(
        [
            position
            for position, text in enumerate(split.test.texts)
            if text.key is not None and text.key[1] in selected
        ],
        dtype=np.intp,
    )
