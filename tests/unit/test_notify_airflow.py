"""Requests to Airflow: one login, a new one when it has expired, and notes that never fail a task."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from include.errors import FixInputError, RetryLaterError
from include.notify.airflow_note import write_note
from include.notify.airflow_rest import AirflowSession
from include.settings import Settings


@pytest.fixture
def airflow():
    """A real HTTP server: ``valid`` is the token that it accepts, ``broken`` makes it fail."""

    class Handler(BaseHTTPRequestHandler):
        def reply(self, status, body):
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_POST(self):
            login = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.logins.append(login)
            allowed = login["password"] == "right"
            self.reply(201 if allowed else 401, {"access_token": self.server.valid})

        def do_PATCH(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.server.broken:
                self.reply(503, {})
            elif self.headers["Authorization"] != f"Bearer {self.server.valid}":
                self.reply(401, {})
            else:
                self.server.received.append((self.path, body))
                self.reply(200, {})

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.logins, server.received, server.valid, server.broken = [], [], "first", False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def session(server, password="right"):
    return AirflowSession(f"http://127.0.0.1:{server.server_port}/", "admin", password)


def settings(server, password="right"):
    return Settings(
        airflow_url=f"http://127.0.0.1:{server.server_port}",
        airflow_user="admin",
        airflow_password=password,
    )


def test_several_requests_need_one_login(airflow):
    client = session(airflow)
    client.request("PATCH", "/a", {})
    client.request("PATCH", "/b", {})
    assert len(airflow.logins) == 1


def test_an_expired_login_is_renewed(airflow):
    client = session(airflow)
    client.request("PATCH", "/a", {})
    airflow.valid = "second"
    client.request("PATCH", "/b", {"x": 1})
    assert airflow.received[-1] == ("/b", {"x": 1})


def test_a_refused_login_needs_a_person(airflow):
    with pytest.raises(FixInputError, match="refuses the login"):
        session(airflow, password="wrong").request("PATCH", "/a", {})


def test_a_failing_server_is_tried_again_later(airflow):
    airflow.broken = True
    with pytest.raises(RetryLaterError, match="503"):
        session(airflow).request("PATCH", "/a", {})


def test_a_server_that_is_down_is_tried_again_later():
    client = AirflowSession("http://127.0.0.1:9", "admin", "right")
    with pytest.raises(RetryLaterError, match="does not answer /a"):
        client.request("GET", "/a")


def test_a_note_is_written_to_the_run(airflow):
    assert write_note(settings(airflow), "some_dag", "manual__2024-01-01T00:00:00+00:00", "text")
    [(path, body)] = airflow.received
    assert path.startswith(
        "/api/v2/dags/some_dag/dagRuns/manual__2024-01-01T00%3A00%3A00%2B00%3A00"
    )
    assert body == {"note": "text"}


def test_a_refused_note_fails_nothing(airflow):
    assert not write_note(settings(airflow, password="wrong"), "some_dag", "run", "text")
