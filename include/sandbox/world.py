"""What questions of a simulated site are about: technologies, their subjects, words and tags."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from include.sandbox.random_stream import RandomStream

_FOLDER: Final = Path(__file__).parent
_WORLD_STREAM: Final = 1
_TECHNOLOGIES: Final = 9
_WORDS_KEPT_SHARE: Final = 0.8  # of the words in technologies.toml; the seed selects them
_INVENTED_APIS: Final = 4
_INVENTED_WORDS: Final = 2
_DESCRIBED_BY: Final = 4  # words


@dataclass(frozen=True, slots=True)
class Subject:
    """
    A subject of questions.

    Parameters
    ----------
    technology : int
        Index into ``World.technologies``.
    tags : tuple of str
        The fitting tags, the technology's own first.
    words, apis : tuple of str
        Its vocabulary, most typical first; both non-empty.
    """

    technology: int
    tags: tuple[str, ...]
    words: tuple[str, ...]
    apis: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Technology:
    """A technology; ``rare_tags`` are the long tail, ``language`` chooses its code samples."""

    tag: str
    name: str
    language: str
    rare_tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CrossTag:
    """A tag that fits any technology, and its words."""

    tag: str
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class World:
    """
    A site's subjects and their frequencies.

    Parameters
    ----------
    technologies : tuple of Technology
    subjects : tuple of Subject, length n
    weights : tuple of float, length n
        >= 0, sum 1.
    cross_tags : tuple of CrossTag
    """

    technologies: tuple[Technology, ...]
    subjects: tuple[Subject, ...]
    weights: tuple[float, ...]
    cross_tags: tuple[CrossTag, ...]


@cache
def phrases(kind: str, language: str | None = None) -> tuple[str, ...]:
    """Return one list of ``phrases.toml``: sentence templates, name parts, a language's code."""
    node = tomllib.loads((_FOLDER / "phrases.toml").read_text("utf-8"))[kind]
    return tuple(node if language is None else node[language])


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads((_FOLDER / "technologies.toml").read_text("utf-8"))


def tag_description(tag: str) -> str:
    """
    Return what the site says of a tag, one plain sentence.

    Examples
    --------
    >>> tag_description("docker")
    'For questions about docker: image, dockerfile, layer, compose and the like.'
    >>> tag_description("docker-legacy")
    'For questions about docker-legacy.'
    """
    words = _words_of_tags().get(tag)
    return f"For questions about {tag}{f': {words} and the like' if words else ''}."


@cache
def _words_of_tags() -> dict[str, str]:
    """Return the most typical words of each tag that is not invented."""
    data = _data()
    topics = [topic for entry in data["technology"] for topic in entry["topic"]]
    parts = (*data["technology"], *topics, *data["cross"])
    return {part["tag"]: ", ".join(part["words"][:_DESCRIBED_BY]) for part in parts}


def make_world(seed: int) -> World:
    """Return the world of ``seed``: its technologies, words, invented names and frequencies."""
    rng = RandomStream(seed, _WORLD_STREAM)
    data = _data()
    technologies: list[Technology] = []
    subjects: list[Subject] = []
    weights: list[float] = []
    for index, entry in enumerate(rng.shuffled(data["technology"])[:_TECHNOLOGIES]):
        rare = tuple(f"{entry['tag']}-{end}" for end in rng.shuffled(data["tail"]["ends"])[:12])
        technologies.append(Technology(entry["tag"], entry["name"], entry["language"], rare))
        own = [*rng.shuffled(entry["topic"]), entry]
        popularity = float(rng.generator.lognormal(0.0, 0.45))
        for rank, part in enumerate(own):
            tags = (entry["tag"],) if part is entry else (entry["tag"], part["tag"])
            subjects.append(Subject(index, tags, *_vocabulary(part, rng)))
            weights.append(popularity / (rank + 2.0))
    total = sum(weights)
    cross = tuple(CrossTag(c["tag"], tuple(c["words"])) for c in data["cross"])
    return World(
        tuple(technologies), tuple(subjects), tuple(weight / total for weight in weights), cross
    )


def _vocabulary(part: dict[str, Any], rng: RandomStream) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the seed's words and API names of a subject, including the tag's own name."""
    words = [word for word in part["words"] if rng.bernoulli(_WORDS_KEPT_SHARE)]
    words = words or part["words"][:1]
    words.insert(4, part["tag"])  # questions name it, though not in every sentence
    apis = [api for api in part["apis"] if rng.bernoulli(_WORDS_KEPT_SHARE)]
    return (
        (*words, *invented_words(_INVENTED_WORDS, rng)),
        tuple(rng.shuffled([*apis, *invented_apis(_INVENTED_APIS, rng)])),
    )


def invented_words(count: int, rng: RandomStream) -> tuple[str, ...]:
    """Return ``count`` pronounceable words that no language has."""
    syllables = phrases("syllables")
    return tuple(
        "".join(rng.choice(syllables) for _ in range(2 + rng.integer(2))) for _ in range(count)
    )


def invented_apis(count: int, rng: RandomStream) -> tuple[str, ...]:
    """Return ``count`` identifiers, each made of a verb and two nouns."""
    verbs, nouns = phrases("id_verbs"), phrases("id_nouns")
    return tuple(rng.choice(verbs) + rng.choice(nouns) + rng.choice(nouns) for _ in range(count))
