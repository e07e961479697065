"""Select the best candidate, compare it with the champion, and apply the gate's decision."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from include import names
from include.errors import CheckFailedError
from include.evaluation.bootstrap import BootstrapInterval, mean_interval
from include.evaluation.selection import GateDecision, best_candidate
from include.families import BY_NAME
from include.jobs.data.datasets import TimeSplit, all_questions
from include.jobs.release.promotion import AliasMove, promote
from include.jobs.training.candidate_runs import CandidateRuns, dataset_row
from include.jobs.training.plan import TrainedCandidate, TrainingPlan
from include.jobs.training.plots import draw_comparison
from include.jobs.training.promotion_gate import PromotionGate, shared_questions
from include.jobs.training.question_results import load_results
from include.jobs.training.refit_check import RefitComparison, compare_with_tested
from include.jobs.training.summary import label_ages, note, sample_sentence, table_rows
from include.months import period_label
from include.registry import ModelVersion, Registry, descriptions
from include.registry.descriptions import NOTE
from include.registry.runs import Run
from include.settings import Settings
from include.store.ab_tests import open_ab_test
from include.store.models import Promotion, latest_promotion, record_dataset
from include.store.tag_names import read_tag_names
from include.task_results import CandidateRow, TrainingResult


@dataclass(frozen=True, slots=True)
class CandidateComparison:
    """
    The comparison of the candidates on the test month, before the decision is applied.

    Parameters
    ----------
    best : TrainedCandidate
        The selected one: the best, or the champion's own family if only that passes the gate.
    champion : ModelVersion or None
    decision : GateDecision
    rows : list of CandidateRow
        The table of candidates; see `summary.table_rows`.
    failed : tuple of str
        Labels of the candidates whose training failed.
    f1 : BootstrapInterval
        Of the selected one, F1@5 over the tested questions.
    spoilt : bool, default=False
        Whether the refit with the test month made the best worse at what it had learned.
    """

    best: TrainedCandidate
    champion: ModelVersion | None
    decision: GateDecision
    rows: list[CandidateRow]
    failed: tuple[str, ...]
    f1: BootstrapInterval
    spoilt: bool = False

    def note(self, plan: TrainingPlan, reason: str | None = None) -> str:
        """Return the note of the training; ``reason`` in place of the decision's, if given."""
        return note(plan, self.rows, reason or self.decision.reason, self.failed, self.f1)


