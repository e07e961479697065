"""Baselines of the service's benchmarks, under the same gunicorn settings."""

from collections.abc import Sequence

from flask import Flask, Response, request

from include.store.predictions import Feedback, Prediction
from serving import create_app as create_service


def create_app() -> Flask:
    """Return a Flask app whose one route reads the body and answers with a constant."""
    app = Flask(__name__)

    @app.post("/predict")
    def predict() -> Response:
        request.get_data(cache=False)
        return Response(b'{"tags":[]}', content_type="application/json")

    @app.get("/readyz")
    def readyz() -> Response:
        return Response(b"ready")

    return app


class NullRecorder:
    """A recorder that records nothing."""

    def record(self, rows: Sequence[Prediction]) -> None:
        pass

    def record_feedback(self, row: Feedback) -> None:
        pass

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


def create_unrecorded() -> Flask:
    """Return the service without recording: the difference is the cost of recording."""
    return create_service(recorder=NullRecorder())
