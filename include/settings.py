"""
One frozen settings object, read from the environment at each entry point and passed as argument.

Importing this module has no effect. Every setting is an environment variable of the same name in
capitals; `docs/settings.md` lists them and a test compares the two.
"""

import os
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from include.addresses import bypass_proxies, without_login
from include.errors import FixSettingsError
from include.names import AUTO, DEFAULT_CANDIDATES
from include.retraining import DEFAULT_POLICY, POLICIES, policy_named


class Settings(BaseSettings):
    """The platform's settings; see each field's description for unit and range."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    # Addresses
    database_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the platform's PostgreSQL database"
    )
    mlflow_tracking_uri: SecretStr | None = Field(
        None,
        description="address of the MLflow server; its login in MLflow's own variables "
        "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
    )
    airflow_url: str = Field(
        "http://127.0.0.1:8080", description="public address of Airflow, for links"
    )
    airflow_api_url: str | None = Field(
        None, description="address of Airflow's API for processes; AIRFLOW_URL if unset"
    )
    airflow_user: str | None = Field(None, description="login for writing notes to DAG runs")
    airflow_password: SecretStr | None = Field(None, description="password of AIRFLOW_USER")
    mlflow_url: str | None = Field(
        None, description="public address of MLflow, for links; MLFLOW_TRACKING_URI if unset"
    )
    grafana_url: str = Field(
        "", description="public address of Grafana, for links; empty if there is none"
    )
    evidently_url: str = Field("http://127.0.0.1:8085", description="address of Evidently's UI")
    evidently_api_url: str | None = Field(
        None,
        description="address of Evidently's UI for processes that do not share its folder: reports "
        "go there instead of into LOCAL_DIR/evidently",
    )
    evidently_secret: SecretStr | None = Field(
        None, description="what Evidently's UI demands of those who write reports, if anything"
    )
    service_url: str = Field(
        "http://127.0.0.1:8000", description="address of the suggestion service"
    )
    service_public_url: str | None = Field(
        None, description="public address of the service, for links; SERVICE_URL if unset"
    )
    local_dir: Path = Field(Path(".local"), description="folder of the local stack's state")

    # Questions
    site: str = Field("stackoverflow", description="the API's name of the site")
    stackexchange_api_url: str = Field(
        "https://api.stackexchange.com/2.3", description="root of the Stack Exchange API"
    )
    stackexchange_key: SecretStr | None = Field(
        None, description="API key: 10,000 requests a day instead of 300"
    )
    api_quota_reserve: int = Field(
        10, ge=0, description="requests of the daily API quota to leave unused"
    )
    api_requests_per_s: float = Field(
        10.0,
        gt=0,
        le=30,
        description="requests a second; above 30 the site bans addresses",
    )
    ingest_window_days: int = Field(
        8, ge=1, le=31, description="days per window of a month; shorter ones have fewer pages"
    )
    recent_requests_per_day: int | None = Field(
        None,
        ge=1,
        description="requests a day for the open month; what is left over is fetched the next day; "
        "a third of the quota if unset: 100, or 3,333 with a key",
    )
    max_bad_share: float = Field(
        0.0,
        ge=0,
        lt=1,
        description="share of a file's questions, or of those of a page of the API, that may be "
        "left out because they cannot be read; 0 refuses the file at the first one",
    )

    # Training and promotion
    candidates: str = Field(
        AUTO,
        description="comma-separated candidates to train; `auto`: those of "
        f"`{','.join(DEFAULT_CANDIDATES)}` that can learn from every question of the window within "
        "`TRAINING_MEMORY_MB`",
    )
    min_tag_count: int = Field(
        1,
        ge=1,
        description="uses in the training window from which a tag is in the vocabulary; up to 5 "
        "are needed while the vocabulary would have more than 2,000 tags",
    )
    check_labels: bool = Field(
        True,
        description="a test month whose tags do not belong to its texts, or of which one tag is on "
        "everything, stops the training; a second reading that changes most questions' tags is "
        "not stored",
    )
    training_window_months: int | None = Field(
        None, ge=1, description="training months before the test month; all if unset"
    )
    training_slots: int | None = Field(
        None, ge=1, description="trainings at once; follows cores and memory if unset"
    )
    training_threads: int | None = Field(
        None,
        ge=1,
        description="threads of linear algebra of a training; the cores divided by the slots if "
        "unset, 1 inside docker-compose",
    )
    training_memory_mb: int | None = Field(
        None,
        ge=256,
        description="memory in MB that the trainings of a machine may take together; 60 % of the "
        "machine's if unset",
    )
    encoder_minutes: float = Field(
        60.0,
        gt=0,
        description="minutes that encoders may take before a training, and again before its test, "
        "by the speed measured on the machine; a larger window gives its latest questions, a "
        "larger test month a sample",
    )
    retraining_policy: str = Field(
        DEFAULT_POLICY,
        description="when train_candidates runs automatically: " + ", ".join(POLICIES),
    )
    min_gain: float = Field(0.0, ge=0, le=1, description="minimum gain in F1@5 of a challenger")
    max_slice_loss: float = Field(0.05, ge=0, le=1, description="maximum loss in F1@5 of any slice")
    refresh_if_not_worse: bool = Field(
        True,
        description="let the champion's own family, trained on newer months, replace it if it is "
        "not worse; if false, it must be better, like any other candidate",
    )
    refresh_days: int = Field(
        7,
        ge=0,
        description="days after which the champion learns from the open month's questions too, "
        "sooner if new tags surge; 0 for never",
    )
    bootstrap_samples: int = Field(2000, ge=100, description="resamples of the paired bootstrap")
    bert_model: str | None = Field(
        None, description="sentence-transformers folder or hub name; the bundled MiniLM if unset"
    )
    random_seed: int = Field(20240229, ge=0, description="seed of all random numbers")

    # Drift
    false_alarms_per_year: float = Field(
        0.5,
        gt=0,
        le=12,
        description="over all alerting signals of a kind of drift check; surges of new tags too",
    )

    # Monitoring
    exporter_interval_s: float = Field(
        15.0,
        gt=0,
        le=300,
        description="seconds between two readings of PostgreSQL by the exporter; Airflow is read "
        "half as often, sizes and coverage a twentieth",
    )
    min_live_precision_share: float = Field(
        0.7,
        ge=0,
        le=1,
        description="share of the champion's precision@5 on its test month that its answers must "
        "reach; less is an alert, which starts a training",
    )

    watch_interval_s: float = Field(
        15.0,
        ge=1,
        le=300,
        description="seconds between two looks of Prometheus at all metrics and rules; the waiting "
        "times of alerts are as in monitoring/rules at 15, and change with it",
    )
    repository_url: str = Field(
        "",
        description="address under which people read this repository's files, put before "
        "docs/runbooks/... in messages of alerts",
    )
    alert_smtp_host: str | None = Field(
        None,
        pattern=r"^[^\s:]+:\d+$",
        description="mail host of Alertmanager with its port, by STARTTLS; the local mail sink if "
        "unset",
    )
    alert_smtp_user: str | None = Field(None, description="login at ALERT_SMTP_HOST, if any")
    alert_smtp_password: SecretStr | None = Field(None, description="password of ALERT_SMTP_USER")
    alert_webhook_token: SecretStr | None = Field(
        None,
        description="what Alertmanager must send to start a training in Airflow; none is accepted "
        "if unset",
    )

    # Mail
    mail_from: str = Field("tagkeeper@localhost", description="sender of the platform's mails")
    mail_to: str = Field("ml-team@localhost", description="comma-separated recipients")
    slack_webhook_url: SecretStr | None = Field(None, description="Slack incoming webhook, if any")

    # Pipeline
    timeout_scale: float = Field(
        1.0,
        gt=0,
        description="multiplies the time limits of all tasks and runs: raise it where the months "
        "are large or the machine is slow",
    )

    celery_concurrency: int = Field(
        2, ge=1, description="tasks that a Celery worker runs at once, where there are any"
    )
    task_heartbeat_timeout_s: int = Field(
        300,
        ge=10,
        description="seconds without a sign of life of a task on a Celery worker, after which its "
        "worker counts as lost and the task is tried again; a task that no worker begins for so "
        "long is handed out again",
    )

    ingest_deadline_days: float = Field(
        3.0,
        ge=0,
        description="days after a month's end by which its questions are stored; people are told "
        "if not, never if 0",
    )
    check_deadline_days: float = Field(
        5.0, ge=0, description="the same for the month's drift check"
    )

    # Backup
    backup_dir: Path | None = Field(
        None,
        description="folder for backups, LOCAL_DIR/backups if unset: better on another disk",
    )
    backups_kept: int = Field(7, ge=1, description="newest backups to keep")
    mlflow_backend_store_uri: SecretStr | None = Field(
        None, description="MLflow's own database; not backed up if unset"
    )
    mlflow_artifacts_destination: str | None = Field(
        None, description="folder of MLflow's artifacts; not backed up if unset or an object store"
    )
    airflow_database_url: SecretStr | None = Field(
        None,
        description="Airflow's own database, whose variable Airflow hides from tasks; not backed "
        "up if unset",
    )
    postgres_programs: Path | None = Field(
        None,
        description="folder of pg_dump and pg_restore, not older than the server; those of the "
        "embedded PostgreSQL, or of the PATH, if unset",
    )

    # Retention
    keep_predictions_months: int = Field(
        24, ge=0, description="months of predictions and feedback to keep; 0 keeps all"
    )
    keep_runs_days: int = Field(
        365,
        ge=0,
        description="days to keep runs, reports, and versions that nothing needs; 0 keeps all",
    )
    keep_champions: int = Field(
        20, ge=1, description="latest moves of the champion whose versions are kept for rollbacks"
    )
    keep_logs_days: int = Field(90, ge=0, description="days to keep logs of tasks; 0 keeps all")
    keep_mails_days: int = Field(90, ge=0, description="days to keep what was mailed; 0 keeps all")
    airflow__logging__base_log_folder: Path | None = Field(
        None, description="Airflow's folder of task logs; they are kept if unset"
    )

    # Service
    service_host: str = Field("127.0.0.1", description="address the service listens on")
    service_port: int = Field(8000, ge=0, le=65535, description="port the service listens on")
    allowed_hosts: str = Field(
        "",
        description="comma-separated names and addresses under which clients may reach the "
        "service, besides those of loopback and of SERVICE_URL; `*` for any",
    )
    service_workers: int = Field(2, ge=1, description="gunicorn worker processes")
    service_threads: int = Field(
        4, ge=1, description="threads per worker; more threads wait for each other"
    )
    service_poll_s: float = Field(
        2.0, gt=0, le=5, description="seconds between polls of the registry's aliases"
    )
    service_spool_sync: bool = Field(
        False,
        description="answer only after the record is flushed to the disk, so that a power cut "
        "loses none, for a third of the throughput; a killed process loses none in any case",
    )
    service_max_body_bytes: int = Field(
        1_048_576, ge=1024, description="largest request body in bytes; larger ones get status 413"
    )
    service_receive_timeout_s: float = Field(
        15.0,
        gt=0,
        description="seconds for a request to arrive as a whole; then it gets status 408",
    )
    service_queue: int = Field(
        64, ge=1, description="requests per worker that wait for a thread; more get status 503"
    )
    service_request_cpu_s: float = Field(
        10.0, gt=0, description="processor seconds of one request; then it gets status 413"
    )
    service_request_timeout_s: float = Field(
        30.0, gt=0, description="seconds by the clock of one request; then it gets status 503"
    )
    service_api_keys_file: Path | None = Field(
        None, description="file of hashed API keys; required unless on loopback"
    )
    service_secret: SecretStr | None = Field(
        None,
        description="signs prediction ids, so that feedback comes from who asked; kept in "
        "LOCAL_DIR if unset; the same for all machines behind one address",
    )
    trusted_keys: str = Field(
        "",
        description="comma-separated names of API keys of your own programs: only these may decide "
        "an A/B test, or raise an alarm over recent predictions, on their own",
    )
    ab_test_feedback: bool = Field(
        False,
        description="let feedback decide A/B tests, and not only tags that were read from the site",
    )
    service_rate_limit: str = Field(
        "600/minute", description="requests per API key, in Flask-Limiter's notation"
    )
    service_question_limit: str = Field(
        "6000/minute", description="questions per API key, those of a list counted one by one"
    )
    service_byte_limit: str = Field(
        "100000000/minute", description="bytes of request bodies per API key"
    )
    service_cors_origins: str = Field("", description="comma-separated CORS origins; none if empty")
    service_log_text: bool = Field(False, description="log question texts (private by default)")

    @field_validator("retraining_policy")
    @classmethod
    def _known_policy(cls, name: str) -> str:
        return policy_named(name).name

    @field_validator(
        "airflow_url",
        "airflow_api_url",
        "mlflow_url",
        "evidently_url",
        "evidently_api_url",
        "grafana_url",
        "service_url",
        "service_public_url",
    )
    @classmethod
    def _leave_out_logins(cls, url: str | None) -> str | None:
        """Return an address without its login: it is shown in mails, pages and logs."""
        return None if url is None else without_login(url)

    @classmethod
    def from_env(cls) -> Self:
        """
        Read the settings from the environment.

        Raises
        ------
        FixSettingsError
            If a variable has a value that is not allowed; the message names the variable.

        Notes
        -----
        This is where every process starts, so it also excepts loopback from the proxies of the
        environment (`include.addresses.bypass_proxies`).
        """
        bypass_proxies(os.environ)
        try:
            return cls()
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(str(part) for part in detail['loc']).upper()}: {detail['msg']}"
                for detail in error.errors(include_input=False)
            )
            raise FixSettingsError(f"wrong settings in the environment: {faults}") from None

    def require_database_url(self) -> str:
        """Return the database URL; FixSettingsError says what to set if it is unset."""
        if self.database_url is None:
            raise FixSettingsError(
                "DATABASE_URL is not set: start the platform with `make up` and use the value that "
                "`make status` prints, or set it to your own PostgreSQL"
            )
        return self.database_url.get_secret_value()

    def require_mlflow_uri(self) -> str:
        """Return the MLflow URI; FixSettingsError says what to set if it is unset."""
        if self.mlflow_tracking_uri is None:
            raise FixSettingsError(
                "MLFLOW_TRACKING_URI is not set: start the platform with `make up` and use the "
                "value that `make status` prints, or set it to your own MLflow server"
            )
        return self.mlflow_tracking_uri.get_secret_value()

    @property
    def airflow_api(self) -> str:
        """Airflow's address for processes, which in containers is not the one for links."""
        return self.airflow_api_url or self.airflow_url

    @property
    def mlflow_page(self) -> str:
        """MLflow's address for links, without a login; FixSettingsError if none is set."""
        return without_login(self.mlflow_url or self.require_mlflow_uri())

    @property
    def service_page(self) -> str:
        """The service's address for links, without a slash at its end."""
        return (self.service_public_url or self.service_url).rstrip("/")

    @property
    def trusted_key_names(self) -> frozenset[str]:
        """Names of the API keys that may decide on their own."""
        return frozenset(name.strip() for name in self.trusted_keys.split(",")) - {""}

    @property
    def candidate_names(self) -> tuple[str, ...]:
        """The candidates to train, in the order given."""
        return tuple(name.strip() for name in self.candidates.split(",") if name.strip())
