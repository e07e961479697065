"""Turns a subject into a question's title and HTML body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import escape
from string import Formatter
from typing import Final

from include.sandbox.draws import Draws
from include.sandbox.world import Subject, Technology, phrases

_FOREIGN_WORDS: Final = 0.08  # of the words belong to another subject


@dataclass(frozen=True, slots=True)
class Theme:
    """
    What one question is about.

    Parameters
    ----------
    technology : Technology
    subject : Subject
        Gives most of the words.
    aside : tuple of str
        Words of its second subject and of tags that go with any technology; may be empty.
    stray : tuple of str
        Words of something else altogether.
    vague : bool
        The asker hardly says what it is about.
    """

    technology: Technology
    subject: Subject
    aside: tuple[str, ...]
    stray: tuple[str, ...]
    vague: bool


@dataclass(frozen=True, slots=True)
class _Frame:
    """A sentence frame, parsed once: literals with the slots between them."""

    parts: tuple[tuple[str, str | None], ...]

    def fill(self, value: Callable[[str], str]) -> str:
        return "".join(text if slot is None else text + value(slot) for text, slot in self.parts)


@cache
def _frames(kind: str, language: str | None = None) -> tuple[_Frame, ...]:
    return tuple(
        _Frame(tuple((text, slot) for text, slot, _, _ in Formatter().parse(frame)))
        for frame in phrases(kind, language)
    )


class Writer:
    """Writes one question; every call draws anew."""

    def __init__(self, theme: Theme, draws: Draws) -> None:
        self._theme = theme
        self._draws = draws

    def title(self) -> str:
        """Return a title as people type it, unescaped, capitalised most of the time."""
        frames = _frames("vague_titles" if self._theme.vague else "titles")
        title = self._draws.pick(frames).fill(self._slot)
        return title[0].upper() + title[1:] if self._draws.chance(0.9) else title

    def body(self) -> str:
        """Return HTML: paragraphs, and often code, a list, an error's text or a link."""
        draws = self._draws
        blocks = [self._paragraph("openings", 1)]
        for _ in range(1 + draws.below(3)):
            blocks.append(self._paragraph("middles", 1 + draws.below(3)))
        if draws.chance(0.25 if self._theme.vague else 0.75):
            blocks.insert(1 + draws.below(len(blocks)), self._code())
        if draws.chance(0.2):
            blocks.insert(1 + draws.below(len(blocks)), self._list())
        if draws.chance(0.25) and not self._theme.vague:
            blocks.insert(1 + draws.below(len(blocks)), self._error())
        if draws.chance(0.15):
            blocks.append(self._link())
        blocks.append(self._paragraph("closings", 1))
        return "\n\n".join(blocks) + "\n"

    def _paragraph(self, kind: str, sentences: int) -> str:
        vague = self._theme.vague and kind == "middles"
        frames = _frames("vague_middles" if vague else kind)
        text = " ".join(self._draws.pick(frames).fill(self._html_slot) for _ in range(sentences))
        return f"<p>{text}</p>"

    def _code(self) -> str:
        language = self._theme.technology.language
        frames = _frames("code", language)
        known: dict[str, str] = {}
        snippets = [
            self._draws.pick(frames).fill(lambda slot: self._code_slot(slot, known))
            for _ in range(1 + self._draws.below(2))
        ]
        code = escape("\n\n".join(snippets), quote=False)
        return f'<pre class="lang-{language} prettyprint-override"><code>{code}\n</code></pre>'

    def _list(self) -> str:
        frames = _frames("items")
        rows = "\n".join(
            f"<li>{self._draws.pick(frames).fill(self._html_slot)}</li>"
            for _ in range(2 + self._draws.below(3))
        )
        return f"<p>I tried:</p>\n<ul>\n{rows}\n</ul>"

    def _error(self) -> str:
        text = self._draws.pick(_frames("errors")).fill(self._slot)
        return f"<pre><code>{escape(text, quote=False)}\n</code></pre>"

    def _link(self) -> str:
        page = self._word().replace(" ", "-")
        name = escape(self._theme.technology.tag)
        return (
            f'<p>See also <a href="https://docs.example.org/{name}/{escape(page)}" '
            f'rel="nofollow noreferrer">the documentation</a>.</p>'
        )

    def _word(self) -> str:
        theme, unit = self._theme, self._draws.unit()
        if unit < _FOREIGN_WORDS or theme.vague:
            return self._draws.pick(theme.stray if unit < 0.5 else phrases("nouns"))
        if theme.aside and unit < 0.42:
            return self._draws.pick(theme.aside)
        return self._draws.pick_early(theme.subject.words)

    def _api(self) -> str:
        return self._draws.pick_early(self._theme.subject.apis)

    def _slot(self, slot: str) -> str:
        match slot:
            case "w":
                return self._word()
            case "a":
                return self._api()
            case "g":
                return self._draws.pick(phrases("nouns"))
            case "v":
                return self._draws.pick(phrases("verbs"))
            case "t":
                return self._theme.technology.name
            case _:
                return str(2 + self._draws.below(500))

    def _html_slot(self, slot: str) -> str:
        text = escape(self._slot(slot), quote=False)
        return f"<code>{text}</code>" if slot == "a" and self._draws.chance(0.8) else text

    def _code_slot(self, slot: str, known: dict[str, str]) -> str:
        """Return a slot's text; the names that a snippet declares stay the same within it."""
        if slot in {"a", "n"}:
            return self._slot(slot)
        if slot not in known:
            known[slot] = self._name(slot)
        return known[slot]

    def _name(self, slot: str) -> str:
        if slot == "w_id":
            return _identifier(self._word())
        if slot == "x":
            return _identifier(self._draws.pick(phrases("nouns")))
        name = self._draws.pick(phrases("id_verbs")) + self._draws.pick(phrases("id_nouns"))
        return name[0].upper() + name[1:] if slot == "Id" else name


def _identifier(words: str) -> str:
    """
    Return ``words`` as a name that a language accepts.

    Examples
    --------
    >>> _identifier("foreign key"), _identifier("b-tree")
    ('foreign_key', 'b_tree')
    """
    return "".join(letter if letter.isalnum() else "_" for letter in words)