@dataclass(frozen=True)
class ModelSelection:
    """
    Compares candidates and applies the decision for one training run.

    Parameters
    ----------
    registry : Registry
    candidates : CandidateRuns
    gate : PromotionGate
    settings : Settings
        Gate, bootstrap and seed.
    """

    registry: Registry
    candidates: CandidateRuns
    gate: PromotionGate
    settings: Settings

    def compare(
        self, plan: TrainingPlan, split: TimeSplit, trained: Sequence[TrainedCandidate]
    ) -> CandidateComparison:
        """
        Return the best candidate and the gate's decision; changes no alias.

        If the best does not pass, the champion's own family, trained on newer months, may still
        pass and replace the champion.

        Raises
        ------
        CheckFailedError
            If every candidate failed.
        """
        by_label = {candidate.spec.label: candidate for candidate in trained}
        failed = tuple(spec.label for spec in plan.specs if spec.label not in by_label)
        if not by_label:
            raise CheckFailedError(f"every candidate failed: {', '.join(failed)}")
        runs = self.candidates.runs
        with self.engine.connect() as connection:
            tag_names = read_tag_names(connection, plan.site)
        results = {  # a synonym may have become known since a candidate was tested
            label: load_results(runs, candidate.run_id).renamed(tag_names)
            for label, candidate in by_label.items()
        }
        questions = shared_questions(split, results)
        scores = {
            label: one.f1_all(questions.ids, questions.tags) for label, one in results.items()
        }
        best = by_label[best_candidate(scores, cheapest_first(trained), **self._bootstrap)]
        champion = self.registry.alias(names.CHAMPION)

        def decide(candidate: TrainedCandidate) -> tuple[GateDecision, dict[str, float] | None]:
            own = results[candidate.spec.label]
            return self.gate.decide(plan, split, candidate, champion, own, questions)

        decision, champion_figures = decide(best)
        refresh = self._refresh(plan, by_label.values(), champion)
        if refresh and refresh != best and not decision.promote:
            passed, champion_figures = decide(refresh)
            if passed.promote:
                best, decision = refresh, _refresh_decision(best, decision, refresh, passed)
        intervals = {label: mean_interval(row, **self._bootstrap) for label, row in scores.items()}
        self._draw(plan, by_label, intervals)
        version = champion.version if champion else ""
        rows = table_rows(trained, best.spec.label, champion_figures, version)
        interval = intervals[best.spec.label]
        return CandidateComparison(best, champion, decision, rows, failed, interval)

    def apply(
        self, plan: TrainingPlan, split: TimeSplit, comparison: CandidateComparison
    ) -> TrainingResult:
        """
        Promote the best candidate or keep the champion; log and return the result.

        Safe to repeat: a promotion by this training run stays.
        """
        earlier = self._earlier_promotion(plan)
        decision, version, challenger = (
            comparison.decision,
            earlier.to_version if earlier else None,
            None,
        )
        if earlier is not None:
            decision = GateDecision(True, earlier.reason, earlier.figures)
        elif decision.promote or self._may_be_better(plan, comparison):
            comparison, run = self._final_run(plan, split, comparison)
            decision = comparison.decision
            if decision.promote:
                version = self._register(plan, comparison, run).version
            elif not comparison.spoilt:
                challenger = self._register(plan, comparison, run).version
        text = comparison.note(plan, decision.reason)
        self._close(plan, comparison, text, promoted=decision.promote)
        return TrainingResult(
            run_id=plan.run_id,
            experiment_id=plan.experiment_id,
            test_month=plan.months.label,
            candidate=comparison.best.spec.label,
            promoted=decision.promote,
            version=version,
            challenger_version=challenger,
            champion_before=comparison.champion.version if comparison.champion else None,
            reason=decision.reason,
            rows=comparison.rows,
            failed=list(comparison.failed),
            figures=decision.figures,
            drift_report_id=plan.request.drift_report_id,
            note=text,
            tested=sample_sentence(plan, comparison.f1),
        )

    @property
    def engine(self) -> Engine:
        """The platform's database."""
        return self.candidates.engine

    def _refresh(
        self, plan: TrainingPlan, trained: Iterable[TrainedCandidate], champion: ModelVersion | None
    ) -> TrainedCandidate | None:
        """Return the candidate of the champion's own family with newer months, if any."""
        if champion is None:
            return None
        return next((one for one in trained if self.gate.refreshes(plan, one.spec, champion)), None)

    @property
    def _bootstrap(self) -> dict[str, int]:
        return {"samples": self.settings.bootstrap_samples, "seed": self.settings.random_seed}

    def _earlier_promotion(self, plan: TrainingPlan) -> Promotion | None:
        """Return the ledger row that this training run wrote in an earlier attempt, if any."""
        with self.engine.connect() as connection:
            last = latest_promotion(connection, names.CHAMPION)
        return last if last and last.figures.get("training_run_id") == plan.run_id else None

    def _may_be_better(self, plan: TrainingPlan, comparison: CandidateComparison) -> bool:
        """Return whether the best may beat the champion, so that an A/B test can decide."""
        if comparison.champion is None or plan.request.is_refresh:
            return False
        difference = comparison.decision.figures.get("difference")
        if difference is None or difference["mean"] <= 0:
            return False
        with self.engine.connect() as connection:
            # an open A/B test keeps its challenger
            return open_ab_test(connection) is None

    def _register(
        self, plan: TrainingPlan, comparison: CandidateComparison, run: Run
    ) -> ModelVersion:
        """Register the model that will be served; set alias and ledger row."""
        version = self.registry.register(
            run_id=run.run_id,
            model_id=run.model_id,
            source=run.source,
            tags={
                "candidate": comparison.best.spec.name,
                "overrides": run.tags["overrides"],
                "sha256": run.sha256,
                "site": plan.site,
                "dataset_id": run.tags["dataset_id"],
                "train_first": run.tags["train_first"],
                "train_last": run.tags["train_last"],
                "learned_until": run.tags["learned_until"],
                "test_month": plan.months.test_month,
                "tested_on": plan.months.label,
                "evaluation_run_id": comparison.best.run_id,
            }
            | ({"refresh": "true"} if plan.request.is_refresh else {}),
            description=descriptions.version(
                comparison.best.spec.label,
                period_label(
                    run.tags["train_first"], datetime.fromisoformat(run.tags["learned_until"])
                ),
                plan.site,
                plan.months.label,
                comparison.best.figures["f1_all@5"],
            ),
        )
        champion = comparison.decision.promote
        before = comparison.champion.version if comparison.champion else ""
        move = AliasMove(
            version=version,
            kind="promotion" if champion else "challenger",
            alias=names.CHAMPION if champion else names.CHALLENGER,
            replaces=before if champion else None,
            actor=plan.request.actor,
            reason=_ledger_reason(plan, comparison.decision),
            figures=comparison.decision.figures
            | {
                "training_run_id": plan.run_id,
                "experiment_id": plan.experiment_id,
                "test_month": plan.months.test_month,
                "dataset_id": run.tags["dataset_id"],
                "fit_run_id": run.run_id,
                "evaluation_run_id": comparison.best.run_id,
                "drift_report_id": plan.request.drift_report_id,
                "tested_on": plan.months.label,
            }
            | label_ages(plan),
        )
        promote(self.engine, self.registry, move)
        return version

    def _final_run(
        self, plan: TrainingPlan, split: TimeSplit, comparison: CandidateComparison
    ) -> tuple[CandidateComparison, Run]:
        """
        Return the run whose model will be served: refitted to the test month, or as tested.

        Beside it the comparison, with a refusal if the refit has spoilt the model.
        """
        best = comparison.best
        if not plan.request.refit:
            return comparison, self.candidates.runs.get(best.run_id)
        data = all_questions(split)
        run = self.candidates.refit(plan, data, best)
        with self.engine.begin() as connection:
            record_dataset(connection, dataset_row(data))
        if comparison.champion is None:
            return comparison, run
        found = compare_with_tested(
            self.candidates, split.train.questions, best, run, data, **self._bootstrap
        )
        return _after_refit(comparison, comparison.champion, found), run

    def _draw(
        self,
        plan: TrainingPlan,
        by_label: Mapping[str, TrainedCandidate],
        intervals: Mapping[str, BootstrapInterval],
    ) -> None:
        """Log the plot that compares the candidates."""
        figures = {
            label: {k: candidate.figures[f"f1_all@{k}"] for k in (1, 3, 5)}
            for label, candidate in by_label.items()
        }
        with tempfile.TemporaryDirectory() as work:
            title = f"{plan.months.label} of {plan.site}"
            draw_comparison(figures, intervals, title, Path(work) / "candidates.png")
            self.candidates.runs.log_folder(plan.run_id, Path(work), "pictures")

    def _close(
        self, plan: TrainingPlan, comparison: CandidateComparison, text: str, *, promoted: bool
    ) -> None:
        """Log the selection in the training run and finish it."""
        runs = self.candidates.runs
        runs.log(
            plan.run_id,
            metrics=comparison.best.figures,
            tags={
                NOTE: text,
                "selected": comparison.best.spec.label,
                "promoted": str(promoted).lower(),
                "failed": ", ".join(comparison.failed),
            }
            | {name: str(figure) for name, figure in label_ages(plan).items()},
        )
        runs.finish(plan.run_id)


