"""A month whose tags are wrong goes through a whole training: its model does not go live."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from sqlalchemy import Engine, text

from include import names
from include.errors import CheckFailedError
from include.jobs.training.pipeline import TrainingPipeline
from tests.integration.test_training import make_site, run

pytestmark = pytest.mark.integration

POISONED = "2023-06"


@pytest.fixture
def training(database_url, mlflow_server):
    """A site whose champion was tested on May 2023, and with June's questions."""
    site = make_site(database_url, mlflow_server)
    site.store(months=6)
    first = run(site.training, ["frequency"], test_month="2023-05")
    assert first.promoted
    yield site.training
    site.engine.dispose()


IN_MONTH = "WHERE to_char(asked_at AT TIME ZONE 'UTC', 'YYYY-MM') = :month"


def exchange_tags(engine: Engine, month: str = POISONED) -> None:
    """Give the month's questions each other's tags."""
    with engine.begin() as connection:
        rows = connection.execute(
            text(f"SELECT question_id, tags FROM question_tags {IN_MONTH}"), {"month": month}
        ).all()
        tags = [row.tags for row in rows]
        random.Random(3).shuffle(tags)
        connection.execute(
            text("UPDATE question_tags SET settled_tags = :tags WHERE question_id = :question_id"),
            [
                {"question_id": row.question_id, "tags": own}
                for row, own in zip(rows, tags, strict=True)
            ],
        )


def put_on_everything(engine: Engine, month: str = POISONED) -> None:
    """Put one tag on all of the month's questions."""
    with engine.begin() as connection:
        connection.execute(
            text(f"UPDATE question_tags SET settled_tags = tags || '{{poison}}' {IN_MONTH}"),
            {"month": month},
        )


def without_label_check(training: TrainingPipeline) -> TrainingPipeline:
    return replace(training, settings=training.settings.model_copy(update={"check_labels": False}))


@pytest.mark.parametrize("poison", [exchange_tags, put_on_everything])
def test_wrong_tags_are_found_before_anything_learns_them(training, poison):
    before = training.registry.alias(names.CHAMPION)
    poison(training.engine)
    with pytest.raises(CheckFailedError, match=f"the tags of {POISONED} look wrong"):
        run(training, ["frequency"])
    assert training.registry.alias(names.CHAMPION) == before


def test_refit_that_spoils_what_was_learned_does_not_go_live(training):
    before = training.registry.alias(names.CHAMPION)
    put_on_everything(training.engine)
    result = run(without_label_check(training), ["frequency"])
    assert result.test_month == POISONED
    assert not result.promoted, result.figures["refit"]
    assert "the tags of the tested questions may be wrong" in result.reason
    assert "with poison for 100% of them, of which 0% bear it" in result.reason
    assert result.figures["refit"]["high"] < 0
    assert (result.version, result.challenger_version) == (None, None)
    assert training.registry.alias(names.CHAMPION) == before


def test_refit_with_right_tags_goes_live(training):
    result = run(training, ["frequency"])
    assert result.promoted, result.reason
    assert result.figures["refit"]["mean"] > -0.01


@pytest.mark.parametrize(
    ("family", "poison"), [("tfidf", exchange_tags), ("frequency", put_on_everything)]
)
def test_learned_month_whose_tags_went_wrong_later_is_judged_by_the_next(training, family, poison):
    if family == "tfidf":
        assert run(training, ["tfidf"], test_month="2023-05").promoted
    before = training.registry.alias(names.CHAMPION)
    poison(training.engine, "2023-05")
    result = run(training, [family])
    assert not result.promoted
    assert "The challenger is worse: F1@5" in result.reason
    assert training.registry.alias(names.CHAMPION) == before
