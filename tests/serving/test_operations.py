import json
import logging
import select
from inspect import iscoroutinefunction
from itertools import chain

import pytest

from serving.access_log import LOGGER
from serving.logs import JsonFormatter
from serving.served_models import ServedModels
from tests.serving.conftest import WordModel, loaded_model


def test_model_endpoint_describes_the_champion(client):
    shown = client.get("/model").json

    assert shown["champion"]["version"] == "7"
    assert shown["champion"]["candidate"] == "words"
    assert shown["champion"]["age_days"] > 0
    assert shown["champion"]["description"]["train_last"] == "2025-12"
    assert "vocabulary" not in shown["champion"]["description"]
    assert shown["challenger"] is None


def test_ready_with_a_model(client):
    assert client.get("/readyz").status_code == 200


def test_not_ready_without_a_model_but_alive(make_app):
    client = make_app(ServedModels()).test_client()

    response = client.get("/readyz")

    assert response.status_code == 503
    assert "train_candidates" in response.json["problem"]
    assert client.get("/healthz").status_code == 200


def value_of(client, sample):
    lines = client.get("/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(sample)), 0.0)


def test_predictions_are_counted_by_question(client):
    sample = 'app_predictions_total{variant="champion"}'
    before = value_of(client, sample)

    client.post("/predict", json=[{"title": "a"}, {"title": "b"}])

    assert value_of(client, sample) - before == 2


def test_time_of_a_request_is_observed_once(client):
    before = value_of(client, "app_prediction_time_seconds_count")

    client.post("/predict", json=[{"title": "a"}, {"title": "b"}])

    assert value_of(client, "app_prediction_time_seconds_count") - before == 1


def test_errors_are_counted_by_kind(client):
    sample = 'app_errors_total{kind="invalid_request"}'
    before = value_of(client, sample)

    client.post("/predict", json={})

    assert value_of(client, sample) - before == 1


@pytest.fixture
def logged(caplog, access_log, log_lines):
    """Return the fields of the one line that was logged; the level asks for lines."""
    caplog.set_level(logging.INFO, LOGGER)

    def fields():
        access_log.flush()
        (line,) = b"".join(log_lines).splitlines()
        return json.loads(line)

    return fields


def test_access_log_has_the_request_but_not_its_text(client, logged):
    response = client.post("/predict", json={"title": "secret plans"})

    fields = logged()
    assert fields["request_id"] == response.headers["X-Request-ID"]
    assert (fields["method"], fields["path"], fields["status"]) == ("POST", "/predict", 200)
    assert "secret" not in json.dumps(fields)


def test_access_log_has_the_text_if_enabled(make_app, logged):
    client = make_app(service_log_text=True).test_client()
    client.post("/predict", json={"title": "secret plans"})

    assert logged()["texts"] == [{"title": "secret plans", "body": ""}]


def test_level_above_info_logs_no_requests(client, caplog, access_log, log_lines):
    caplog.set_level(logging.WARNING, LOGGER)
    client.get("/healthz")
    access_log.flush()

    assert log_lines == []


def test_log_lines_are_written_in_chunks_that_a_pipe_writes_atomically(
    client, caplog, access_log, log_lines
):
    caplog.set_level(logging.INFO, LOGGER)
    for _ in range(100):
        client.get("/healthz")
    access_log.flush()

    assert 1 < len(log_lines) < 20
    assert all(len(part) <= select.PIPE_BUF and part.endswith(b"\n") for part in log_lines)
    assert len(b"".join(log_lines).splitlines()) == 100


def test_log_line_is_one_json_object():
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "two\nlines %d", (3,), None)
    record.fields = {"status": 200}

    line = JsonFormatter().format(record)

    assert "\n" not in line
    assert json.loads(line)["message"] == "two\nlines 3"
    assert json.loads(line)["status"] == 200


@pytest.mark.parametrize(("log_text", "shown"), [(False, False), (True, True)])
def test_fault_while_answering_is_logged_without_the_text(make_app, caplog, log_text, shown):
    class Failing(WordModel):
        def score(self, texts):
            raise ValueError(f"no idea about {texts[0].title}")

    app = make_app(ServedModels(champion=loaded_model(model=Failing())), service_log_text=log_text)

    response = app.test_client().post("/predict", json={"title": "c4n4ry"})

    assert response.status_code == 500
    assert ("c4n4ry" in caplog.text) is shown
    assert "ValueError" in caplog.text
    assert "in score" in caplog.text


def test_no_view_or_hook_is_a_coroutine(make_app):
    app = make_app()
    hooks = [*app.before_request_funcs.values(), *app.after_request_funcs.values()]
    functions = [*app.view_functions.values(), *chain.from_iterable(hooks)]

    assert [f for f in functions if iscoroutinefunction(f)] == []


def test_head_of_a_json_endpoint_has_the_length_and_no_body(client):
    got, head = client.get("/healthz"), client.head("/healthz")

    assert got.data
    assert (head.data, head.content_length) == (b"", len(got.data))
