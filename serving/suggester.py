"""From questions to recorded answers: prepare, assign a variant, rank, record. Free of Flask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Final

from include.candidates.base import Suggestion
from include.store.predictions import Prediction, uuid7_time
from include.text.prepare import prepare
from include.text.prepared import PreparedText
from serving import metrics
from serving.budget import Budget
from serving.errors import NoModelError
from serving.markup import render
from serving.payloads import Answer, Question, ScoredTag, TagReason
from serving.prediction_ids import PredictionIds
from serving.recorder import Recorder
from serving.selection import Selection, rank_depth, select
from serving.served_models import LoadedModel, ModelSource, ServedModels
from serving.variants import (
    CHALLENGER,
    CHAMPION,
    Variant,
    ab_test_applies,
    assigned_variant,
    model_of,
)

RANK_STEP: Final = 10
"""Questions ranked between two looks at the clock."""

NO_MODEL: Final = (
    "no model has been promoted yet: trigger the DAG train_candidates in Airflow (it needs months "
    "that ingest_questions has stored); the service loads the model by itself within seconds"
)


class Suggester:
    """
    Answers questions with the served models, and records every answer before returning it.

    Parameters
    ----------
    site : str
        Recorded with each answer, so that its true tags can be looked up.
    models : ModelSource
    recorder : Recorder
    ids : PredictionIds
    """

    def __init__(
        self, site: str, models: ModelSource, recorder: Recorder, ids: PredictionIds
    ) -> None:
        self.site = site
        self.models = models
        self.recorder = recorder
        self.ids = ids

    def answer(
        self, questions: Sequence[Question], budget: Budget, *, key_name: str | None = None
    ) -> list[Answer]:
        """
        Answer ``questions``, in order, all with one snapshot of the served models.

        Parameters
        ----------
        questions : sequence of Question
        budget : Budget
        key_name : str or None
            Name of the API key that asks.

        Raises
        ------
        TooMuchWorkError, BusyError
            If ``budget`` does not suffice; then nothing is recorded.
        NoModelError
            If no model is served yet.
        CannotRecordError
            If the answers could not be made durable; then none is returned.
        """
        served = self.models.current
        if served.champion is None:
            raise NoModelError(NO_MODEL)
        started = perf_counter()
        bodies = _html_bodies(questions, budget)
        texts = [prepare(q.title, body) for q, body in zip(questions, bodies, strict=True)]
        budget.check_time()
        prepared = perf_counter()
        variants = [assigned_variant(served, question, key_name) for question in questions]
        ranked = _ranked(served, variants, questions, texts, budget)
        names = served.tag_names
        selected = [select(q, best, names) for q, best in zip(questions, ranked, strict=True)]
        shadow_selected = _shadow_selected(served, questions, texts, budget)
        reasons = [
            _reasons(model_of(served, variant), text, selection.tags, budget)
            if q.explain and selection.tags
            else {}
            for q, variant, text, selection in zip(
                questions, variants, texts, selected, strict=True
            )
        ]
        done = perf_counter()
        latency_ms = (done - started) * 1000 / len(questions)
        rows = [
            self._row(served, question, body, variant, selection, latency_ms, key_name)
            for question, body, variant, selection in zip(
                questions, bodies, variants, selected, strict=True
            )
        ]
        shadow_rows = [
            self._shadow_row(served, row, selection)
            for row, selection in zip(rows, shadow_selected, strict=bool(shadow_selected))
        ]
        self.recorder.record(rows + shadow_rows)
        by_challenger = variants.count(CHALLENGER)
        metrics.ANSWER_TIMINGS.add(
            metrics.AnswerTimings(
                prepare=prepared - started,
                rank=done - prepared,
                record=perf_counter() - done,
                by_champion=len(variants) - by_challenger,
                by_challenger=by_challenger,
                in_shadow=len(shadow_rows),
            )
        )
        return [
            _answer(question, body, row, selection, reasons_of)
            for question, body, row, selection, reasons_of in zip(
                questions, bodies, rows, selected, reasons, strict=True
            )
        ]

    def _row(
        self,
        served: ServedModels,
        question: Question,
        body: str,
        variant: Variant,
        selection: Selection,
        latency_ms: float,
        key_name: str | None,
    ) -> Prediction:
        model = model_of(served, variant)
        prediction_id = self.ids.new(key_name)
        return Prediction(
            prediction_id=prediction_id,
            asked_at=uuid7_time(prediction_id),
            site=self.site,
            title=question.title,
            body=body,
            tags=tuple((item.tag, item.score) for item in selection.tags),
            suggested_count=selection.suggested_count,
            model_version=model.version,
            candidate=model.candidate.name,
            variant=variant,
            latency_ms=latency_ms,
            question_id=question.question_id,
            ab_test_id=served.ab_test.ab_test_id
            if served.ab_test and ab_test_applies(served)
            else None,
            client=question.client,
            key_name=key_name,
        )

    def _shadow_row(
        self, served: ServedModels, shown: Prediction, selection: Selection
    ) -> Prediction:
        challenger = model_of(served, CHALLENGER)
        prediction_id = self.ids.new(shown.key_name)
        return Prediction(
            prediction_id=prediction_id,
            asked_at=uuid7_time(prediction_id),
            site=shown.site,
            title=shown.title,
            body=shown.body,
            tags=tuple((item.tag, item.score) for item in selection.tags),
            suggested_count=selection.suggested_count,
            model_version=challenger.version,
            candidate=challenger.candidate.name,
            variant=CHALLENGER,
            latency_ms=shown.latency_ms,
            question_id=shown.question_id,
            shadow=True,
            answer_id=shown.prediction_id,
            ab_test_id=shown.ab_test_id,
            client=shown.client,
            key_name=shown.key_name,
        )


def _html_bodies(questions: Sequence[Question], budget: Budget) -> list[str]:
    """Return the bodies as HTML."""
    return [
        render(question.body, budget, field=f"[{index}].body" if len(questions) > 1 else "body")
        if question.format == "markdown"
        else question.body
        for index, question in enumerate(questions)
    ]


def _ranked(
    served: ServedModels,
    variants: Sequence[Variant],
    questions: Sequence[Question],
    texts: Sequence[PreparedText],
    budget: Budget,
) -> list[tuple[Suggestion, ...]]:
    """Return each question's best tags, by the model of its variant."""
    ranked: list[tuple[Suggestion, ...]] = [()] * len(questions)
    for variant in dict.fromkeys(variants):
        indices = [index for index, assigned in enumerate(variants) if assigned == variant]
        model = model_of(served, variant)
        answers = _rank(model, [texts[index] for index in indices], questions, budget)
        for index, answer in zip(indices, answers, strict=True):
            ranked[index] = answer
    return ranked


