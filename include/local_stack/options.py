"""Options of a stack: the source of its questions, and whether it is watched."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from include.errors import FixSettingsError
from include.local_stack.environment import SiteApi
from include.local_stack.layout import StackLayout

REAL_API: Final = "https://api.stackexchange.com/2.3"
SANDBOX_SITE: Final = "sandbox"
_MAX_WORKERS: Final = 16


@dataclass(frozen=True)
class StackOptions:
    """
    Source of the questions, and what runs beside the platform.

    Parameters
    ----------
    site : str
        The API's name of the site.
    data : Path or None
        File that the sandbox site serves instead of the simulator's questions; absolute.
    live : bool
        True for the real API, without a sandbox site.
    api_url : str
        Root of the real API, if it is used.
    watch : bool
        True to run the exporter, Prometheus and Alertmanager.
    celery_workers : int
        Celery workers that run Airflow's tasks; 0 to run them as children of the scheduler.
    """

    site: str
    data: Path | None = None
    live: bool = False
    api_url: str = REAL_API
    watch: bool = False
    celery_workers: int = 0

    @classmethod
    def from_mapping(cls, environment: Mapping[str, str]) -> Self:
        """
        Read ``SITE``, ``DATA``, ``LIVE``, ``WATCH`` and ``CELERY_WORKERS``.

        They are given as in ``make up DATA=file.jsonl.gz``.

        With ``LIVE``, ``STACKEXCHANGE_API_URL`` may name a proxy of the API.

        Raises
        ------
        FixSettingsError
            If the file does not exist or names no site, both a file and the real API are given, or
            the number of workers is none.
        """
        site = environment.get("SITE", "").strip()
        data = environment.get("DATA", "").strip()
        live, watch = (
            environment.get(name, "").strip() not in {"", "0", "no", "false"}
            for name in ("LIVE", "WATCH")
        )
        workers = _count(environment, "CELERY_WORKERS")
        if live and data:
            raise FixSettingsError("DATA and LIVE exclude each other: a file, or the real API")
        if live:
            url = environment.get("STACKEXCHANGE_API_URL", "").strip() or REAL_API
            return cls(
                site=site or "stackoverflow",
                live=True,
                api_url=url,
                watch=watch,
                celery_workers=workers,
            )
        if not data:
            return cls(site=site or SANDBOX_SITE, watch=watch, celery_workers=workers)
        path = Path(data).expanduser().resolve()
        if not path.is_file():
            raise FixSettingsError(f"DATA: there is no file {path}")
        return cls(site=site or _site_of(path), data=path, watch=watch, celery_workers=workers)

    def site_api(self, layout: StackLayout) -> SiteApi:
        """Return the site and the root of its API."""
        return SiteApi(self.site, self.api_url if self.live else f"{layout.url('sandbox')}/2.3")

    def sandbox_arguments(self, layout: StackLayout) -> tuple[str, ...] | None:
        """Return the arguments of the sandbox site; None if there is none."""
        if self.live:
            return None
        if self.data is not None:
            return ("--site", self.site, "--data", str(self.data))
        return ("--site", self.site, "--events-file", str(layout.local / "sandbox-events.json"))


def _count(environment: Mapping[str, str], name: str) -> int:
    """Return a variable that counts something, 0 if it is unset."""
    text = environment.get(name, "").strip() or "0"
    if not text.isdecimal() or int(text) > _MAX_WORKERS:
        raise FixSettingsError(f"{name} must be a number from 0 to {_MAX_WORKERS}, got {text!r}")
    return int(text)


def _site_of(path: Path) -> str:
    """Return the site that the first question of a JSON-lines file names."""
    try:
        reader = gzip.open if path.suffix == ".gz" else open
        with reader(path, "rt", encoding="utf-8") as lines:
            site = json.loads(next(iter(lines))).get("site")
    except (OSError, ValueError, StopIteration) as error:
        raise FixSettingsError(
            f"DATA: {path} is not a JSON-lines file of questions: {error}"
        ) from None
    if not site:
        raise FixSettingsError(f"DATA: {path} names no site; add SITE=name")
    return str(site)
