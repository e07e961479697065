"""Who may ask: hosts that the service answers for, API keys, and a rate limit per key."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, g, request
from flask_limiter import Limiter

from include.addresses import LOOPBACK_NAMES, host_of, is_loopback
from include.errors import FixSettingsError
from include.settings import Settings
from serving import rate_storage
from serving.errors import HostRefusedError, KeyRefusedError, LoginNeededError
from serving.keys import ApiKeys

OPEN_ENDPOINTS: Final = frozenset(
    {
        "health.healthz",
        "health.readyz",
        "health.metrics",
        "openapi.document",
        "page.show",
        "page.show_batch",
        "static",
    }
)
"""Endpoints without a key: they reveal no questions, and probes and browsers send none."""

BROWSER_ENDPOINTS: Final = frozenset({"overview.show"})
"""Pages that need a key: a browser may send it as the password of HTTP's Basic scheme."""


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


def allowed_hosts(settings: Settings) -> frozenset[str] | None:
    """Return the hosts for which the service answers, without ports; None for any."""
    named = {name.strip() for name in settings.allowed_hosts.split(",")} - {""}
    if "*" in named:
        return None
    public = urlsplit(settings.service_url).netloc
    return frozenset((*LOOPBACK_NAMES, *(host_of(name) for name in (*named, public)))) - {""}


def register_hosts(app: Flask, settings: Settings) -> None:
    """
    Refuse requests with another ``Host`` than the allowed ones, except for the liveness probe.

    A foreign page whose name was pointed at this machine (DNS rebinding) has the same origin as the
    service: only the name that it asks for gives it away.
    """
    hosts = allowed_hosts(settings)
    if hosts is None:
        return

    @lru_cache(maxsize=256)
    def is_allowed(host: str) -> bool:
        return host_of(host) in hosts

    @app.before_request
    def check_host() -> None:
        host = request.environ.get("HTTP_HOST")  # a client of HTTP/1.0 may send none; browsers do
        if host is None or is_allowed(host) or request.endpoint == "health.healthz":
            return
        raise HostRefusedError(
            f"this service does not answer for the host {host[:200]!r}: its operator may add it to "
            "ALLOWED_HOSTS"
        )


def register(app: Flask, settings: Settings, keys: ApiKeys | None) -> None:
    """Require a key and limit rates on every endpoint that is not open; no-op without keys."""
    if keys is None:
        return

    @app.before_request
    def check_key() -> None:
        if request.endpoint in OPEN_ENDPOINTS or request.method == "OPTIONS":
            return
        name = keys.name_of(_sent_key())
        if name is None and request.endpoint in BROWSER_ENDPOINTS:
            raise LoginNeededError("send a key of this service as the password, with any name")
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
    # Nowhere else: a browser sends it again by itself, also where a foreign page makes it ask
    if scheme.lower() == "basic" and request.endpoint in BROWSER_ENDPOINTS:
        sent = request.authorization
        return (sent.password if sent else None) or ""
    return request.headers.get("X-API-Key", "")
