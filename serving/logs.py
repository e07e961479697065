"""Structured logs: one JSON object a line, on standard error, without logins of addresses."""

import logging
from datetime import UTC, datetime
from typing import Any

import msgspec
from gunicorn.glogging import Logger

from include.addresses import without_login


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON; ``extra={"fields": {...}}`` puts more into it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return ``record`` as one line of JSON."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": without_login(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = without_login(self.formatException(record.exc_info))
        return msgspec.json.encode(line).decode()


class QuietLogger(Logger):
    """Gunicorn's logger without its access log."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Write nothing: the service writes a line with its own request id."""


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "serving.logs.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
    },
}
"""Configuration for `logging.config.dictConfig`; gunicorn takes it as ``logconfig_dict``."""
