import json
from io import BytesIO
from uuid import UUID

import pytest

from include.store.predictions import uuid7_time
from serving.errors import CannotRecordError
from serving.served_models import ServedModels

QUESTION = {"title": "How do I use pandas with python?", "body": "<p>I want <b>sql</b> too.</p>"}


def test_best_tags_come_first(client):
    answer = client.post("/predict", json={**QUESTION, "k": 3}).json

    assert {tag["tag"] for tag in answer["tags"]} == {"pandas", "python", "sql"}
    assert answer["model_version"] == "7"
    assert answer["variant"] == "champion"


def test_recorded_row_equals_the_answer(client, recorder):
    answer = client.post("/predict", json={**QUESTION, "question_id": 12, "client": "me"}).json

    (row,) = recorder.rows
    assert str(row.prediction_id) == answer["prediction_id"]
    assert [tag for tag, _ in row.tags] == [tag["tag"] for tag in answer["tags"]]
    assert (row.title, row.body) == (QUESTION["title"], QUESTION["body"])
    assert (row.site, row.question_id, row.client) == ("sandbox", 12, "me")


def test_prediction_id_contains_the_time(client, recorder):
    answer = client.post("/predict", json=QUESTION).json

    assert uuid7_time(UUID(answer["prediction_id"])) == recorder.rows[0].asked_at


def test_batch_is_answered_in_order(client, recorder):
    asked = [{"title": tag, "k": 1} for tag in ("sql", "regex", "flask")]

    answers = client.post("/predict", json=asked).json

    assert [answer["tags"][0]["tag"] for answer in answers] == ["sql", "regex", "flask"]
    assert len(recorder.rows) == 3


def test_integer_may_be_written_as_a_float(client, recorder):
    body = b'[{"title": "x", "k": 2.0, "question_id": 7.0}]'

    (answer,) = client.post("/predict", data=body, content_type="application/json").json

    assert len(answer["tags"]) == 2
    assert recorder.rows[0].question_id == 7


def test_each_question_of_a_batch_has_its_own_k(client):
    answers = client.post("/predict", json=[{"title": "a", "k": 1}, {"title": "b", "k": 4}]).json

    assert [len(answer["tags"]) for answer in answers] == [1, 4]


def test_explain_returns_reasons(client):
    answer = client.post("/predict", json={**QUESTION, "explain": True, "k": 1}).json

    assert answer["tags"][0]["reasons"] == [
        {"kind": "mention", "text": answer["tags"][0]["tag"], "weight": 1.0}
    ]


def test_markdown_is_recorded_as_html(client, recorder):
    answer = client.post(
        "/predict", json={"title": "x", "body": "I *like* sql", "format": "markdown"}
    ).json

    assert recorder.rows[0].body == answer["body_html"] == "<p>I <em>like</em> sql</p>\n"


def test_script_in_markdown_is_removed(client):
    body = "<script>alert(1)</script> [x](javascript:alert(1)) <img src=x onerror=alert(1)>"

    answer = client.post("/predict", json={"title": "x", "body": body, "format": "markdown"}).json

    assert "<script" not in answer["body_html"]
    assert "<img" not in answer["body_html"]
    assert "href" not in answer["body_html"]


