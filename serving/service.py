"""What the views work with, in one place of the app."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from flask import Flask, current_app

from include.settings import Settings
from serving.batches import Flusher
from serving.live_model import ModelSource
from serving.metrics import MachineCollector
from serving.shelf import Shelf
from serving.suggester import Suggester


@dataclass(frozen=True, slots=True)
class Service:
    """The service's collaborators; ``needs_key`` says whether requests must bear an API key."""

    settings: Settings
    models: ModelSource
    suggester: Suggester
    shelf: Shelf
    spool_folder: Path
    collector: MachineCollector
    flusher: Flusher
    needs_key: bool


def service_of(app: Flask) -> Service:
    """Return the collaborators that `serving.app.create_app` gave to ``app``."""
    return cast(Service, app.extensions["tagkeeper"])


def service() -> Service:
    """Return the collaborators of the app that answers the current request."""
    return service_of(current_app)
