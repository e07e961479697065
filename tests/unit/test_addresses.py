import pytest

from include.addresses import bypass_proxies, without_login
from include.settings import Settings


@pytest.mark.parametrize(
    "address",
    [
        "http://ann:canary@mlflow:5000",
        "https://canary@mlflow",
        "postgresql+psycopg2://ann:can@canary@db/x",
        "http://:canary@[::1]:5000/a?b=c@d",
        "at 'http://ann:canary@mlflow'",
    ],
)
def test_login_leaves_an_address(address):
    assert "canary" not in without_login(address)


@pytest.mark.parametrize(
    "text", ["mail ann@example.org", "http://mlflow/a@b", "see http://x/?q=a@b"]
)
def test_text_without_a_login_stays(text):
    assert without_login(text) == text


def test_addresses_for_people_have_no_login():
    settings = Settings(
        mlflow_tracking_uri="http://ann:canary@mlflow:5000",
        airflow_url="http://ann:canary@airflow",
        service_url="http://ann:canary@service",
        evidently_url="http://ann:canary@evidently",
    )

    assert "canary" not in repr(settings)
    assert settings.mlflow_page == "http://mlflow:5000"
    assert settings.airflow_url == "http://airflow"


def test_login_of_mlflow_reaches_its_clients():
    settings = Settings(mlflow_tracking_uri="http://ann:secret@mlflow:5000")

    assert settings.require_mlflow_uri() == "http://ann:secret@mlflow:5000"


def test_proxies_that_are_switched_off_for_all_stay_off():
    environment = {"NO_PROXY": "*"}
    bypass_proxies(environment)

    assert environment["no_proxy"] == "*"