def _after_refit(
    comparison: CandidateComparison, champion: ModelVersion, found: RefitComparison | None
) -> CandidateComparison:
    """Return the comparison with what a refit has lost; with a refusal if that is too much."""
    if found is None:
        return comparison
    decision = comparison.decision
    figures = decision.figures | {"refit": found.to_dict()}
    if found.passed:
        return replace(comparison, decision=replace(decision, figures=figures))
    reason = f"Version {champion.version} stays: {found.reason}."
    return replace(comparison, decision=GateDecision(False, reason, figures), spoilt=True)


def _ledger_reason(plan: TrainingPlan, decision: GateDecision) -> str:
    """Return the gate's sentence, after that of a refresh about its cause."""
    return (
        f"{plan.request.reason}. {decision.reason}" if plan.request.is_refresh else decision.reason
    )


def cheapest_first(trained: Sequence[TrainedCandidate]) -> list[str]:
    """Return the labels in order of their cost of serving."""
    specs = [one.spec for one in trained]
    ranked = sorted(specs, key=lambda spec: (BY_NAME[spec.name].serving_cost, spec.label))
    return [spec.label for spec in ranked]


def _refresh_decision(
    best: TrainedCandidate, kept: GateDecision, refresh: TrainedCandidate, passed: GateDecision
) -> GateDecision:
    """Return the decision for the champion's own family, with the reason against the best."""
    reason = (
        f"{passed.reason} It is {refresh.spec.label}, the champion's own family; the best, "
        f"{best.spec.label}, does not pass: {kept.reason}"
    )
    return GateDecision(True, reason, passed.figures | {"best": kept.figures})
