"""The collaborators that the views use, stored with the app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import Flask, current_app

from include.settings import Settings
from serving.metrics import MachineCollector
from serving.model_cache import ModelCache
from serving.quotas import Quotas
from serving.served_models import ModelSource
from serving.suggester import Suggester
from serving.write_buffers import Flusher


@dataclass(frozen=True, slots=True)
class Service:
    """The service's collaborators; ``needs_key`` says whether requests need an API key."""

    settings: Settings
    models: ModelSource
    suggester: Suggester
    model_cache: ModelCache
    spool_folder: Path
    collector: MachineCollector
    flusher: Flusher
    quotas: Quotas
    needs_key: bool


def service_of(app: Flask) -> Service:
    """Return the collaborators that `serving.app.create_app` stored in ``app``."""
    return cast(Service, app.extensions["tagkeeper"])


def service() -> Service:
    """Return the collaborators of the current app."""
    return service_of(current_app)
