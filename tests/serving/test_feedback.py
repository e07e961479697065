import pytest


@pytest.fixture
def prediction_id(client):
    return client.post("/predict", json={"title": "pandas"}).json["prediction_id"]


def test_feedback_is_recorded(client, recorder, prediction_id):
    payload = {
        "prediction_id": prediction_id,
        "final_tags": ["sql", "pandas", "sql"],
        "source": "page",
    }

    response = client.post("/feedback", json=payload)

    assert response.status_code == 201
    (row,) = recorder.feedback
    assert str(row.prediction_id) == prediction_id
    assert row.final_tags == ("sql", "pandas")
    assert row.source == "page"


def test_feedback_without_tags_is_recorded(client, recorder, prediction_id):
    client.post("/feedback", json={"prediction_id": prediction_id, "final_tags": []})

    assert recorder.feedback[0].final_tags == ()


@pytest.mark.parametrize(
    "unknown",
    [
        "3f0d5a0e-6a3e-4a57-9f0b-1c6f8f0a7b11",
        "00000000-0000-7000-8000-000000000000",
        f"{'f' * 8}-ffff-7fff-8fff-{'f' * 12}",
    ],
)
def test_id_that_was_never_issued_is_rejected(client, recorder, unknown):
    response = client.post("/feedback", json={"prediction_id": unknown, "final_tags": ["sql"]})

    assert response.status_code == 404
    assert response.json["field"] == "prediction_id"
    assert recorder.feedback == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"prediction_id": "no uuid"}, "prediction_id"),
        ({"final_tags": [""]}, "final_tags[0]"),
        ({"final_tags": "sql"}, "final_tags"),
        ({"source": "guess"}, "source"),
    ],
)
def test_invalid_feedback_is_rejected_with_the_field_at_fault(client, prediction_id, change, field):
    payload = {"prediction_id": prediction_id, "final_tags": ["sql"], **change}

    response = client.post("/feedback", json=payload)

    assert response.status_code == 400
    assert response.json["field"] == field
