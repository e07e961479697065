"""Choose the best candidate, hold it against the champion, and act on what the gate says."""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from include import names
from include.errors import (
    CheckFailedError,
    FixInputError,
    MissingDataError,
    ModelUnusableError,
)
from include.evaluation.bootstrap import mean_interval
from include.evaluation.selection import Decision, Gate, Rule, best_candidate, judge
from include.jobs.candidate_runs import CandidateRuns, stored
from include.jobs.champion_answers import ChampionAnswers
from include.jobs.datasets import Split, masks_of, whole
from include.jobs.measuring import evaluate_results
from include.jobs.pictures import draw_comparison
from include.jobs.promotion import Move, promote
from include.jobs.question_results import QuestionResults, results_of
from include.jobs.training_notes import markdown_table, note, table_rows
from include.jobs.training_plan import CHEAPEST_FIRST, CandidateSpec, Outcome, Plan
from include.registry import ModelVersion, Registry
from include.registry.runs import NOTE, Run
from include.settings import Settings
from include.store.ab_tests import open_ab_test
from include.store.models import Promotion, latest_promotion, record_dataset

log = logging.getLogger(__name__)

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    What the candidates came to on the test month, before anything is done about it.

    Parameters
    ----------
    best : Outcome
    champion : ModelVersion or None
    decision : Decision
    rows : list of dict
        The table of candidates; see `training_notes.table_rows`.
    failed : tuple of str
        Labels of the candidates that have no outcome.
    """

    best: Outcome
    champion: ModelVersion | None
    decision: Decision
    rows: list[dict[str, Any]]
    failed: tuple[str, ...]


@dataclass(frozen=True)
class Chooser:
    """
    Compares and acts for one training run.

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

    def compare(self, plan: Plan, split: Split, outcomes: Sequence[Outcome]) -> Comparison:
        """
        Return the best candidate and what the gate says; changes no alias.

        Raises
        ------
        CheckFailedError
            If every candidate failed.
        """
        done = {outcome.spec.label: outcome for outcome in outcomes}
        failed = tuple(spec.label for spec in plan.specs if spec.label not in done)
        if not done:
            raise CheckFailedError(f"every candidate failed: {', '.join(failed)}")
        runs = self.candidates.runs
        results = {label: results_of(runs, outcome.run_id) for label, outcome in done.items()}
        asked = _questions(split, results)
        scores = {label: found.f1_all(*asked) for label, found in results.items()}
        label = best_candidate(scores, _cheapest_first(outcomes), **self._bootstrap)
        champion = self.registry.alias(names.CHAMPION)
        decision, theirs = self._judged(plan, split, done[label], champion, scores[label], asked)
        self._draw(plan, done, scores)
        return Comparison(
            best=done[label],
            champion=champion,
            decision=decision,
            rows=table_rows(outcomes, label, theirs, champion.version if champion else ""),
            failed=failed,
        )

    def act(self, plan: Plan, split: Split, found: Comparison) -> dict[str, Any]:
        """
        Promote the best candidate or keep the champion; note it; return it as plain values.

        Safe to repeat: what this training run has promoted already stays promoted.
        """
        done = self._done_before(plan)
        decision, version, challenger = found.decision, done.to_version if done else None, None
        if done is not None:
            decision = Decision(True, done.reason, done.figures)
        elif decision.promote:
            version = self._register(plan, split, found).version
        elif found.champion and self._worth_a_trial(found):
            challenger = self._register(plan, split, found).version
        text = note(plan, found.rows, decision.reason, found.failed)
        self._close(plan, found, text, promoted=decision.promote)
        return {
            "promoted": decision.promote,
            "version": version,
            "challenger_version": challenger,
            "candidate": found.best.spec.label,
            "champion_before": found.champion.version if found.champion else None,
            "reason": decision.reason,
            "figures": decision.figures,
            "rows": found.rows,
            "failed": list(found.failed),
            "table": markdown_table(found.rows),
            "note": text,
            "test_month": plan.months.test_month,
            "run_id": plan.run_id,
            "experiment_id": plan.experiment_id,
            "drift_report_id": plan.drift_report_id,
        }

    @property
    def _bootstrap(self) -> dict[str, int]:
        return {"samples": self.settings.bootstrap_samples, "seed": self.settings.random_seed}

    def _judged(
        self,
        plan: Plan,
        split: Split,
        best: Outcome,
        champion: ModelVersion | None,
        scores: FloatArray,
        asked: tuple[list[int], list[tuple[str, ...]]],
    ) -> tuple[Decision, dict[str, float] | None]:
        """Return the gate's decision, and the champion's figures on the same month if any."""
        if champion is None:
            said = f"{best.spec.label} becomes the first champion."
            return Decision(True, said, {"challenger": float(scores.mean())}), None
        if champion.tags.get("evaluation_run_id") == best.run_id:
            said = (
                f"Version {champion.version} stays: it is this very model, from the same questions,"
                " parameters and code."
            )
            return Decision(False, said, {}), best.figures
        try:
            answers = ChampionAnswers(self.engine, self.registry, self.candidates)
            theirs = answers.on(plan, split, champion)
        except ModelUnusableError as error:
            said = f"{best.spec.label} replaces a champion that is unusable ({error})."
            return Decision(True, said, {"challenger": float(scores.mean())}), None
        except (MissingDataError, FixInputError) as error:
            return Decision(False, f"Version {champion.version} stays: {error}.", {}), None
        gate = Gate(
            rule=self._rule(plan, best.spec, champion),
            min_gain=self.settings.min_gain,
            max_slice_loss=self.settings.max_slice_loss,
            **self._bootstrap,
        )
        shared = _questions(split, {"champion": theirs}, among=asked[0])
        rows = np.isin(asked[0], shared[0])
        masks = {name: mask[_places(split, shared[0])] for name, mask in masks_of(split).items()}
        decision = judge(scores[rows], theirs.f1_all(*shared), masks, gate)
        same = list(theirs.question_ids) == shared[0] and len(shared[0]) == len(split.test)
        figures = evaluate_results(theirs, split).figures if same else None
        return decision, figures

    def _rule(self, plan: Plan, best: CandidateSpec, champion: ModelVersion) -> Rule:
        """
        Return the gate's rule.

        After a drift decision, and for the champion's own family with newer months, what is new
        shows in the months to come: the test month's own news is in neither model, only in the
        refitted one that will be served. Not worse is enough then.
        """
        if plan.drift_report_id is not None:
            return "not_worse"
        known = champion.tags
        same = (champion.candidate, known.get("overrides"), known.get("site")) == (
            *(best.name, json.dumps(best.parameters, sort_keys=True)),
            plan.site,
        )
        newer = plan.months.test_month > known.get("train_last", "")
        return "not_worse" if same and newer and self.settings.refresh_if_not_worse else "better"

    def _done_before(self, plan: Plan) -> Promotion | None:
        """Return the ledger row that this training run has written already, if any."""
        with self.engine.connect() as connection:
            last = latest_promotion(connection, names.CHAMPION)
        return last if last and last.figures.get("training_run_id") == plan.run_id else None

    def _worth_a_trial(self, found: Comparison) -> bool:
        """Return whether the best may be better, so that an A/B test could tell."""
        difference = found.decision.figures.get("difference")
        if difference is None or difference["mean"] <= 0:
            return False
        with self.engine.connect() as connection:
            # a running A/B test keeps its challenger
            return open_ab_test(connection) is None

    def _register(self, plan: Plan, split: Split, found: Comparison) -> ModelVersion:
        """Register the best candidate, refitted if asked, and give it its alias and ledger row."""
        run = self._final_run(plan, split, found.best)
        version = self.registry.register(
            run_id=run.run_id,
            model_id=run.model_id,
            source=run.source,
            tags={
                "candidate": found.best.spec.name,
                "overrides": run.tags["overrides"],
                "sha256": run.sha256,
                "site": plan.site,
                "dataset_id": run.tags["dataset_id"],
                "train_first": run.tags["train_first"],
                "train_last": run.tags["train_last"],
                "test_month": plan.months.test_month,
                "evaluation_run_id": found.best.run_id,
            },
        )
        champion = found.decision.promote
        move = Move(
            version=version,
            kind="promotion" if champion else "challenger",
            alias=names.CHAMPION if champion else names.CHALLENGER,
            actor=plan.actor,
            reason=found.decision.reason,
            figures=found.decision.figures
            | {
                "training_run_id": plan.run_id,
                "test_month": plan.months.test_month,
                "drift_report_id": plan.drift_report_id,
            },
        )
        promote(self.engine, self.registry, move)
        return version

    def _final_run(self, plan: Plan, split: Split, best: Outcome) -> Run:
        """Return the run whose model will be served: refitted to the test month, or as tested."""
        if not plan.refit:
            return self.candidates.runs.get(best.run_id)
        data = whole(split)
        run = self.candidates.refit(plan, data, best)
        with self.engine.begin() as connection:
            record_dataset(connection, stored(data))
        return run

    def _draw(
        self, plan: Plan, done: Mapping[str, Outcome], scores: Mapping[str, FloatArray]
    ) -> None:
        """Log the picture that sets the candidates side by side."""
        figures = {
            label: {k: outcome.figures[f"f1@{k}"] for k in (1, 3, 5)}
            for label, outcome in done.items()
        }
        intervals = {label: mean_interval(row, **self._bootstrap) for label, row in scores.items()}
        with tempfile.TemporaryDirectory() as work:
            title = f"Candidates on {plan.months.test_month} of {plan.site}"
            draw_comparison(figures, intervals, title, Path(work) / "candidates.png")
            self.candidates.runs.log_folder(plan.run_id, Path(work), "pictures")

    def _close(self, plan: Plan, found: Comparison, text: str, *, promoted: bool) -> None:
        """Write the choice into the training run and end it."""
        runs = self.candidates.runs
        runs.log(
            plan.run_id,
            metrics=found.best.figures,
            tags={
                NOTE: text,
                "chosen": found.best.spec.label,
                "promoted": str(promoted).lower(),
                "failed": ", ".join(found.failed),
            },
        )
        runs.finish(plan.run_id)


def _cheapest_first(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the labels in the order of what they cost to serve."""
    order = {name: place for place, name in enumerate(CHEAPEST_FIRST)}
    ranked = sorted(outcomes, key=lambda outcome: (order[outcome.spec.name], outcome.spec.label))
    return [outcome.spec.label for outcome in ranked]


def _questions(
    split: Split, results: Mapping[str, QuestionResults], among: Sequence[int] | None = None
) -> tuple[list[int], list[tuple[str, ...]]]:
    """Return ids and true tags, in order of time, of the questions that all results answer."""
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
    return [question_id for question_id, _ in pairs], [tags for _, tags in pairs]


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
