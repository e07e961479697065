"""`refresh_champion` run by a real Airflow on real PostgreSQL and MLflow."""

import uuid
from datetime import UTC, datetime

import pytest

from include import names
from include.jobs.training.pipeline import TrainingPipeline
from include.registry import Registry
from include.sandbox.events import Event
from include.settings import Settings
from tests.dags.airflow_command import airflow, stored_run_ids
from tests.integration.test_refresh import LAST, OpenSite, TrainingSite, april, run

pytestmark = pytest.mark.integration


@pytest.fixture
def no_champion(mlflow_server):
    """The DAG's model has its fixed name, and tests share the MLflow server."""
    registry = Registry(mlflow_server)

    def remove() -> None:
        if registry.alias(names.CHAMPION) is not None:
            registry.remove_alias(names.CHAMPION)

    remove()
    yield
    remove()


def mails_on_refreshes():
    return [run for run in stored_run_ids(names.DAG_SEND_MAIL) if run.startswith("mail-refresh-")]


def test_dag_refreshes_the_champion_once_and_a_surge_sends_one_mail(
    known_dags, no_champion, database_url, mlflow_server, tmp_path
):
    settings = Settings(
        database_url=database_url,
        mlflow_tracking_uri=mlflow_server,
        site=f"test-{uuid.uuid4().hex[:8]}",
        bootstrap_samples=200,
    )
    release = Event("2023-04", "tag_born", 0.3)
    site = OpenSite(TrainingSite(TrainingPipeline.from_settings(settings)), tmp_path, [release])
    site.store_days(april(1))
    first = run(site.training, ["tfidf"], test_month=LAST)
    site.store_days(april(11))
    platform = {
        "DATABASE_URL": database_url,
        "MLFLOW_TRACKING_URI": mlflow_server,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "SITE": settings.site,
        "BOOTSTRAP_SAMPLES": "200",
    }

    before = mails_on_refreshes()

    code, output = airflow("dags", "test", names.DAG_REFRESH, **platform)

    assert code == 0, output[-5000:]
    assert len(mails_on_refreshes()) == len(before) + 1
    refreshed = site.champion()
    assert refreshed.version != first.version
    assert refreshed.learned_until == datetime(2023, 4, 11, tzinfo=UTC)

    code, output = airflow("dags", "test", names.DAG_REFRESH, **platform)

    assert code == 0, output[-5000:]
    assert "No refresh: nothing is stored that was asked from 2023-04-11 on." in output
    assert site.champion().version == refreshed.version
    assert len(mails_on_refreshes()) == len(before) + 1
    site.engine.dispose()