@pytest.mark.parametrize(
    ("payload", "field"),
    [
        ({"body": "x"}, "title"),
        ({"title": "   "}, "title"),
        ({"title": "x" * 501}, "title"),
        ({"title": 3}, "title"),
        ({"title": "x", "body": None}, "body"),
        ({"title": "x", "k": 0}, "k"),
        ({"title": "x", "k": 26}, "k"),
        ({"title": "x", "k": 1.5}, "k"),
        ({"title": "x", "k": 1e300}, "k"),
        ({"title": 1.5, "k": -(2**70)}, "k"),
        ({"title": "x", "question_id": -1}, "question_id"),
        ({"title": "x", "max_tags": 0}, "max_tags"),
        ({"title": "x", "max_tags": 26}, "max_tags"),
        ({"title": "x", "min_score": 1.01}, "min_score"),
        ({"title": "x", "min_score": -0.01}, "min_score"),
        ({"title": "x", "min_score": "high"}, "min_score"),
        ({"title": "x", "exclude": "sql"}, "exclude"),
        ({"title": "x", "exclude": ["sql"] * 26}, "exclude"),
        ({"title": "x", "exclude": ["sql", "two words"]}, "exclude[1]"),
        ({"title": "x", "exclude": ["sql", "--"]}, "exclude[1]"),
        ([{"title": "x", "exclude": ["--"]}], "[0].exclude[0]"),
        ([{"title": "x"}, {"title": "x", "exclude": ["a", "#"]}], "[1].exclude[1]"),
        ({"title": "x", "titel": "y"}, "titel"),
        ([{"title": "x"}, {"title": "x", "client": ""}], "[1].client"),
        ([{"title": "x"}, {}], "[1].title"),
        ([], None),
        ([{"title": "x"}] * 101, None),
        ("title", None),
    ],
)
def test_invalid_input_is_rejected_with_the_field_at_fault(client, recorder, payload, field):
    response = client.post("/predict", json=payload)

    assert response.status_code == 400
    assert response.content_type == "application/problem+json"
    assert response.json.get("field") == field
    assert recorder.rows == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b'{"title": "\\ud800"}',
        b'{"title": "\xff"}',
        b'{"title": 1.5, "body": tr',
        b'{"title": 1.5, "k": \xff}',
        b"[" * 50_000,
    ],
)
def test_invalid_json_is_rejected(client, body):
    response = client.post("/predict", data=body, content_type="application/json")

    assert response.status_code == 400


def test_other_media_type_is_rejected(client):
    response = client.post("/predict", data=json.dumps(QUESTION), content_type="text/plain")

    assert response.status_code == 415
    assert response.json["type"] == "urn:tagkeeper:problem:wrong_media_type"


def test_oversized_body_is_rejected(make_app):
    client = make_app(service_max_body_bytes=2048).test_client()

    response = client.post("/predict", json={"title": "x", "body": "y" * 3000})

    assert response.status_code == 413
    assert response.json["status"] == 413


@pytest.mark.parametrize("size", [2048, 2049, 9000])
def test_body_in_chunks_obeys_the_same_limit(make_app, recorder, size):
    """What is beyond the limit would make no difference to the JSON: only its length tells."""
    client = make_app(service_max_body_bytes=2048).test_client()
    body = json.dumps(QUESTION).encode().ljust(size)

    response = client.post(
        "/predict",
        input_stream=BytesIO(body),
        environ_overrides={"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"},
        content_type="application/json",
    )

    assert response.status_code == (200 if size <= 2048 else 413)
    assert len(recorder.rows) == (size <= 2048)


def test_without_a_model_the_error_says_what_to_do(make_app, recorder):
    response = make_app(ServedModels()).test_client().post("/predict", json=QUESTION)

    assert response.status_code == 503
    assert "train_candidates" in response.json["detail"]
    assert recorder.rows == []


def test_answer_that_cannot_be_recorded_is_not_returned(make_app, recorder):
    class FullDisk(type(recorder)):
        def record(self, rows):
            raise CannotRecordError("no space left on device")

    app = make_app()
    app.extensions["tagkeeper"].suggester.recorder = FullDisk()

    response = app.test_client().post("/predict", json=QUESTION)

    assert response.status_code == 503
    assert "tags" not in response.json


def test_wrong_method_is_answered_with_the_allowed_ones(client):
    response = client.get("/predict")

    assert response.status_code == 405
    assert "POST" in response.headers["Allow"]
    assert response.json["status"] == 405


def test_request_id_of_the_client_is_returned(client):
    response = client.post("/predict", json={}, headers={"X-Request-ID": "abc-12345"})

    assert response.headers["X-Request-ID"] == response.json["request_id"] == "abc-12345"


def test_invalid_request_id_is_replaced(client):
    response = client.get("/healthz", headers={"X-Request-ID": "a b\tc{}"})

    assert response.headers["X-Request-ID"].isalnum()
