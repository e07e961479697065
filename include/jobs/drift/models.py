"""The model that a window is checked with: the champion, or one of its kind as of a past month."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sqlalchemy import Engine

from include import names
from include.candidates.base import Candidate, EncoderFactory, vocabulary_of
from include.candidates.catalogue import load_candidate, make_candidate, read_description
from include.errors import MissingDataError
from include.jobs.data.features import load_labelled
from include.jobs.data.observations import chosen
from include.months import months_between
from include.registry import Registry
from include.text.prepared import LabelledTexts

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    """
    A model that is checked, and what it has learned.

    Parameters
    ----------
    candidate : Candidate
        Trained.
    version : str
        The registry's version.
    learned : tuple of str
        Months of its training window, ascending.
    as_of : bool
        Not the champion itself but one of its kind, trained on the months before a past month
        that the champion has learned already.
    """

    candidate: Candidate
    version: str
    learned: tuple[str, ...]
    as_of: bool

    @property
    def label(self) -> str:
        """What its reports and thresholds are stored by: ``3``, or ``3@2019-05`` as of a month."""
        return f"{self.version}@{self.learned[-1]}" if self.as_of else self.version


class LiveModels:
    """
    Finds the model that a window is to be checked with.

    Parameters
    ----------
    engine : Engine
    registry : Registry
    encoders : EncoderFactory
        Cached, so that nothing is embedded twice.
    site : str
    min_tag_count : int
        As in training, >= 1.
    """

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        encoders: EncoderFactory,
        *,
        site: str,
        min_tag_count: int,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._encoders = encoders
        self._site = site
        self._min_tag_count = min_tag_count

    @contextmanager
    def at(self, month: str | None) -> Iterator[Live | None]:
        """
        Yield the model to check ``month`` with, None if there is no champion or nothing before.

        The champion, unless it has learned ``month`` already: then one of its kind is trained on
        the months before, so that a past month is judged as it would have been in its time.

        Parameters
        ----------
        month : str or None
            None takes the champion whatever it has learned, as for what the service was asked.

        Raises
        ------
        ModelUnusableError
            If the champion cannot be fetched or loaded.
        RetryLaterError
            If MLflow is away.
        """
        version = self._registry.alias(names.CHAMPION)
        if version is None:
            yield None
            return
        with TemporaryDirectory() as folder:
            path = self._registry.download(version, Path(folder))
            description = read_description(path)
            learned = months_between(
                str(description["train_first"]), str(description["train_last"])
            )
            if month is None or month > learned[-1]:
                candidate = load_candidate(path, self._encoders)
                yield Live(candidate, version.version, learned, as_of=False)
                return
            before = tuple(earlier for earlier in learned if earlier < month)
            yield self._model_of_its_time(description, version.version, before)

    def _model_of_its_time(
        self, description: dict[str, Any], version: str, before: tuple[str, ...]
    ) -> Live | None:
        if not before:
            return None
        questions = tagged_questions(self._engine, self._site, before[0], before[-1])
        candidate = make_candidate(
            str(description["candidate"]), description["parameters"], self._encoders
        )
        vocabulary = vocabulary_of(questions.tags, self._min_tag_count)
        if not vocabulary:
            return None
        log.info("version %s has learned later months; training one as of %s", version, before[-1])
        candidate.fit(questions.texts, questions.tags, vocabulary)
        return Live(candidate, version, before, as_of=True)


def tagged_questions(engine: Engine, site: str, first: str, last: str) -> LabelledTexts:
    """
    Return the questions of some months, both included, that have tags.

    Raises
    ------
    MissingDataError
        If there are none; the message names the command that gets them.
    """
    questions = load_labelled(engine, site, first, last)
    tagged = chosen(questions, np.array([bool(tags) for tags in questions.tags], np.bool_))
    if not len(tagged):
        raise MissingDataError(
            f"{site} has no tagged questions from {first} to {last}: run "
            f"`python -m include.jobs.ingestion.ingest --month {last}`"
        )
    return tagged
