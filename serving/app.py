"""The app factory: settings in, a Flask app out; no background work until `start`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from flask import Flask

from include.candidates.base import Encoder
from include.registry import Registry
from include.settings import Settings
from include.store.engine import make_engine
from serving import (
    access,
    feedback,
    health,
    metrics,
    model_info,
    openapi,
    overview,
    page,
    predict,
    problems,
    requests,
    tags,
)
from serving.access_log import AccessLog
from serving.leader import Leader
from serving.metrics import MachineCollector
from serving.model_cache import ModelCache
from serving.model_reloader import ModelReloader
from serving.prediction_ids import PredictionIds, load_secret
from serving.quotas import Quotas
from serving.recorder import Recorder, SpoolRecorder
from serving.requests import App
from serving.served_models import ModelSource
from serving.service import Service, service_of
from serving.spool import Spool
from serving.suggester import Suggester
from serving.write_buffers import Flusher

BLUEPRINTS: Final = (
    predict.bp,
    feedback.bp,
    model_info.bp,
    tags.bp,
    health.bp,
    openapi.bp,
    overview.bp,
    page.bp,
)


def create_app(
    settings: Settings | None = None,
    *,
    model_source: ModelSource | None = None,
    recorder: Recorder | None = None,
    access_log: AccessLog | None = None,
) -> Flask:
    """
    Return the suggestion service.

    Parameters
    ----------
    settings : Settings or None
        Read from the environment if None.
    model_source : ModelSource or None
        Reloads the models that the registry's aliases point to if None.
    recorder : Recorder or None
        A spool in ``LOCAL_DIR`` that drains into ``DATABASE_URL`` if None.
    access_log : AccessLog or None
        To standard error if None.

    Raises
    ------
    FixSettingsError
        If a setting is missing, or the service would listen beyond loopback without API keys.
    """
    settings = settings or Settings.from_env()
    keys = access.keys_for(settings)
    spool_folder = settings.local_dir / "spool"
    model_cache = ModelCache(settings.local_dir / "models")
    models = model_source or _model_reloader(settings, model_cache)
    access_log = access_log or AccessLog()
    app = App(__name__, static_folder="static", template_folder="templates")
    app.config["MAX_CONTENT_LENGTH"] = settings.service_max_body_bytes
    app.extensions["tagkeeper"] = Service(
        settings=settings,
        models=models,
        suggester=Suggester(
            settings.site,
            models,
            recorder or _recorder(settings, spool_folder),
            PredictionIds(_secret(settings)),
        ),
        model_cache=model_cache,
        spool_folder=spool_folder,
        collector=MachineCollector(spool_folder, model_cache.indicators_path),
        flusher=Flusher((*metrics.BUFFERS, access_log)),
        quotas=Quotas(settings),
        needs_key=keys is not None,
    )
    problems.register(app)
    requests.register(app, settings, access_log)
    access.register_hosts(app, settings)
    access.register(app, settings, keys)
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def start(app: Flask) -> None:
    """Start background work; call it once, in the worker process."""
    if "tagkeeper" not in app.extensions:  # the benchmarks' baseline app
        return
    service = service_of(app)
    service.flusher.start()
    service.suggester.recorder.start()
    service.models.start()


def stop(app: Flask) -> None:
    """Stop background work; rows that are not in PostgreSQL yet stay on disk."""
    if "tagkeeper" not in app.extensions:
        return
    service = service_of(app)
    service.models.close()
    service.suggester.recorder.close()
    service.flusher.close()


def _secret(settings: Settings) -> str:
    if settings.service_secret is not None:
        return settings.service_secret.get_secret_value()
    return load_secret(settings.local_dir / "service-secret")


def _recorder(settings: Settings, folder: Path) -> Recorder:
    url = settings.require_database_url()
    spool = Spool(folder, sync=settings.service_spool_sync)
    return SpoolRecorder(spool, partial(make_engine, url, pool_size=1))


def _model_reloader(settings: Settings, model_cache: ModelCache) -> ModelSource:
    leader = Leader(
        model_cache,
        registry=partial(Registry, settings.require_mlflow_uri()),
        connect=partial(make_engine, settings.require_database_url(), pool_size=1),
        site=settings.site,
        poll_s=settings.service_poll_s,
    )
    return ModelReloader(model_cache, leader, partial(_encoder, settings.bert_model))


def _encoder(bert_model: str | None, name: str) -> Encoder:
    """Return an encoder; its library is imported only when a served candidate needs it."""
    from include.candidates.encoders import encoder_factory

    return encoder_factory(bert_model)(name)
