import subprocess
import sys

import pytest
from pydantic import SecretStr

from include.errors import FixSettingsError
from serving.access import keys_for
from serving.keys import ApiKeys, add_key, remove_key

QUESTION = {"title": "pandas"}


@pytest.fixture
def keys_path(tmp_path):
    return tmp_path / "keys"


@pytest.fixture
def key(keys_path):
    return add_key(keys_path, "ann")


@pytest.fixture
def locked(make_app, key, keys_path):
    return make_app(service_api_keys_file=keys_path, service_rate_limit="3/minute").test_client()


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def test_service_beyond_loopback_requires_keys(settings):
    with pytest.raises(FixSettingsError, match=r"tagkeeper keys add"):
        keys_for(settings.model_copy(update={"service_host": "0.0.0.0"}))


def test_key_file_without_keys_is_rejected(settings, keys_path):
    keys_path.write_text("# none yet\n")
    with pytest.raises(FixSettingsError, match="no API key"):
        keys_for(settings.model_copy(update={"service_api_keys_file": keys_path}))


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"X-API-Key": ""}])
def test_request_without_a_valid_key_is_rejected(locked, headers, recorder):
    response = locked.post("/predict", json=QUESTION, headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert recorder.rows == []


def test_key_is_accepted_in_either_header(locked, key):
    assert locked.post("/predict", json=QUESTION, headers=bearer(key)).status_code == 200
    assert locked.post("/predict", json=QUESTION, headers={"X-API-Key": key}).status_code == 200


def test_browser_is_told_to_ask_for_the_key_of_a_page(locked):
    response = locked.get("/overview")

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Basic ")


def test_key_that_a_browser_sends_again_by_itself_opens_pages_only(locked, key):
    assert locked.get("/model", auth=("ann", key)).status_code == 401
    assert locked.post("/predict", json=QUESTION, auth=("ann", key)).status_code == 401


def test_page_that_cannot_reach_the_database_says_so(make_app):
    client = make_app(database_url=SecretStr("postgresql://nobody@127.0.0.1:1/none")).test_client()

    assert client.get("/overview").status_code == 503


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/"])
def test_probes_and_page_need_no_key(locked, path):
    assert locked.get(path).status_code == 200


def test_rate_of_a_key_is_limited(locked, key):
    statuses = [
        locked.post("/predict", json=QUESTION, headers=bearer(key)).status_code for _ in range(4)
    ]

    assert statuses == [200, 200, 200, 429]


def test_rate_limit_error_has_retry_after(locked, key):
    for _ in range(3):
        locked.post("/predict", json=QUESTION, headers=bearer(key))
    response = locked.post("/predict", json=QUESTION, headers=bearer(key))

    assert response.content_type == "application/problem+json"
    assert 0 < int(response.headers["Retry-After"]) <= 60


def test_keys_have_separate_rate_limits(locked, key, keys_path):
    other = add_key(keys_path, "bob")
    for _ in range(4):
        locked.post("/predict", json=QUESTION, headers=bearer(key))

    assert locked.post("/predict", json=QUESTION, headers=bearer(other)).status_code == 200


def test_removed_key_is_rejected_without_a_restart(keys_path, key):
    add_key(keys_path, "bob")
    keys = ApiKeys(keys_path)
    assert keys.name_of(key) == "ann"

    remove_key(keys_path, "ann")

    assert keys.name_of(key) is None


def test_key_file_is_private_and_has_only_hashes(keys_path, key):
    assert key not in keys_path.read_text()
    assert keys_path.stat().st_mode & 0o077 == 0


def test_command_creates_a_valid_key(tmp_path):
    path = tmp_path / "keys"
    command = [sys.executable, "-m", "include.cli", "keys", "add", "--file", str(path), "carol"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert ApiKeys(path).name_of(made) == "carol"


def test_other_origins_are_not_allowed_by_default(client):
    response = client.options("/predict", headers={"Origin": "https://example.org"})

    assert "Access-Control-Allow-Origin" not in response.headers


def test_listed_origin_is_allowed(make_app):
    client = make_app(service_cors_origins="https://a.example, https://b.example").test_client()

    response = client.options("/predict", headers={"Origin": "https://b.example"})

    assert response.headers["Access-Control-Allow-Origin"] == "https://b.example"


def test_page_forbids_external_resources(client):
    response = client.get("/")

    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_questions_of_a_list_count_one_by_one(make_app, key, keys_path):
    app = make_app(service_api_keys_file=keys_path, service_question_limit="5/hour")
    client = app.test_client()

    statuses = [
        client.post("/predict", json=[QUESTION] * count, headers=bearer(key)).status_code
        for count in (3, 2, 1)
    ]

    assert statuses == [200, 200, 429]


def test_bytes_of_bodies_are_limited_and_the_answer_says_until_when(make_app, key, keys_path):
    app = make_app(service_api_keys_file=keys_path, service_byte_limit="1000/hour")
    client, question = app.test_client(), {"title": "x", "body": "y" * 600}

    assert client.post("/predict", json=question, headers=bearer(key)).status_code == 200
    refused = client.post("/predict", json=question, headers=bearer(key))

    assert refused.status_code == 429
    assert refused.json["type"] == "urn:tagkeeper:problem:limit_reached"
    assert 0 < int(refused.headers["Retry-After"]) <= 3600


@pytest.mark.parametrize(
    "host", ["localhost:8000", "127.0.0.1", "[::1]:8000", "LOCALHOST.", "service.example:80"]
)
def test_hosts_of_loopback_and_of_the_service_are_answered(make_app, host):
    client = make_app(service_url="http://service.example").test_client()

    assert client.get("/readyz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("path", ["/", "/readyz", "/model", "/metrics", "/nothing"])
def test_other_host_is_refused(client, path):
    """A page of evil.example whose name was pointed at this machine would ask for its own name."""
    response = client.get(path, headers={"Host": "evil.example:8000"})

    assert response.status_code == 421
    assert "ALLOWED_HOSTS" in response.json["detail"]


def test_question_for_another_host_is_not_answered(client, recorder):
    headers = {"Host": "evil.example"}

    assert client.post("/predict", json=QUESTION, headers=headers).status_code == 421
    assert recorder.rows == []


def test_liveness_probe_may_use_any_address(client):
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200


def test_allowed_host_is_answered(make_app):
    client = make_app(allowed_hosts="tags.example, [fd00::1]").test_client()

    statuses = [
        client.get("/readyz", headers={"Host": host}).status_code
        for host in ("tags.example:443", "[fd00::1]:8000", "other.example")
    ]
    assert statuses == [200, 200, 421]


def test_any_host_is_answered_where_the_operator_says_so(make_app):
    client = make_app(allowed_hosts="*").test_client()

    assert client.get("/readyz", headers={"Host": "x"}).status_code == 200