def _rank(
    model: LoadedModel,
    texts: Sequence[PreparedText],
    questions: Sequence[Question],
    budget: Budget,
) -> list[tuple[Suggestion, ...]]:
    """Return the best tags of each of ``texts``, ranked in steps within the budget of time."""
    most = max(map(rank_depth, questions))
    ranked: list[tuple[Suggestion, ...]] = []
    for start in range(0, len(texts), RANK_STEP):
        ranked += model.candidate.rank(texts[start : start + RANK_STEP], most)
        budget.check_time()
    return ranked


def _shadow_selected(
    served: ServedModels,
    questions: Sequence[Question],
    texts: Sequence[PreparedText],
    budget: Budget,
) -> list[Selection]:
    """
    Return the challenger's tags in shadow mode; otherwise nothing.

    They are computed before the response is sent, so that both rows are recorded together and no
    question has only one of them; shadow mode therefore adds the challenger's ranking time.
    """
    if served.ab_test is None or not served.ab_test.shadow or not ab_test_applies(served):
        return []
    answers = _rank(model_of(served, CHALLENGER), texts, questions, budget)
    return [
        select(question, best, served.tag_names)
        for question, best in zip(questions, answers, strict=True)
    ]


def _answer(
    question: Question,
    body: str,
    row: Prediction,
    selection: Selection,
    reasons: Mapping[str, list[TagReason]],
) -> Answer:
    return Answer(
        tags=[ScoredTag(tag, score, reasons.get(tag)) for tag, score in row.tags],
        suggested=[item.tag for item in selection.tags[: selection.suggested_count]],
        model_version=row.model_version,
        variant=CHALLENGER if row.variant == CHALLENGER else CHAMPION,
        prediction_id=row.prediction_id,
        body_html=body if question.format == "markdown" else None,
        reason=selection.reason,
    )


def _reasons(
    model: LoadedModel, text: PreparedText, suggestions: Sequence[Suggestion], budget: Budget
) -> dict[str, list[TagReason]]:
    budget.check_time()
    tags = [suggestion.tag for suggestion in suggestions]
    return {
        tag: [
            TagReason(reason.kind, reason.text, reason.weight, reason.question_id)
            for reason in reasons
        ]
        for tag, reasons in zip(tags, model.candidate.explain(text, tags), strict=True)
    }
