"""Encoders take no longer than they may: what is embedded of a window and of a test month."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from include import names
from include.candidates.base import EncoderFactory
from include.candidates.catalogue import read_description
from include.capacity import machine_label
from include.jobs.data.datasets import TrainingData, training_data
from include.jobs.data.features import IDS_PER_CHUNK, cached_encoders
from include.jobs.data.month_samples import sampling_order
from include.jobs.training.encoder_time import LEAST_QUESTIONS, EncoderTime
from include.jobs.training.pipeline import TrainingPipeline, request_from_params, train_all
from include.registry import Registry
from include.registry.descriptions import NOTE
from include.sandbox.simulator import simulate
from include.settings import Settings
from include.store.encoder_time import read_encoder_rates, record_encoder_rate
from include.store.questions import upsert_questions
from include.task_results import TrainingResult
from include.text.prepared import LabelledTexts, PreparedText

pytestmark = pytest.mark.integration

SITE = "devops"
COUNT = 400
"""Questions of a month; their ids are far apart, as answers have ids too."""


class Letters:
    """Embeds each text by how often it has each letter, and counts what it was asked."""

    name = "letters-1"
    dimensions = 26

    def __init__(self) -> None:
        self.asked = 0

    def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        self.asked += len(texts)
        rows = [
            [1 + f"{one.title} {one.prose}".lower().count(letter) for letter in LETTERS]
            for one in texts
        ]
        vectors = np.array(rows, dtype=np.float32).reshape(len(texts), self.dimensions)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


LETTERS = "abcdefghijklmnopqrstuvwxyz"


def questions(count: int = COUNT) -> LabelledTexts:
    texts = tuple(
        PreparedText(f"title {i}", "prose", "", key=(SITE, 100 * i)) for i in range(1, count + 1)
    )
    start = datetime(2024, 1, 1, tzinfo=UTC)
    times = tuple(start + timedelta(minutes=i) for i in range(count))
    return LabelledTexts(texts, (("a", "b"),) * count, times)


def window(count: int = COUNT) -> TrainingData:
    until = datetime(2024, 2, 1, tzinfo=UTC)
    return training_data(
        questions(count), site=SITE, first_month="2024-01", until=until, min_tag_count=1
    )


def speed(engine: Engine, whole_s: float, title_s: float, machine: str = "here") -> None:
    """Note how long a machine takes for a text."""
    with engine.begin() as connection:
        for title_only, seconds in ((False, whole_s), (True, title_s)):
            record_encoder_rate(
                connection,
                Letters.name,
                machine,
                title_only=title_only,
                texts=100,
                seconds=100 * seconds,
            )


def rates(engine: Engine, machine: str) -> dict[tuple[str, bool], float]:
    with engine.connect() as connection:
        return read_encoder_rates(connection, machine, [Letters.name])


def encoders(engine: Engine, encoder: Letters | None = None) -> EncoderFactory:
    real = encoder or Letters()
    return cached_encoders(engine, lambda name: real)


def within(engine: Engine, minutes: float, machine: str = "here") -> EncoderTime:
    return EncoderTime(engine, encoders(engine), minutes, machine)


def test_a_window_gives_as_many_of_its_latest_questions_as_there_is_time_for(
    engine: Engine,
) -> None:
    speed(engine, whole_s=1.0, title_s=0.1)
    with_vectors = window().questions.texts[-20:]
    encoders(engine)("bert").encode(with_vectors)

    found = within(engine, 3.0).to_learn(["bert"], window(), 300)

    assert found is not None
    assert (found.question_count, found.sample_count) == (300, 180 + len(with_vectors))
    assert found.minutes == pytest.approx((300 - 20) / 60)


def test_each_question_of_a_test_month_takes_the_time_of_text_and_title(engine: Engine) -> None:
    speed(engine, whole_s=1.0, title_s=0.5)
    found = within(engine, 5.0).to_test(["bert"], questions(), "test-id")
    assert found is not None
    assert (found.question_count, found.sample_count) == (COUNT, 200)


def test_a_month_with_stored_vectors_is_tested_as_a_whole_however_slow_the_machine(
    engine: Engine,
) -> None:
    speed(engine, whole_s=100.0, title_s=100.0)
    texts = questions().texts
    encoder = encoders(engine)("bert")
    encoder.encode(texts)
    encoder.encode([replace(one, prose="") for one in texts])

    found = within(engine, 1.0).to_test(["bert"], questions(), "test-id")

    assert found is not None
    assert found.sample_count == COUNT


def test_a_decision_stays_on_other_machines_and_after_the_vectors_are_stored(
    engine: Engine,
) -> None:
    speed(engine, whole_s=1.0, title_s=0.5)
    speed(engine, whole_s=0.1, title_s=0.1, machine="faster")
    first = within(engine, 5.0).to_test(["bert"], questions(), "test-id")
    encoders(engine)("bert").encode(questions().texts)

    assert within(engine, 5.0, "faster").to_test(["bert"], questions(), "test-id") == first
    assert within(engine, 6.0, "faster").to_test(["bert"], questions(), "test-id") != first


def test_a_slow_encoder_embeds_the_least_number_of_questions(engine: Engine) -> None:
    speed(engine, whole_s=1_000.0, title_s=1_000.0)
    found = within(engine, 1.0).to_learn(["bert"], window(), None)
    assert found is not None
    assert found.sample_count == LEAST_QUESTIONS


def test_few_questions_need_no_measurement(engine: Engine) -> None:
    real = Letters()
    limit = EncoderTime(engine, encoders(engine, real), COUNT / 60, "here")
    assert limit.to_learn(["bert"], window(), None) is None
    assert real.asked == 0


def test_an_unknown_speed_is_measured_on_some_of_the_questions(engine: Engine) -> None:
    real = Letters()
    limit = EncoderTime(engine, encoders(engine, real), 1.0)

    found = limit.to_test(["bert"], questions(), "test-id")

    assert 0 < real.asked < COUNT / 2
    assert set(rates(engine, machine_label())) == {(Letters.name, False), (Letters.name, True)}
    assert found is not None
    assert found.minutes < 1


def test_time_of_the_first_chunk_which_loads_the_model_is_not_part_of_the_speed(
    engine: Engine,
) -> None:
    class Loading(Letters):
        def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
            if not self.asked:
                time.sleep(2)
            return super().encode(texts)

    ids = range(IDS_PER_CHUNK - 1, IDS_PER_CHUNK + 50)
    texts = [PreparedText(f"{i}", "prose", "", key=(SITE, i)) for i in ids]
    encoders(engine, Loading())("bert").encode(texts)

    text_s = rates(engine, machine_label())[Letters.name, False]
    assert 50 * text_s < 2


def test_a_larger_sample_contains_the_smaller_one_whatever_else_was_asked() -> None:
    drawn = [questions().texts[row].key for row in sampling_order(questions())]
    fewer = questions(COUNT - 50)
    kept = [fewer.texts[row].key for row in sampling_order(fewer)]
    assert [key for key in drawn if key in set(kept)] == kept
    assert drawn != sorted(drawn, key=lambda key: key or (SITE, 0))


@pytest.fixture
def training(database_url: str, mlflow_server: str) -> TrainingPipeline:
    """A site of 200 questions a month, whose encoder takes 1 s for a text and .5 s for a title."""
    settings = Settings(
        database_url=database_url,
        mlflow_tracking_uri=mlflow_server,
        site=f"test-{uuid.uuid4().hex[:8]}",
        encoder_minutes=2.5,
        bootstrap_samples=500,
    )
    made = TrainingPipeline.from_settings(settings)
    simulated = simulate(
        seed=4,
        first_month="2023-01",
        months=3,
        questions_per_month=200,
        events=(),
        site=settings.site,
    )
    with made.engine.begin() as connection:
        upsert_questions(connection, simulated.questions)
    speed(made.engine, whole_s=1.0, title_s=0.5, machine=machine_label())
    registry = Registry(mlflow_server, model=f"test-{uuid.uuid4().hex[:8]}")
    return replace(made, registry=registry, encoders=encoders(made.engine))


def read_count(engine: Engine, site: str, since: str) -> int:
    counted = text("SELECT count(*) FROM questions WHERE site = :site AND asked_at >= :since")
    with engine.connect() as connection:
        return int(connection.execute(counted, {"site": site, "since": since}).scalar_one())


def train(training: TrainingPipeline) -> TrainingResult:
    request = request_from_params(
        {"candidates": ["frequency", "bert"]},
        training.settings,
        request_id=uuid.uuid4().hex,
        actor="tester",
    )
    return train_all(training, request, lambda line: None)


def test_a_training_says_what_its_encoder_left_out_and_repeats_it(
    training: TrainingPipeline, tmp_path
) -> None:
    first = train(training)

    by_name = {row.candidate: training.runs.get(row.run_id) for row in first.rows}
    window_count = int(by_name["bert"].params["questions"])
    learned = {name: run.params["learned_from"] for name, run in by_name.items()}
    assert learned["bert"].startswith(f"the latest 150 of {window_count} questions")
    assert learned["frequency"].startswith(f"all {window_count} questions")
    sample = by_name["bert"].params["test_sample"]
    month_count = read_count(training.engine, training.settings.site, "2023-03-01")
    assert sample.startswith(f"100 of {month_count} questions, as all would take 5 minutes of ")
    assert sample in first.tested
    assert "95 % interval of the whole month" in training.runs.get(first.run_id).tags[NOTE]
    with training.engine.connect() as connection:
        tested = connection.execute(
            text(
                "SELECT run_id, question_count FROM evaluations "
                "WHERE slice = 'all' AND metric = 'f1_all@5'"
            )
        ).tuples()
        assert dict(tested.all()) == {run.run_id: 100 for run in by_name.values()}

    champion = training.registry.alias(names.CHAMPION)
    described = read_description(training.registry.download(champion, tmp_path))
    assert described["test_sample"]["sample_count"] == 100
    assert described["questions"] == window_count + month_count, "the refit learns the whole month"

    again = train(training)
    assert [row.reused for row in again.rows if row.run_id] == [True, True]
