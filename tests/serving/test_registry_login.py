"""The login of the MLflow server is sent by every client, and shown by none."""

from base64 import b64encode

import pytest

from include.errors import FixSettingsError
from include.registry import Registry
from include.registry.login import login_of
from tests.serving.stub_registry import StubRegistry

BASIC = "Basic " + b64encode("ann:p@ss/wörd".encode()).decode()


@pytest.fixture
def stub():
    with StubRegistry() as registry:
        yield registry


@pytest.fixture(autouse=True)
def no_login(monkeypatch):
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)


def test_login_of_the_address_is_sent(stub):
    stub.authorization = BASIC
    address = stub.url.replace("://", "://ann:p%40ss%2Fw%C3%B6rd@")

    assert Registry(address).alias("champion") is None


def test_login_of_mlflows_variables_is_sent(stub, monkeypatch):
    stub.authorization = BASIC
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "p@ss/wörd")

    assert Registry(stub.url).alias("champion") is None


def test_token_is_sent(stub, monkeypatch):
    stub.authorization = "Bearer t0ken"
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0ken")

    assert Registry(stub.url).alias("champion") is None


def test_missing_login_is_reported_without_the_wrong_one(stub):
    stub.authorization = BASIC
    address = stub.url.replace("://", "://ann:canary@")

    with pytest.raises(FixSettingsError, match="MLFLOW_TRACKING_PASSWORD") as refused:
        Registry(address).alias("champion")
    assert "canary" not in str(refused.value)


def test_login_is_exported_for_the_mlflow_package():
    environment = {}
    login_of("http://ann:secret@mlflow:5000", {})[1].export(environment)

    assert environment["MLFLOW_TRACKING_USERNAME"] == "ann"
    assert environment["MLFLOW_TRACKING_PASSWORD"] == "secret"


def test_proxies_of_the_environment_carry_no_loopback_traffic(stub, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert Registry(stub.url).alias("champion") is None


def test_login_is_not_in_the_representation():
    assert "secret" not in repr(login_of("http://ann:secret@mlflow:5000", {}))
