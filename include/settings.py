"""
One frozen settings object, read from the environment at each entry point and passed down.

Importing this module has no effect. Every setting is an environment variable of the same name in
capitals; `README.md` lists them and a test holds the two together.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from include.errors import FixSettingsError

RetrainingPolicy = Literal["monthly", "quarterly", "on_drift", "monthly_and_on_drift"]


class Settings(BaseSettings):
    """The platform's settings; see each field's description for unit and range."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    # Where things are
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the platform's PostgreSQL database"
    )
    mlflow_tracking_uri: str | None = Field(None, description="address of the MLflow server")
    airflow_url: str = Field("http://127.0.0.1:8080", description="address of Airflow's UI and API")
    airflow_user: str | None = Field(None, description="login for writing notes on DAG runs")
    airflow_password: SecretStr | None = Field(None, description="of AIRFLOW_USER")
    mlflow_url: str | None = Field(
        None, description="address of MLflow as people reach it; MLFLOW_TRACKING_URI if unset"
    )
    evidently_url: str = Field("http://127.0.0.1:8085", description="address of Evidently's UI")
    service_url: str = Field(
        "http://127.0.0.1:8000", description="address of the suggestion service"
    )
    local_dir: Path = Field(Path(".local"), description="where the local stack keeps its state")

    # Questions
    site: str = Field("stackoverflow", description="the API's name of the site")
    stackexchange_api_url: str = Field(
        "https://api.stackexchange.com/2.3", description="root of the Stack Exchange API"
    )
    stackexchange_key: SecretStr | None = Field(
        None, description="API key: 10,000 requests a day instead of 300"
    )
    api_quota_reserve: int = Field(
        10, ge=0, description="stop fetching when this many of the day's requests are left"
    )
    api_requests_per_s: float = Field(
        10.0, gt=0, le=30, description="the site bans addresses above 30 a second"
    )
    ingest_window_days: int = Field(
        8, ge=1, le=31, description="days per window of a month; few pages each"
    )

    # Training and promotion
    candidates: str = Field(
        "frequency,tfidf,lda,word2vec,bert,use,hybrid",
        description="comma-separated candidates to train",
    )
    min_tag_count: int = Field(
        5, ge=1, description="uses in the training window that put a tag in the vocabulary"
    )
    training_window_months: int | None = Field(
        None, ge=1, description="months before the test month to learn from; all if unset"
    )
    retraining_policy: RetrainingPolicy = Field(
        "monthly_and_on_drift", description="when train_candidates runs by itself"
    )
    min_gain: float = Field(
        0.0, ge=0, le=1, description="F1@5 that a challenger must gain at least"
    )
    max_slice_loss: float = Field(
        0.05, ge=0, le=1, description="F1@5 that no slice may lose more than"
    )
    refresh_if_not_worse: bool = Field(
        True,
        description="let the champion's own family, trained on newer months, replace it if it is "
        "not worse; otherwise it must be better, as any other candidate",
    )
    bootstrap_samples: int = Field(2000, ge=100, description="resamples of the paired bootstrap")
    bert_model: str | None = Field(
        None, description="sentence-transformers folder or hub name; the bundled MiniLM if unset"
    )
    random_seed: int = Field(20240229, ge=0, description="seed of everything drawn at random")

    # Drift
    false_alarms_per_year: float = Field(
        0.5, gt=0, le=12, description="over all voting signals of a kind of drift check together"
    )

    # Mail
    mail_from: str = Field("tagkeeper@localhost", description="sender of the platform's mails")
    mail_to: str = Field("ml-team@localhost", description="comma-separated recipients")
    slack_webhook_url: SecretStr | None = Field(None, description="Slack incoming webhook, if any")

    # Service
    service_host: str = Field("127.0.0.1", description="address the service listens on")
    service_port: int = Field(8000, ge=0, le=65535, description="port the service listens on")
    service_workers: int = Field(2, ge=1, description="gunicorn worker processes")
    service_threads: int = Field(
        4, ge=1, description="threads per worker; more of them wait for one another"
    )
    service_poll_s: float = Field(
        2.0, gt=0, le=5, description="seconds between looks at the registry's aliases"
    )
    service_spool_sync: bool = Field(
        False,
        description="answer only when the record is on the disk itself, so that a power cut loses "
        "none; a killed process never does",
    )
    service_max_body_bytes: int = Field(
        1_048_576, ge=1024, description="largest request body; above it 413"
    )
    service_api_keys_file: Path | None = Field(
        None, description="hashed API keys; required beyond loopback"
    )
    service_rate_limit: str = Field(
        "600/minute", description="per API key, in Flask-Limiter's notation"
    )
    service_cors_origins: str = Field("", description="comma-separated origins; none if empty")
    service_log_text: bool = Field(False, description="log question text (private by default)")

    @classmethod
    def from_env(cls) -> Self:
        """
        Read the settings from the environment.

        Raises
        ------
        FixSettingsError
            If a variable has a value that is not allowed; the message names the variable.
        """
        try:
            return cls()
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(str(part) for part in fault['loc']).upper()}: {fault['msg']}"
                for fault in error.errors(include_input=False)
            )
            raise FixSettingsError(f"wrong settings in the environment: {wrong}") from None

    def require_database_url(self) -> str:
        """Return the database's URL; FixSettingsError says what to set if there is none."""
        if self.database_url is None:
            raise FixSettingsError(
                "DATABASE_URL is not set: start the platform with `make up` and use the value that "
                "`make status` prints, or set it to your own PostgreSQL"
            )
        return self.database_url.get_secret_value()

    def require_mlflow_uri(self) -> str:
        """Return MLflow's address; FixSettingsError says what to set if there is none."""
        if self.mlflow_tracking_uri is None:
            raise FixSettingsError(
                "MLFLOW_TRACKING_URI is not set: start the platform with `make up` and use the "
                "value that `make status` prints, or set it to your own MLflow server"
            )
        return self.mlflow_tracking_uri

    @property
    def candidate_names(self) -> tuple[str, ...]:
        """The candidates to train, in the order given."""
        return tuple(name.strip() for name in self.candidates.split(",") if name.strip())
