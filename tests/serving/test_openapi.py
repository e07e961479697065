"""The OpenAPI document is true: thousands of inputs, drawn from it and against it."""

import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from include.questions import MAX_TAG_LENGTH, is_tag, normalized_tag
from include.settings import Settings
from serving import create_app
from serving.openapi import openapi_document
from serving.served_models import FixedModelSource, ServedModels
from tests.serving.conftest import ListRecorder, loaded_model


def test_all_references_resolve(client):
    document = client.get("/openapi.json").json

    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)
    assert {
        "/predict",
        "/feedback",
        "/model",
        "/healthz",
        "/readyz",
        "/metrics",
        "/overview",
    } <= set(document["paths"])


def test_key_is_required_where_one_is_needed():
    document = openapi_document(needs_key=True)

    assert document["security"] == [{"key": []}]
    assert "401" in document["paths"]["/predict"]["post"]["responses"]
    assert document["paths"]["/healthz"]["get"]["security"] == []


class NullRecorder(ListRecorder):
    def record(self, rows):
        pass


TAGS = st.text(
    st.characters(categories=["Lu", "Ll", "Lo", "Nd", "Mn"], include_characters="+-.#"),
    min_size=1,
    max_size=MAX_TAG_LENGTH,
).filter(lambda text: is_tag(normalized_tag(text)))
schemathesis.openapi.format("tag", TAGS)  # its grammar is more than the document's pattern

api = schemathesis.openapi.from_wsgi(
    "/openapi.json",
    create_app(
        # Schemathesis expects a 400 of too long a field, not the 413 that its size earns before.
        Settings(service_max_body_bytes=2**28),
        model_source=FixedModelSource(ServedModels(champion=loaded_model())),
        recorder=NullRecorder(),
    ),
)


# The overview needs a database: tests/browser/test_overview.py
@api.exclude(path="/overview").parametrize()
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_response_conforms_to_the_document(case):
    case.call_and_validate()
