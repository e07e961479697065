import pytest
from pydantic import SecretStr, ValidationError

from include.errors import FixSettingsError
from include.settings import Settings


def test_environment_variables_are_read(monkeypatch):
    monkeypatch.setenv("SITE", "devops.stackexchange")
    monkeypatch.setenv("INGEST_WINDOW_DAYS", "4")
    settings = Settings.from_env()
    assert (settings.site, settings.ingest_window_days) == ("devops.stackexchange", 4)


def test_empty_variable_counts_as_unset(monkeypatch):
    monkeypatch.setenv("TRAINING_WINDOW_MONTHS", "")
    assert Settings.from_env().training_window_months is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("INGEST_WINDOW_DAYS", "0"),
        ("API_REQUESTS_PER_S", "31"),
        ("RETRAINING_POLICY", "weekly"),
        ("SERVICE_PORT", "http"),
    ],
)
def test_wrong_value_is_refused_with_the_name_of_the_variable(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(FixSettingsError, match=name):
        Settings.from_env()


def test_wrong_value_is_not_in_the_message(monkeypatch):
    monkeypatch.setenv("SERVICE_PORT", "hunter2")
    with pytest.raises(FixSettingsError) as caught:
        Settings.from_env()
    assert "hunter2" not in str(caught.value)


def test_secrets_are_not_in_the_repr():
    settings = Settings(
        database_url=SecretStr("postgresql://u:hunter2@h/d"),
        stackexchange_key=SecretStr("hunter2"),
        slack_webhook_url=SecretStr("https://hooks/hunter2"),
    )
    assert "hunter2" not in repr(settings)


def test_settings_cannot_be_changed():
    with pytest.raises(ValidationError):
        Settings().site = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["database_url", "mlflow_uri"])
def test_missing_address_says_what_to_set(monkeypatch, name):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(FixSettingsError, match="make up"):
        getattr(Settings.from_env(), f"require_{name}")()


def test_candidate_names_are_split_and_stripped():
    assert Settings(candidates=" tfidf, lda,,").candidate_names == ("tfidf", "lda")


def test_an_unknown_retraining_policy_is_refused_with_the_known_ones(monkeypatch):
    monkeypatch.setenv("RETRAINING_POLICY", "weekly")
    with pytest.raises(
        FixSettingsError, match=r"RETRAINING_POLICY: .*monthly, quarterly, .*weekly"
    ):
        Settings.from_env()
