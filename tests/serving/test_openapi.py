"""The OpenAPI document is true: thousands of inputs, drawn from it and against it."""

import schemathesis
from hypothesis import HealthCheck, settings
from jsonschema import Draft202012Validator

from include.settings import Settings
from serving import create_app
from serving.live_model import FixedModels, Live
from serving.openapi import openapi_document
from tests.serving.conftest import ListRecorder, loaded


def test_document_refers_to_nothing_that_is_missing(client):
    document = client.get("/openapi.json").json

    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert {"/predict", "/feedback", "/model", "/healthz", "/readyz", "/metrics"} <= set(
        document["paths"]
    )


def test_key_is_asked_for_where_one_is_needed():
    document = openapi_document(needs_key=True)

    assert document["security"] == [{"key": []}]
    assert "401" in document["paths"]["/predict"]["post"]["responses"]
    assert document["paths"]["/healthz"]["get"]["security"] == []


class ForgetfulRecorder(ListRecorder):
    def record(self, rows):
        pass


api = schemathesis.openapi.from_wsgi(
    "/openapi.json",
    create_app(
        # Schemathesis expects a 400 of too long a field, not the 413 that its size earns before.
        Settings(service_max_body_bytes=2**28),
        model_source=FixedModels(Live(champion=loaded())),
        recorder=ForgetfulRecorder(),
    ),
)


@api.parametrize()
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_as_the_document_says(case):
    case.call_and_validate()
