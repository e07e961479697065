"""Who answers during an A/B test, and what is recorded of it."""

import pytest

from serving.payloads import AbTest
from serving.served_models import ServedModels
from serving.variants import bucket_of
from tests.serving.conftest import WordModel, loaded_model

CHALLENGER = loaded_model("8", WordModel(("flask", "go", "python", "rust", "sql")))


def served(share=0.5, shadow=False, **changes):
    test = AbTest(5, changes.pop("champion_version", "7"), "8", share, shadow)
    return ServedModels(champion=loaded_model("7"), challenger=CHALLENGER, ab_test=test)


def ask(service, **changes):
    return service.post("/predict", json={"title": "python", **changes}).json


def test_challenger_gets_its_share_of_clients(make_app):
    client = make_app(served(share=0.3)).test_client()

    versions = [ask(client, client=f"client {n}")["model_version"] for n in range(400)]

    assert versions.count("8") / 400 == pytest.approx(0.3, abs=0.08)


def test_client_keeps_its_variant(make_app):
    client = make_app(served()).test_client()

    variants = {ask(client, client="ann", title=f"t{n}")["variant"] for n in range(20)}

    assert len(variants) == 1


def test_without_a_client_the_question_keeps_its_variant(make_app):
    client = make_app(served()).test_client()

    variants = {ask(client, question_id=12)["variant"] for _ in range(20)}

    assert len(variants) == 1


def test_next_test_assigns_independently():
    keys = [f"client:{n}" for n in range(200)]

    moved = sum((bucket_of(1, key) < 0.5) != (bucket_of(2, key) < 0.5) for key in keys)

    assert 60 < moved < 140


@pytest.mark.parametrize(("share", "variant"), [(0.0, "champion"), (1.0, "challenger")])
def test_share_of_zero_or_one_is_exact(make_app, share, variant):
    client = make_app(served(share=share)).test_client()

    assert {ask(client, client=str(n))["variant"] for n in range(30)} == {variant}


def test_rows_have_the_test_and_the_variant(make_app, recorder):
    ask(make_app(served(share=1.0)).test_client())

    (row,) = recorder.rows
    assert (row.ab_test_id, row.variant, row.model_version, row.shadow) == (
        5,
        "challenger",
        "8",
        False,
    )


def test_shadow_answer_is_recorded_and_never_shown(make_app, recorder):
    answer = ask(make_app(served(share=1.0, shadow=True)).test_client())

    shown, shadow = recorder.rows
    assert answer["variant"] == shown.variant == "champion"
    assert str(shown.prediction_id) == answer["prediction_id"]
    assert (shadow.variant, shadow.shadow, shadow.model_version) == ("challenger", True, "8")
    assert shadow.answer_id == shown.prediction_id
    assert shadow.ab_test_id == shown.ab_test_id == 5


def test_batch_may_be_answered_by_both_variants(make_app, recorder):
    client = make_app(served()).test_client()
    questions = [{"title": "rust pandas", "client": str(n), "k": 1} for n in range(40)]

    answers = client.post("/predict", json=questions).json

    assert {answer["variant"] for answer in answers} == {"champion", "challenger"}
    for answer in answers:
        best = {"champion": "pandas", "challenger": "rust"}[answer["variant"]]
        assert answer["tags"][0]["tag"] == best


def test_ab_test_of_another_champion_does_not_apply(make_app, recorder):
    client = make_app(served(share=1.0, champion_version="6")).test_client()

    assert ask(client)["variant"] == "champion"
    assert recorder.rows[0].ab_test_id is None
