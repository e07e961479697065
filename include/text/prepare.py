"""
HTML of a question to title, prose and code.

The rules:

- code is every ``<pre>``, with or without ``<code>`` inside; a ``<pre>`` within another belongs to
  the outer one. Inline ``<code>`` is part of its sentence and stays in the prose.
- links keep their text and lose their address. Images are dropped with their alternative texts:
  two thirds of those in real posts are the editor's "enter image description here", so the words
  would say that there is an image, not what the question is about.
- scripts, styles, templates and comments are dropped.
- a block element or line break separates words; an inline element does not (``c<b>++</b>`` is
  ``c++``).
- characters that look the same are the same: `include.text.characters.normalize`.
"""

import re
import warnings
from functools import cache
from html import unescape
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from include.text.characters import normalize
from include.text.html_limits import deepest, is_costly
from include.text.prepared import PreparedText

TEXT_VERSION: Final = "3"
"""Changes whenever ``prepare`` gives another result for the same question; part of cache keys."""

BLOCK_ELEMENTS: Final = (
    "p(?:re)?|l(?:i|egend)|ul|o(?:l|ption)|b(?:r|lockquote)|h(?:[1-6r]|eader)|"
    "a(?:ddress|rticle|side)|c(?:aption|enter)|d(?:[dlt]|etails|ialog|i[rv])|"
    "f(?:ieldset|igcaption|igure|ooter|orm)|m(?:ain|enu)|nav|s(?:ection|elect|ummary)|"
    "t(?:[dr]|able|body|foot|h(?:ead)?)"
)
"""
Elements that browsers render as blocks or cells, as alternatives of a regular expression.

They are grouped by first letter, with the most frequent in posts first, which takes two thirds of
the time of a plain list.
"""

_BLOCK_EDGE: Final = re.compile(rf"<(?=/?(?:{BLOCK_ELEMENTS})[\s/>])", re.IGNORECASE)
_IGNORED: Final = frozenset({"script", "style", "template"})
_NOT_PROSE: Final = _IGNORED | {"pre"}
_TAG: Final = re.compile(
    r"""<!--.*?(?:-->|\Z)|<(/?)([a-zA-Z][^\s/<>]*+)(?:[^<>"']++|"[^"]*+"|'[^']*+')*+>""", re.DOTALL
)
"""A comment, or a tag whose quoted values may hold ``>``."""
_LONG_REFERENCE: Final = re.compile(r"&#(?:\d{20,}|[xX][0-9a-fA-F]{20,});?", re.ASCII)
"""References to no character; Python refuses to read numbers of more than 4,300 digits."""
_MAX_TAGS: Final = 2_000
"""Ten times the most of 8,503 real posts; the parser's time is quadratic in nested tags."""
_MAX_TREE_COST: Final = 5_000_000
"""Tags times depth that BeautifulSoup is given: 0.2 s, and 5,000 nested tags or 100,000 beside."""


def prepare(title: str, body_html: str, key: tuple[str, int] | None = None) -> PreparedText:
    r"""
    Return the text of a question, field by field.

    Never fails: broken HTML is parsed as a browser would, and characters that PostgreSQL cannot
    store (NUL, lone surrogates) are replaced.

    Parameters
    ----------
    title : str
        Unescaped; line breaks and runs of spaces become one space.
    body_html : str
        HTML of any length and quality. The prose has single spaces; the code keeps its line
        breaks and indentation, with an empty line between blocks.
    key : tuple of (str, int) or None
        Site and question id, passed through.

    Examples
    --------
    >>> prepare("C++ or\nC#?", "<p>I know <code>c<b>++</b></code>.</p><pre>int i;\ni++;</pre>")
    PreparedText(title='C++ or C#?', prose='I know c++.', code='int i;\ni++;', key=None)
    """
    prose, code = map(normalize, split_html(body_html))
    return PreparedText(" ".join(normalize(_storable(title)).split()), prose, code, key)


