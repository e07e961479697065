"""From questions to recorded answers: prepare, choose who answers, rank, record. Knows no Flask."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter
from typing import Final

from include.candidates.base import Suggestion
from include.store.predictions import Prediction, uuid7_time
from include.text.prepare import prepare
from include.text.prepared import PreparedText
from serving import metrics
from serving.errors import NoModelError
from serving.live_model import Live, LoadedModel, ModelSource
from serving.markup import render
from serving.payloads import Answer, Question, ScoredTag, TagReason
from serving.prediction_ids import new_id
from serving.recorder import Recorder
from serving.variants import CHALLENGER, CHAMPION, Variant, model_of, on_trial, variant_of

NO_MODEL: Final = (
    "no model has been promoted yet: trigger the DAG train_candidates in Airflow (it needs months "
    "that ingest_questions has stored); the service takes the model up by itself within seconds"
)


class Suggester:
    """
    Answers questions with what is live, and records every answer before it is given.

    Parameters
    ----------
    site : str
        Recorded with each answer, so that its true tags can be found.
    models : ModelSource
    recorder : Recorder
    """

    def __init__(self, site: str, models: ModelSource, recorder: Recorder) -> None:
        self.site = site
        self.models = models
        self.recorder = recorder

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """
        Answer ``questions``, in order, all with the models that are live at the first.

        Raises
        ------
        NoModelError
            If nothing is live yet.
        CannotRecordError
            If the answers could not be made durable: then none is given.
        """
        live = self.models.current
        if live.champion is None:
            raise NoModelError(NO_MODEL)
        started = perf_counter()
        bodies = [render(q.body) if q.format == "markdown" else q.body for q in questions]
        texts = [prepare(q.title, body) for q, body in zip(questions, bodies, strict=True)]
        prepared = perf_counter()
        variants = [variant_of(live, question) for question in questions]
        ranked = _ranked(live, variants, questions, texts)
        shadows = _shadow_ranks(live, questions, texts)
        done = perf_counter()
        latency_ms = (done - started) * 1000 / len(questions)
        rows = [
            self._row(live, question, body, variant, suggestions, latency_ms)
            for question, body, variant, suggestions in zip(
                questions, bodies, variants, ranked, strict=True
            )
        ]
        shadow_rows = [
            self._shadow_row(live, row, suggestions)
            for row, suggestions in zip(rows, shadows, strict=bool(shadows))
        ]
        self.recorder.record(rows + shadow_rows)
        by_challenger = variants.count(CHALLENGER)
        metrics.ANSWERED.note(
            metrics.Answered(
                prepare=prepared - started,
                rank=done - prepared,
                record=perf_counter() - done,
                by_champion=len(variants) - by_challenger,
                by_challenger=by_challenger,
                in_shadow=len(shadow_rows),
            )
        )
        return [
            _answer(live, question, body, text, row)
            for question, body, text, row in zip(questions, bodies, texts, rows, strict=True)
        ]

    def _row(
        self,
        live: Live,
        question: Question,
        body: str,
        variant: Variant,
        suggestions: Sequence[Suggestion],
        latency_ms: float,
    ) -> Prediction:
        model = model_of(live, variant)
        prediction_id = new_id()
        return Prediction(
            prediction_id=prediction_id,
            asked_at=uuid7_time(prediction_id),
            site=self.site,
            title=question.title,
            body=body,
            tags=tuple((item.tag, item.score) for item in suggestions),
            model_version=model.version,
            candidate=model.candidate.name,
            variant=variant,
            latency_ms=latency_ms,
            question_id=question.question_id,
            ab_test_id=live.ab_test.ab_test_id if live.ab_test and on_trial(live) else None,
            client=question.client,
        )

    def _shadow_row(
        self, live: Live, shown: Prediction, suggestions: Sequence[Suggestion]
    ) -> Prediction:
        challenger = model_of(live, CHALLENGER)
        prediction_id = new_id()
        return Prediction(
            prediction_id=prediction_id,
            asked_at=uuid7_time(prediction_id),
            site=shown.site,
            title=shown.title,
            body=shown.body,
            tags=tuple((item.tag, item.score) for item in suggestions),
            model_version=challenger.version,
            candidate=challenger.candidate.name,
            variant=CHALLENGER,
            latency_ms=shown.latency_ms,
            question_id=shown.question_id,
            shadow=True,
            answer_id=shown.prediction_id,
            ab_test_id=shown.ab_test_id,
            client=shown.client,
        )


def _ranked(
    live: Live,
    variants: Sequence[Variant],
    questions: Sequence[Question],
    texts: Sequence[PreparedText],
) -> list[tuple[Suggestion, ...]]:
    """Return each question's suggestions, ranked by one call per model."""
    ranked: list[tuple[Suggestion, ...]] = [()] * len(questions)
    for variant in dict.fromkeys(variants):
        places = [place for place, chosen in enumerate(variants) if chosen == variant]
        answers = _rank(model_of(live, variant), [texts[place] for place in places], questions)
        for place, answer in zip(places, answers, strict=True):
            ranked[place] = answer[: questions[place].k]
    return ranked


def _rank(
    model: LoadedModel, texts: Sequence[PreparedText], questions: Sequence[Question]
) -> list[tuple[Suggestion, ...]]:
    return model.candidate.rank(texts, max(question.k for question in questions))


def _shadow_ranks(
    live: Live, questions: Sequence[Question], texts: Sequence[PreparedText]
) -> list[tuple[Suggestion, ...]]:
    """
    Return what the challenger would have said, in shadow mode; else nothing.

    It is computed before the answer leaves, so that both rows are recorded in one breath and the
    pairs are complete; shadow mode therefore costs the challenger's ranking time.
    """
    if live.ab_test is None or not live.ab_test.shadow or not on_trial(live):
        return []
    answers = _rank(model_of(live, CHALLENGER), texts, questions)
    return [answer[: question.k] for answer, question in zip(answers, questions, strict=True)]


def _answer(
    live: Live, question: Question, body: str, text: PreparedText, row: Prediction
) -> Answer:
    variant = CHALLENGER if row.variant == CHALLENGER else CHAMPION
    reasons = _reasons(model_of(live, variant), text, row) if question.explain else {}
    return Answer(
        tags=[ScoredTag(tag, score, reasons.get(tag)) for tag, score in row.tags],
        model_version=row.model_version,
        variant=variant,
        prediction_id=row.prediction_id,
        body_html=body if question.format == "markdown" else None,
    )


def _reasons(model: LoadedModel, text: PreparedText, row: Prediction) -> dict[str, list[TagReason]]:
    return {
        tag: [
            TagReason(reason.kind, reason.text, reason.weight, reason.question_id)
            for reason in model.candidate.explain(text, tag)
        ]
        for tag, _ in row.tags
    }
