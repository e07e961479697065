"""What is live: the models that answer, the A/B test between them, and what went wrong lately."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from include.candidates.base import Candidate, EncoderFactory, Suggestion
from include.candidates.catalogue import load_candidate, read_description
from include.errors import ModelUnusableError
from include.registry import folder_sha256
from include.text.prepare import prepare

CANARIES: Final = (
    prepare(
        "How do I read a JSON file line by line?",
        "<p>I try to <code>parse</code> a large file and get an error.</p>"
        "<pre><code>for line in file: json.loads(line)</code></pre>",
    ),
    prepare("", ""),
)
"""Asked of every model before it goes live: an ordinary question, and one without a word."""

CANARY_TAGS: Final = 5


class AbTest(msgspec.Struct, frozen=True):
    """
    The open A/B test.

    ``share`` in [0, 1] of the traffic is the challenger's; with ``shadow`` the champion answers
    everything and the challenger is computed beside it.
    """

    ab_test_id: int
    champion_version: str
    challenger_version: str
    share: float
    shadow: bool


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to answer; ``description`` is what its folder says of its training."""

    version: str
    candidate: Candidate
    sha256: str
    created_at: datetime
    description: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Live:
    """What one request answers with: read once per request, replaced as a whole."""

    champion: LoadedModel | None = None
    challenger: LoadedModel | None = None
    ab_test: AbTest | None = None


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """What the following of the registry has come to, for ``/readyz`` and ``/model``."""

    failures: int = 0
    problem: str | None = None
    checked_at: datetime | None = None


class ModelSource(Protocol):
    """Knows what is live."""

    @property
    def current(self) -> Live:
        """The models that answer now."""

    def status(self) -> ModelStatus:
        """Return how the following of the registry goes."""

    def start(self) -> None:
        """Begin to follow, in the process that answers."""

    def close(self) -> None:
        """Stop following."""


class FixedModels:
    """A source that never changes: for tests and for trying one folder."""

    def __init__(self, live: Live) -> None:
        self._live = live

    @property
    def current(self) -> Live:
        """The models it was made with."""
        return self._live

    def status(self) -> ModelStatus:
        """Return that nothing went wrong."""
        return ModelStatus()

    def start(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def load_model(
    folder: Path, *, version: str, sha256: str, created_at: datetime, encoders: EncoderFactory
) -> LoadedModel:
    """
    Load the candidate in ``folder``, warm it up and check its answers.

    Raises
    ------
    ModelUnusableError
        If its content is not what was promoted, it cannot be loaded, or it answers a canary with
        something that is not an answer.
    """
    try:
        if (found := folder_sha256(folder)) != sha256:
            raise ModelUnusableError(
                f"version {version} on this machine is damaged: its SHA-256 is {found[:12]}…, "
                f"promoted was {sha256[:12]}…"
            )
        candidate = load_candidate(folder, encoders)
        check_canaries(candidate)
        return LoadedModel(version, candidate, sha256, created_at, read_description(folder))
    except ModelUnusableError:
        raise
    except Exception as error:  # whatever a damaged model raises, the one in use stays
        raise ModelUnusableError(f"version {version} cannot be loaded: {error!r}") from error


def check_canaries(candidate: Candidate) -> None:
    """
    Ask ``candidate`` the canaries, alone and as a batch; ModelUnusableError if it answers wrongly.

    An answer holds distinct tags of the vocabulary with finite scores in [0, 1], best first, and
    is the same when asked again.
    """
    alone = [candidate.rank([text], CANARY_TAGS)[0] for text in CANARIES]
    together = candidate.rank(CANARIES, CANARY_TAGS)
    expected = min(CANARY_TAGS, len(candidate.vocabulary))
    known = set(candidate.vocabulary)
    for answer, again in zip(alone, together, strict=True):
        fault = _fault(answer, expected, known)
        if fault is None and [item.tag for item in answer] != [item.tag for item in again]:
            fault = "another answer when asked in a batch"
        if fault is not None:
            raise ModelUnusableError(f"the canary question got a wrong answer: {fault}")


def _fault(answer: tuple[Suggestion, ...], expected: int, known: set[str]) -> str | None:
    """Return what is wrong with an answer, None if nothing is."""
    tags = [item.tag for item in answer]
    scores = [item.score for item in answer]
    if len(tags) != expected or len(set(tags)) != len(tags) or not known.issuperset(tags):
        return f"{tags} instead of {expected} distinct tags of the vocabulary"
    if not all(math.isfinite(score) and 0.0 <= score <= 1.0 for score in scores):
        return f"scores {scores} outside [0, 1]"
    if scores != sorted(scores, reverse=True):
        return f"scores {scores} not best first"
    return None
