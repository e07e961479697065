"""Authentication and rate limits: API keys and a limit per key, both beyond loopback only."""

from __future__ import annotations

from typing import Final

from flask import Flask, g, request
from flask_limiter import Limiter

from include.addresses import is_loopback
from include.errors import FixSettingsError
from include.settings import Settings
from serving import rate_storage
from serving.errors import KeyRefusedError
from serving.keys import ApiKeys

OPEN_ENDPOINTS: Final = frozenset(
    {"health.healthz", "health.readyz", "health.metrics", "openapi.document", "page.show", "static"}
)
"""Endpoints without a key: they reveal no questions, and probes and browsers send none."""


def keys_for(settings: Settings) -> ApiKeys | None:
    """
    Return the API keys that requests are checked against; None on loopback without a key file.

    Raises
    ------
    FixSettingsError
        If the service would listen beyond loopback without keys.
    """
    if settings.service_api_keys_file is not None:
        return ApiKeys(settings.service_api_keys_file)
    if not is_loopback(settings.service_host):
        raise FixSettingsError(
            f"SERVICE_HOST={settings.service_host} is reachable from other machines: make an API "
            "key with `tagkeeper keys add NAME` and set SERVICE_API_KEYS_FILE, or listen "
            "on 127.0.0.1"
        )
    return None


def register(app: Flask, settings: Settings, keys: ApiKeys | None) -> None:
    """Require a key and limit rates on every endpoint that is not open; no-op without keys."""
    if keys is None:
        return

    @app.before_request
    def check_key() -> None:
        if request.endpoint in OPEN_ENDPOINTS or request.method == "OPTIONS":
            return
        name = keys.name_of(_sent_key())
        if name is None:
            raise KeyRefusedError("send 'Authorization: Bearer KEY' with a key of this service")
        g.key_name = name

    Limiter(
        key_func=lambda: g.get("key_name", ""),
        app=app,
        default_limits=[settings.service_rate_limit],
        default_limits_exempt_when=lambda: "key_name" not in g,
        application_limits_exempt_when=lambda: "key_name" not in g,
        default_limits_per_method=False,
        storage_uri=f"{rate_storage.SCHEME}://",
        strategy="fixed-window",
        headers_enabled=True,
    )


def _sent_key() -> str:
    """Return the key that the request sent, empty if none."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return request.headers.get("X-API-Key", "")
