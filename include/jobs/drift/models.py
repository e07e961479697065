"""The model that a check monitors: the champion, or its configuration as of a past month."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from include import names
from include.candidates.base import Candidate, EncoderFactory, vocabulary_of
from include.candidates.catalogue import load_candidate, make_candidate, read_description
from include.candidates.renamed import with_canonical_names
from include.jobs.data.features import load_tagged
from include.jobs.data.fitting import fit_within_budget
from include.memory_budget import MemoryBudget
from include.months import month_start, months_between
from include.registry import Registry
from include.registry.downloads import delete_unused_downloads
from include.store.tag_names import read_tag_names

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MonitoredModel:
    """
    The model that a check monitors, and its training months.

    Parameters
    ----------
    candidate : Candidate
        Fitted; its suggestions bear canonical names.
    version : str
        The registry's version.
    training_months : tuple of str
        Months of its training window, ascending.
    min_tag_count : int
        With which its vocabulary was made; the setting may have changed since.
    as_of : bool
        True for a model with the champion's configuration, fitted on the months before a past month
        that the champion was trained on.
    """

    candidate: Candidate
    version: str
    training_months: tuple[str, ...]
    min_tag_count: int
    as_of: bool

    @property
    def label(self) -> str:
        """Version in reports and thresholds: ``3``, or ``3@2019-05`` as of a past month."""
        return f"{self.version}@{self.training_months[-1]}" if self.as_of else self.version


class MonitoredModels:
    """
    Loads or fits the model that a check monitors.

    Parameters
    ----------
    engine : Engine
    registry : Registry
    encoders : EncoderFactory
        With a cache, so that no text is embedded twice.
    site : str
    downloads : Path
        Folder of downloaded models: a version is downloaded once and deleted after a week without
        use.
    memory : MemoryBudget or None
        That the machine's fits may take together; None for no limit.
    """

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        encoders: EncoderFactory,
        *,
        site: str,
        downloads: Path,
        memory: MemoryBudget | None = None,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._encoders = encoders
        self._site = site
        self._downloads = downloads
        self._memory = memory

    @contextmanager
    def for_month(self, month: str | None) -> Iterator[MonitoredModel | None]:
        """
        Yield the model for a check of ``month``; None without a champion or earlier months.

        The champion, unless it was trained on ``month`` already. Then a model with the champion's
        configuration is fitted on the months before, so that the check of a past month gives what
        it would have given at that time.

        Parameters
        ----------
        month : str or None
            None yields the champion whatever it was trained on, as for recent predictions.

        Raises
        ------
        ModelUnusableError
            If the champion cannot be fetched or loaded.
        RetryLaterError
            If MLflow is unavailable.
        """
        version = self._registry.alias(names.CHAMPION)
        if version is None:
            yield None
            return
        delete_unused_downloads(self._downloads)
        path = self._registry.download(version, self._downloads)
        description = read_description(path)
        training_months = months_between(
            str(description["train_first"]), str(description["train_last"])
        )
        if month is None or not _learned_any_of(description, month):
            with self._engine.connect() as connection:
                tag_names = read_tag_names(connection, self._site)
            candidate = with_canonical_names(load_candidate(path, self._encoders), tag_names)
            yield MonitoredModel(
                candidate,
                version.version,
                training_months,
                int(description["min_tag_count"]),
                as_of=False,
            )
            return
        before = tuple(earlier for earlier in training_months if earlier < month)
        yield self._fit_as_of(description, version.version, before)

    def _fit_as_of(
        self, description: dict[str, Any], version: str, before: tuple[str, ...]
    ) -> MonitoredModel | None:
        if not before:
            return None
        questions = load_tagged(self._engine, self._site, before[0], before[-1])
        candidate = make_candidate(
            str(description["candidate"]), description["parameters"], self._encoders
        )
        min_tag_count = int(description["min_tag_count"])
        vocabulary = vocabulary_of(questions.tags, min_tag_count)
        if not vocabulary:
            return None
        log.info(
            "version %s was trained on later months; fitting one as of %s", version, before[-1]
        )
        purpose = f"{candidate.name} as of {before[-1]}"
        fit_within_budget(candidate, questions, vocabulary, self._memory, purpose)
        return MonitoredModel(candidate, version, before, min_tag_count, as_of=True)


def _learned_any_of(description: dict[str, Any], month: str) -> bool:
    """Return whether a model learned from questions of ``month`` or later ones."""
    # A refreshed one has learned days of the month after its last whole one
    if until := description.get("learned_until"):
        return datetime.fromisoformat(str(until)) > month_start(month)
    return month <= str(description["train_last"])
