"""Choose the best candidate, hold it against the champion, and act on what the gate says."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from include import names
from include.errors import CheckFailedError
from include.evaluation.bootstrap import mean_interval
from include.evaluation.selection import Decision, best_candidate
from include.jobs.data.datasets import Split, whole
from include.jobs.release.promotion import Move, promote
from include.jobs.training.candidate_runs import CandidateRuns, stored
from include.jobs.training.plan import CHEAPEST_FIRST, Outcome, Plan
from include.jobs.training.plots import draw_comparison
from include.jobs.training.promotion_gate import ChampionGate, FloatArray, asked_of_all
from include.jobs.training.question_results import results_of
from include.jobs.training.summary import markdown_table, note, table_rows
from include.registry import ModelVersion, Registry
from include.registry.runs import NOTE, Run
from include.settings import Settings
from include.store.ab_tests import open_ab_test
from include.store.models import Promotion, latest_promotion, record_dataset


@dataclass(frozen=True, slots=True)
class Comparison:
    """
    What the candidates came to on the test month, before anything is done about it.

    Parameters
    ----------
    best : Outcome
        The one chosen: the best, or the champion's own family where only that passes the gate.
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

        Where the best does not pass, the champion's own family may still take its place with what
        it has learned from newer months.

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
        asked = asked_of_all(split, results)
        scores = {label: found.f1_all(asked.ids, asked.tags) for label, found in results.items()}
        best = done[best_candidate(scores, _cheapest_first(outcomes), **self._bootstrap)]
        champion = self.registry.alias(names.CHAMPION)

        def judged(outcome: Outcome) -> tuple[Decision, dict[str, float] | None]:
            own = scores[outcome.spec.label]
            return self._gate.judge(plan, split, outcome, champion, own, asked)

        decision, theirs = judged(best)
        refresh = self._refresh(plan, done.values(), champion)
        if refresh and refresh != best and not decision.promote:
            instead, theirs = judged(refresh)
            if instead.promote:
                best, decision = refresh, _instead(best, decision, refresh, instead)
        self._draw(plan, done, scores)
        version = champion.version if champion else ""
        rows = table_rows(outcomes, best.spec.label, theirs, version)
        return Comparison(best, champion, decision, rows, failed)

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
    def _gate(self) -> ChampionGate:
        return ChampionGate(self.engine, self.registry, self.candidates, self.settings)

    def _refresh(
        self, plan: Plan, outcomes: Iterable[Outcome], champion: ModelVersion | None
    ) -> Outcome | None:
        """Return the champion's own family trained on newer months, if it was trained."""
        if champion is None:
            return None
        return next((o for o in outcomes if self._gate.refreshes(plan, o.spec, champion)), None)

    @property
    def _bootstrap(self) -> dict[str, int]:
        return {"samples": self.settings.bootstrap_samples, "seed": self.settings.random_seed}

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
            title = f"{plan.months.test_month} of {plan.site}"
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


def _instead(best: Outcome, kept: Decision, refresh: Outcome, passed: Decision) -> Decision:
    """Return the decision for the champion's own family, with what was said of the best."""
    said = (
        f"{passed.reason} It is {refresh.spec.label}, the champion's own family; the best, "
        f"{best.spec.label}, does not pass: {kept.reason}"
    )
    return Decision(True, said, passed.figures | {"best": kept.figures})
