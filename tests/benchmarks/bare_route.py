"""A Flask route that returns a constant: what the service is measured against."""

from flask import Flask, Response


def create_app() -> Flask:
    """Return the app; ``start`` and ``stop`` of the service's gunicorn settings do not apply."""
    app = Flask(__name__)

    @app.post("/predict")
    def predict() -> Response:
        return Response(b'{"tags":[]}', content_type="application/json")

    @app.get("/readyz")
    def readyz() -> Response:
        return Response(b"ready")

    return app
