import pytest

from serving.keys import add_key
from serving.prediction_ids import PredictionIds, load_secret


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


@pytest.fixture
def with_keys(make_app, tmp_path):
    """A client of a service with the keys of ann and bob, and the header of each."""
    path = tmp_path / "keys"
    headers = {name: {"X-API-Key": add_key(path, name)} for name in ("ann", "bob")}
    return make_app(service_api_keys_file=path).test_client(), headers


def test_only_the_key_that_asked_gives_feedback(with_keys, recorder):
    service, headers = with_keys
    asked = service.post("/predict", json={"title": "pandas"}, headers=headers["ann"]).json
    told = {"prediction_id": asked["prediction_id"], "final_tags": ["sql"]}

    statuses = [
        service.post("/feedback", json=told, headers=headers[name]).status_code
        for name in ("bob", "ann")
    ]

    assert statuses == [404, 201]
    assert [row.key_name for row in recorder.feedback] == ["ann"]
    assert recorder.rows[0].key_name == "ann"


def test_workers_of_a_machine_share_the_secret(settings):
    secrets = {load_secret(settings.local_dir / "service-secret") for _ in range(3)}

    assert len(secrets) == 1
    assert (settings.local_dir / "service-secret").stat().st_mode & 0o077 == 0


def test_id_of_another_service_is_not_recognised():
    ours, other = PredictionIds("ours"), PredictionIds("other")

    assert ours.issued_to(ours.new("ann"), "ann")
    assert not ours.issued_to(other.new("ann"), "ann")
    assert not ours.issued_to(ours.new("ann"), None)


@pytest.mark.parametrize(
    "tag",
    ["</script><script>alert(1)</script>", "$\\frac{a$", "two words", "a\u2028b", "\u202ekcats",
     "--", "x" * 36, "=cmd|' /C calc'!A0", "_x_", "a\x00b"],
)  # fmt: skip
def test_text_that_is_no_tag_is_refused_as_at_the_door_of_questions(
    client, recorder, prediction_id, tag
):
    told = {"prediction_id": prediction_id, "final_tags": ["sql", tag]}

    response = client.post("/feedback", json=told)

    assert (response.status_code, response.json["field"]) == (400, "final_tags[1]")
    assert recorder.feedback == []


def test_tag_of_feedback_is_stored_as_questions_have_it(client, recorder, prediction_id):
    told = {"prediction_id": prediction_id, "final_tags": ["SQL", "cafe\u0301", "c++", "питон"]}

    assert client.post("/feedback", json=told).status_code == 201
    assert recorder.feedback[0].final_tags == ("sql", "caf\u00e9", "c++", "питон")
