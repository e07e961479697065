import subprocess
import sys

import pytest

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


def test_beyond_loopback_it_refuses_to_start_without_keys(settings):
    with pytest.raises(FixSettingsError, match=r"serving\.keys add"):
        keys_for(settings.model_copy(update={"service_host": "0.0.0.0"}))


def test_key_file_without_keys_refuses_to_start(settings, keys_path):
    keys_path.write_text("# none yet\n")
    with pytest.raises(FixSettingsError, match="no API key"):
        keys_for(settings.model_copy(update={"service_api_keys_file": keys_path}))


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}, {"X-API-Key": ""}])
def test_without_the_key_nothing_is_answered(locked, headers, recorder):
    response = locked.post("/predict", json=QUESTION, headers=headers)

    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"
    assert recorder.rows == []


def test_key_opens_by_either_header(locked, key):
    assert locked.post("/predict", json=QUESTION, headers=bearer(key)).status_code == 200
    assert locked.post("/predict", json=QUESTION, headers={"X-API-Key": key}).status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/openapi.json", "/"])
def test_probes_and_page_need_no_key(locked, path):
    assert locked.get(path).status_code == 200


def test_key_is_limited_to_its_rate(locked, key):
    statuses = [
        locked.post("/predict", json=QUESTION, headers=bearer(key)).status_code for _ in range(4)
    ]

    assert statuses == [200, 200, 200, 429]


def test_limited_answer_says_when_to_come_back(locked, key):
    for _ in range(3):
        locked.post("/predict", json=QUESTION, headers=bearer(key))
    response = locked.post("/predict", json=QUESTION, headers=bearer(key))

    assert response.content_type == "application/problem+json"
    assert 0 < int(response.headers["Retry-After"]) <= 60


def test_one_key_does_not_use_up_the_rate_of_another(locked, key, keys_path):
    other = add_key(keys_path, "bob")
    for _ in range(4):
        locked.post("/predict", json=QUESTION, headers=bearer(key))

    assert locked.post("/predict", json=QUESTION, headers=bearer(other)).status_code == 200


def test_removed_key_is_refused_without_a_restart(keys_path, key):
    add_key(keys_path, "bob")
    keys = ApiKeys(keys_path)
    assert keys.name_of(key) == "ann"

    remove_key(keys_path, "ann")

    assert keys.name_of(key) is None


def test_file_holds_no_key_in_the_clear_and_is_private(keys_path, key):
    assert key not in keys_path.read_text()
    assert keys_path.stat().st_mode & 0o077 == 0


def test_command_makes_a_key_that_works(tmp_path):
    path = tmp_path / "keys"
    command = [sys.executable, "-m", "serving.keys", "--file", str(path), "add", "carol"]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert ApiKeys(path).name_of(made) == "carol"


def test_other_origins_are_not_let_in_by_default(client):
    response = client.options("/predict", headers={"Origin": "https://example.org"})

    assert "Access-Control-Allow-Origin" not in response.headers


def test_listed_origin_is_let_in(make_app):
    client = make_app(service_cors_origins="https://a.example, https://b.example").test_client()

    response = client.options("/predict", headers={"Origin": "https://b.example"})

    assert response.headers["Access-Control-Allow-Origin"] == "https://b.example"


def test_page_loads_nothing_from_elsewhere(client):
    response = client.get("/")

    assert "default-src 'none'" in response.headers["Content-Security-Policy"]
    assert response.headers["X-Content-Type-Options"] == "nosniff"
