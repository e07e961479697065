"""The models that a worker serves, the A/B test between them, and the status of reloading."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

from include.candidates.base import Candidate, EncoderFactory, Suggestion
from include.candidates.catalogue import load_candidate, read_description
from include.candidates.renamed import with_canonical_names
from include.errors import ModelUnusableError
from include.registry import folder_sha256
from include.tag_names import TagNames
from include.text.prepare import prepare
from serving.payloads import AbTest
from serving.tag_index import TagIndex

SMOKE_TEST_QUESTIONS: Final = (
    prepare(
        "How do I read a JSON file line by line?",
        "<p>I try to <code>parse</code> a large file and get an error.</p>"
        "<pre><code>for line in file: json.loads(line)</code></pre>",
    ),
    prepare("", ""),
)
"""Every model must answer these before it is served: an ordinary question and an empty one."""

SMOKE_TEST_TAGS: Final = 5


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to answer; ``description`` is the training metadata stored with it."""

    version: str
    candidate: Candidate
    sha256: str
    created_at: datetime
    description: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ServedModels:
    """
    An immutable snapshot of what is served: read once per request, replaced as a whole.

    The models speak of canonical tags, by ``tag_names``; ``tag_descriptions`` is what the site says
    of them.
    """

    champion: LoadedModel | None = None
    challenger: LoadedModel | None = None
    ab_test: AbTest | None = None
    tag_names: TagNames = field(default_factory=TagNames)
    tag_descriptions: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def tag_index(self) -> TagIndex:
        """The champion's tags, to look up by what somebody has typed; built at first use."""
        if self.champion is None:
            return TagIndex((), {}, self.tag_names)
        uses = self.champion.description.get("tag_uses", {})
        vocabulary = self.champion.candidate.vocabulary
        return TagIndex(vocabulary, uses, self.tag_names, self.tag_descriptions)

    def renamed(self, names: TagNames) -> ServedModels:
        """Return a snapshot of the same models, as they were loaded, with other names of tags."""
        return replace(
            self,
            champion=_renamed(self.champion, names),
            challenger=_renamed(self.challenger, names),
            tag_names=names,
        )


def _renamed(model: LoadedModel | None, names: TagNames) -> LoadedModel | None:
    if model is None:
        return None
    return replace(model, candidate=with_canonical_names(model.candidate, names))


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """
    Failures of polling and reloading, for ``/readyz`` and ``/model``.

    The registry last answered at ``checked_at``, PostgreSQL's A/B tests at ``looked_up_at``.
    """

    failures: int = 0
    problem: str | None = None
    checked_at: datetime | None = None
    looked_up_at: datetime | None = None


class ModelSource(Protocol):
    """Provides the models to serve."""

    @property
    def current(self) -> ServedModels:
        """The models served now."""

    def status(self) -> ModelStatus:
        """Return the status of polling and reloading."""

    def start(self) -> None:
        """Start reloading; call it in the worker process, after the fork."""

    def close(self) -> None:
        """Stop reloading."""


class FixedModelSource:
    """A source that changes only if its ``current`` is set, for tests."""

    def __init__(self, served: ServedModels) -> None:
        self.current = served

    def status(self) -> ModelStatus:
        """Return a status without failures."""
        return ModelStatus()

    def start(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def load_model(
    folder: Path, *, version: str, sha256: str, created_at: datetime, encoders: EncoderFactory
) -> LoadedModel:
    """
    Load the candidate in ``folder`` and run the smoke test, which also warms it up.

    Raises
    ------
    ModelUnusableError
        If its SHA-256 is not the promoted one, it cannot be loaded, or it fails the smoke test.
    """
    try:
        if (found := folder_sha256(folder)) != sha256:
            raise ModelUnusableError(
                f"version {version} on this machine is damaged: its SHA-256 is {found[:12]}…, "
                f"that of the promoted model {sha256[:12]}…"
            )
        candidate = load_candidate(folder, encoders)
        smoke_test(candidate)
        return LoadedModel(version, candidate, sha256, created_at, read_description(folder))
    except ModelUnusableError:
        raise
    except Exception as error:  # a damaged model may raise anything; the one in use stays
        raise ModelUnusableError(f"version {version} cannot be loaded: {error!r}") from error


def smoke_test(candidate: Candidate) -> None:
    """
    Check the answers of ``candidate`` to `SMOKE_TEST_QUESTIONS`, one by one and as a batch.

    An answer must hold distinct tags of the vocabulary with finite scores in [0, 1], best first,
    and the same tags in a batch as alone.

    Raises
    ------
    ModelUnusableError
        If an answer is invalid.
    """
    alone = [candidate.rank([text], SMOKE_TEST_TAGS)[0] for text in SMOKE_TEST_QUESTIONS]
    in_batch = candidate.rank(SMOKE_TEST_QUESTIONS, SMOKE_TEST_TAGS)
    expected = min(SMOKE_TEST_TAGS, len(candidate.vocabulary))
    known = set(candidate.vocabulary)
    for answer, batched in zip(alone, in_batch, strict=True):
        fault = _fault(answer, expected, known)
        if fault is None and [item.tag for item in answer] != [item.tag for item in batched]:
            fault = "another answer in a batch"
        if fault is not None:
            raise ModelUnusableError(f"the model fails the smoke test: {fault}")


def _fault(answer: tuple[Suggestion, ...], expected: int, known: set[str]) -> str | None:
    """Return what is invalid about an answer, None if nothing is."""
    tags = [item.tag for item in answer]
    scores = [item.score for item in answer]
    if len(tags) != expected or len(set(tags)) != len(tags) or not known.issuperset(tags):
        return f"{tags} instead of {expected} distinct tags of the vocabulary"
    if not all(math.isfinite(score) and 0.0 <= score <= 1.0 for score in scores):
        return f"scores {scores} outside [0, 1]"
    if scores != sorted(scores, reverse=True):
        return f"scores {scores} not best first"
    return None
