"""Writes the title and the HTML body of a question from its topic, with sentence templates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import escape
from string import Formatter
from typing import Final

from include.sandbox.random_stream import RandomStream
from include.sandbox.world import Subject, Technology, phrases

_UNRELATED_WORD_SHARE: Final = 0.08  # share of words that belong to another subject


@dataclass(frozen=True, slots=True)
class QuestionTopic:
    """
    The topic of one question.

    Parameters
    ----------
    technology : Technology
    subject : Subject
        Source of most words.
    secondary_words : tuple of str
        Words of its second subject and of cross tags; may be empty.
    unrelated_words : tuple of str
        Words of another subject.
    vague : bool
        Whether the text has almost no words of the subject.
    """

    technology: Technology
    subject: Subject
    secondary_words: tuple[str, ...]
    unrelated_words: tuple[str, ...]
    vague: bool


@dataclass(frozen=True, slots=True)
class _Template:
    """A parsed sentence template: literals and the slots between them."""

    parts: tuple[tuple[str, str | None], ...]

    def fill(self, value: Callable[[str], str]) -> str:
        return "".join(text if slot is None else text + value(slot) for text, slot in self.parts)


@cache
def _templates(kind: str, language: str | None = None) -> tuple[_Template, ...]:
    return tuple(
        _Template(tuple((text, slot) for text, slot, _, _ in Formatter().parse(template)))
        for template in phrases(kind, language)
    )


class QuestionWriter:
    """Writes one question; every call draws new random numbers."""

    def __init__(self, topic: QuestionTopic, rng: RandomStream) -> None:
        self._topic = topic
        self._rng = rng

    def title(self) -> str:
        """Return a title, unescaped, usually capitalised."""
        templates = _templates("vague_titles" if self._topic.vague else "titles")
        title = self._rng.choice(templates).fill(self._slot)
        return title[0].upper() + title[1:] if self._rng.bernoulli(0.9) else title

    def body(self) -> str:
        """Return HTML: paragraphs, and often code, a list, an error message or a link."""
        rng = self._rng
        blocks = [self._paragraph("openings", 1)]
        for _ in range(1 + rng.integer(3)):
            blocks.append(self._paragraph("middles", 1 + rng.integer(3)))
        if rng.bernoulli(0.25 if self._topic.vague else 0.75):
            blocks.insert(1 + rng.integer(len(blocks)), self._code())
        if rng.bernoulli(0.2):
            blocks.insert(1 + rng.integer(len(blocks)), self._list())
        if rng.bernoulli(0.25) and not self._topic.vague:
            blocks.insert(1 + rng.integer(len(blocks)), self._error())
        if rng.bernoulli(0.15):
            blocks.append(self._link())
        blocks.append(self._paragraph("closings", 1))
        return "\n\n".join(blocks) + "\n"

    def _paragraph(self, kind: str, sentences: int) -> str:
        vague = self._topic.vague and kind == "middles"
        templates = _templates("vague_middles" if vague else kind)
        text = " ".join(self._rng.choice(templates).fill(self._html_slot) for _ in range(sentences))
        return f"<p>{text}</p>"

    def _code(self) -> str:
        language = self._topic.technology.language
        templates = _templates("code", language)
        known: dict[str, str] = {}
        snippets = [
            self._rng.choice(templates).fill(lambda slot: self._code_slot(slot, known))
            for _ in range(1 + self._rng.integer(2))
        ]
        code = escape("\n\n".join(snippets), quote=False)
        return f'<pre class="lang-{language} prettyprint-override"><code>{code}\n</code></pre>'

    def _list(self) -> str:
        templates = _templates("items")
        rows = "\n".join(
            f"<li>{self._rng.choice(templates).fill(self._html_slot)}</li>"
            for _ in range(2 + self._rng.integer(3))
        )
        return f"<p>I tried:</p>\n<ul>\n{rows}\n</ul>"

    def _error(self) -> str:
        text = self._rng.choice(_templates("errors")).fill(self._slot)
        return f"<pre><code>{escape(text, quote=False)}\n</code></pre>"

    def _link(self) -> str:
        page = self._word().replace(" ", "-")
        name = escape(self._topic.technology.tag)
        return (
            f'<p>See also <a href="https://docs.example.org/{name}/{escape(page)}" '
            f'rel="nofollow noreferrer">the documentation</a>.</p>'
        )

    def _word(self) -> str:
        topic, uniform = self._topic, self._rng.uniform()
        if uniform < _UNRELATED_WORD_SHARE or topic.vague:
            return self._rng.choice(topic.unrelated_words if uniform < 0.5 else phrases("nouns"))
        if topic.secondary_words and uniform < 0.42:
            return self._rng.choice(topic.secondary_words)
        return self._rng.skewed_choice(topic.subject.words)

    def _api(self) -> str:
        return self._rng.skewed_choice(self._topic.subject.apis)

    def _slot(self, slot: str) -> str:
        match slot:
            case "w":
                return self._word()
            case "a":
                return self._api()
            case "g":
                return self._rng.choice(phrases("nouns"))
            case "v":
                return self._rng.choice(phrases("verbs"))
            case "t":
                return self._topic.technology.name
            case _:
                return str(2 + self._rng.integer(500))

    def _html_slot(self, slot: str) -> str:
        text = escape(self._slot(slot), quote=False)
        return f"<code>{text}</code>" if slot == "a" and self._rng.bernoulli(0.8) else text

    def _code_slot(self, slot: str, known: dict[str, str]) -> str:
        """Return a slot's text; names stay the same within one snippet."""
        if slot in {"a", "n"}:
            return self._slot(slot)
        if slot not in known:
            known[slot] = self._name(slot)
        return known[slot]

    def _name(self, slot: str) -> str:
        if slot == "w_id":
            return _identifier(self._word())
        if slot == "x":
            return _identifier(self._rng.choice(phrases("nouns")))
        name = self._rng.choice(phrases("id_verbs")) + self._rng.choice(phrases("id_nouns"))
        return name[0].upper() + name[1:] if slot == "Id" else name


def _identifier(words: str) -> str:
    """
    Return ``words`` as a valid identifier.

    Examples
    --------
    >>> _identifier("foreign key"), _identifier("b-tree")
    ('foreign_key', 'b_tree')
    """
    return "".join(letter if letter.isalnum() else "_" for letter in words)
