"""The real app with a small real model and a list as recorder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from include.candidates.base import Candidate, Reason
from include.settings import Settings
from include.store.predictions import Feedback, Prediction
from include.text.prepared import PreparedText
from serving import create_app
from serving.access_log import AccessLog
from serving.served_models import FixedModelSource, LoadedModel, ServedModels


class WordModel(Candidate):
    """Suggests the tags whose name is in the text; deterministic and without training."""

    name = "words"

    def __init__(self, vocabulary: Sequence[str] = ("flask", "pandas", "python", "regex", "sql")):
        self.vocabulary = tuple(vocabulary)

    def fit(self, texts, tags, vocabulary):
        return self

    def score(self, texts):
        return np.array(
            [[0.9 if tag in _words(text) else 0.1 for tag in self.vocabulary] for text in texts],
            dtype=np.float32,
        )

    def explain(
        self, text: PreparedText, tags: Sequence[str], limit: int = 5
    ) -> list[tuple[Reason, ...]]:
        return [(Reason("mention", tag, 1.0),) if tag in _words(text) else () for tag in tags]

    def save(self, folder: Path) -> None:
        raise NotImplementedError

    @classmethod
    def load(cls, folder, encoders):
        raise NotImplementedError

    def get_params(self):
        return {}


def _words(text: PreparedText) -> set[str]:
    return set(f"{text.title} {text.prose}".lower().replace("?", "").split())


class ListRecorder:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[Prediction] = []
        self.feedback: list[Feedback] = []

    def record(self, rows: Sequence[Prediction]) -> None:
        self.rows.extend(rows)

    def record_feedback(self, row: Feedback) -> None:
        self.feedback.append(row)

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


def loaded_model(version: str = "7", model: Candidate | None = None) -> LoadedModel:
    return LoadedModel(
        version,
        model or WordModel(),
        sha256="ab" * 32,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        description={
            "train_last": "2025-12",
            "tested_on": "2025-11",
            "vocabulary": ["sql"],
            "metrics": {
                "precision_from_0.5": 0.747,
                "recall_from_0.5": 0.497,
                "answered_from_0.5": 0.954,
                "recall_from_0.9": 0,
                "answered_from_0.9": 0,
            },
        },
    )


@pytest.fixture
def recorder() -> ListRecorder:
    return ListRecorder()


@pytest.fixture
def log_lines() -> list[bytes]:
    return []


@pytest.fixture
def access_log(log_lines: list[bytes]) -> AccessLog:
    return AccessLog(log_lines.append)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(local_dir=tmp_path, site="sandbox")


@pytest.fixture
def make_app(
    settings: Settings, recorder: ListRecorder, access_log: AccessLog
) -> Callable[..., Flask]:
    def make(live: ServedModels | None = None, **changes) -> Flask:
        live = ServedModels(champion=loaded_model()) if live is None else live
        return create_app(
            settings.model_copy(update=changes),
            model_source=FixedModelSource(live),
            recorder=recorder,
            access_log=access_log,
        )

    return make


@pytest.fixture
def client(make_app) -> FlaskClient:
    return make_app().test_client()