def split_html(html: str) -> tuple[str, str]:
    """Return ``(prose, code)`` of an HTML fragment, as ``prepare`` does."""
    html = _storable(html)
    tags = html.count("<")
    if tags > _MAX_TAGS or is_costly(html):
        if tags * deepest(html) <= _MAX_TREE_COST:
            return _split_with_beautifulsoup(html)
        return _split_without_parser(html)
    _reuse_freed_memory()
    # Inserting a newline at each edge of a block before parsing takes a tenth of the time of
    # inserting nodes. Text has entities in place of "<", so only tags match. The first newline
    # makes the fragment's first node a text, which is never removed.
    root = LexborHTMLParser("\n" + _BLOCK_EDGE.sub("\n<", html), is_fragment=True).root
    if root is None:
        return "", ""
    nodes = [node for node in root.traverse() if node.tag in _NOT_PROSE]
    if len(nodes) > 1:
        nodes = [node for node in nodes if not _is_nested(node)]
    blocks = []
    for node in nodes:
        if node.tag == "pre":
            blocks.append(node.text_lexbor())
        node.replace_with("\n")
    return _prose(root.text_lexbor()), _code(blocks)


def _is_nested(node: LexborNode) -> bool:
    """Return whether ``node`` is inside another element that is not prose."""
    parent = node.parent
    while parent is not None:
        if parent.tag in _NOT_PROSE:
            return True
        parent = parent.parent
    return False


@cache
def _reuse_freed_memory() -> None:
    """
    Make glibc reuse the memory that parsed documents free, instead of returning it to the kernel.

    glibc raises its mmap threshold to the largest block freed so far, up to 32 MB. Until then it
    unmaps the memory of every document, and two thirds of the parsing time are page faults. The
    block here is never written to, so it costs nothing. On other C libraries this has no effect.
    """
    bytes(24 << 20)


def _storable(text: str) -> str:
    """Return ``text`` without the characters that PostgreSQL cannot store."""
    if "\0" in text:
        text = text.replace("\0", " ")
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _unescaped(text: str) -> str:
    """Return ``text`` with its character references replaced."""
    return unescape(_LONG_REFERENCE.sub("\ufffd", text) if "&#" in text else text)


def _prose(text: str) -> str:
    return " ".join(text.split())


def _code(blocks: list[str]) -> str:
    trimmed = (block.strip("\n").rstrip() for block in blocks)
    return "\n\n".join(block for block in trimmed if block)


def _split_with_beautifulsoup(html: str) -> tuple[str, str]:
    """
    Return ``(prose, code)`` by BeautifulSoup on lxml: 12 us a tag, and 25 ns a tag and depth.

    A parser of HTML5 takes minutes or gigabytes for 100 kB of unclosed formatting elements.
    """
    import bs4  # takes 0.1 s, and one body in thousands needs it

    warnings.filterwarnings("ignore", category=bs4.XMLParsedAsHTMLWarning)
    marked = _BLOCK_EDGE.sub("\n<", _LONG_REFERENCE.sub("\ufffd", html))
    soup = bs4.BeautifulSoup(marked, "lxml")
    prose: list[str] = []
    blocks: list[list[str]] = []
    # Where an element's text goes, by its identity: changing the tree would take a walk up the open
    # elements for each change.
    places: dict[int, list[str]] = {id(soup): prose}
    for node in soup.descendants:
        place = places[id(node.parent)]
        if type(node) is bs4.NavigableString:
            place.append(node)
        elif isinstance(node, bs4.Tag):
            if place is prose and node.name in _NOT_PROSE:
                prose.append("\n")
                place = []
                if node.name == "pre":
                    blocks.append(place)
            places[id(node)] = place
    return _prose("".join(prose)), _code(["".join(block) for block in blocks])


def _split_without_parser(html: str) -> tuple[str, str]:
    """
    Return ``(prose, code)`` in linear time, by matching tags only; each tag separates words.

    A hostile body of 100 kB of deeply nested tags takes any parser seconds or gigabytes.
    """
    texts: dict[str, list[str]] = {"": [], "pre": []}
    inside, end = "", 0
    for tag in _TAG.finditer(html):
        texts.get(inside, []).append(_unescaped(html[end : tag.start()]))
        end = tag.end()
        if tag[2] is None:
            continue
        name = tag[2].lower()
        if tag[1] and name == inside:
            inside = ""
        elif not (tag[1] or inside) and (name == "pre" or name in _IGNORED):
            inside = name
        texts[""].append("\n")
    texts.get(inside, []).append(_unescaped(html[end:]))
    return _prose("".join(texts[""])), _code(["".join(texts["pre"])])
