"""Slack messages: the mail's content, no markup injection, no secret in an error."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from include.errors import FixSettingsError, RetryLaterError
from include.notify.render import drift_mail, training_mail
from include.notify.slack import drift_text, post, training_text
from tests.unit.notification_samples import drift_summary, training_summary


def test_drift_message_has_the_mails_content():
    facts = drift_summary()

    text = drift_text(facts, drift_mail(facts))

    assert "Drift in 2019-06: combine" in text
    assert "New tags: 0.142 against 0.021 (6.8 times)" in text
    assert "|The retraining>" in text


def test_tag_cannot_mention_a_channel():
    facts = training_summary(reason="<!channel> look")

    assert "<!channel>" not in training_text(facts, training_mail(facts))


@pytest.fixture
def webhook():
    """A real HTTP server on a free port; ``status`` is what it answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.server.received.append(json.loads(body))
            self.send_response(self.server.status)
            self.send_header("Retry-After", "7")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.received, server.status = [], 200
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def address(server):
    return f"http://127.0.0.1:{server.server_port}/services/SECRET"


def test_message_is_posted_as_json(webhook):
    post(address(webhook), "hello")

    assert webhook.received == [{"text": "hello"}]


@pytest.mark.parametrize(("status", "error"), [(503, RetryLaterError), (404, FixSettingsError)])
def test_error_says_what_to_do_without_the_secret(webhook, status, error):
    webhook.status = status

    with pytest.raises(error) as raised:
        post(address(webhook), "hello")

    assert "SECRET" not in str(raised.value)


def test_rate_limit_is_retried_after_the_given_delay(webhook):
    webhook.status = 429

    with pytest.raises(RetryLaterError) as raised:
        post(address(webhook), "hello")

    assert raised.value.retry_after_s == 7


def test_unreachable_slack_is_retried_later():
    with pytest.raises(RetryLaterError) as raised:
        post("http://127.0.0.1:9/services/SECRET", "hello")

    assert "SECRET" not in str(raised.value)
    assert raised.value.__cause__ is None
