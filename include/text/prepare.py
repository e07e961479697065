"""
HTML of a question to title, prose and code.

What counts as what:

- code is every ``<pre>``, with or without ``<code>`` inside; a ``<pre>`` within another belongs to
  the outer one. Inline ``<code>`` is part of its sentence and stays in the prose.
- links keep their text and lose their address. Pictures leave nothing: two thirds of the
  alternative texts that real posts have are the editor's "enter image description here", so the
  words would say that there is a picture, not what the question is about.
- scripts, styles, templates and comments leave nothing.
- a block element or line break separates words; an inline element does not (``c<b>++</b>`` is
  ``c++``).
"""

import re
from functools import cache
from html import unescape
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from include.text.prepared import PreparedText

TEXT_VERSION: Final = "1"
"""Changes whenever ``prepare`` gives another answer to the same question; caches go by it."""

BLOCKS: Final = (
    "p(?:re)?|l(?:i|egend)|ul|o(?:l|ption)|b(?:r|lockquote)|h(?:[1-6r]|eader)|"
    "a(?:ddress|rticle|side)|c(?:aption|enter)|d(?:[dlt]|etails|ialog|i[rv])|"
    "f(?:ieldset|igcaption|igure|ooter|orm)|m(?:ain|enu)|nav|s(?:ection|elect|ummary)|"
    "t(?:[dr]|able|body|foot|h(?:ead)?)"
)
"""
Elements that browsers show on lines or in cells of their own, as alternatives of a pattern: by
first letter, those that posts use most in front, in two thirds of the time of a plain list.
"""

_BLOCK_EDGE: Final = re.compile(rf"<(?=/?(?:{BLOCKS})[\s/>])", re.IGNORECASE)
_TAG: Final = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*+)[^<>]*+>")
_UNREAD: Final = frozenset({"script", "style", "template"})
_SET_APART: Final = _UNREAD | {"pre"}
_MOST_TAGS: Final = 2_000
"""Ten times what the richest of 8,503 real posts has; an HTML parser needs the square of it."""


def prepare(title: str, body_html: str, key: tuple[str, int] | None = None) -> PreparedText:
    r"""
    Return the text of a question, field by field.

    Never fails: broken HTML is read as a browser would read it, and characters that PostgreSQL
    cannot store (NUL, lone surrogates) are replaced.

    Parameters
    ----------
    title : str
        Unescaped; line breaks and runs of spaces become one space.
    body_html : str
        HTML of any length and quality. Prose comes out with single spaces, code with its line
        breaks and indentation, blocks of code separated by an empty line.
    key : tuple of (str, int) or None
        Site and question id, kept as they are.

    Examples
    --------
    >>> prepare("C++ or\nC#?", "<p>I know <code>c<b>++</b></code>.</p><pre>int i;\ni++;</pre>")
    PreparedText(title='C++ or C#?', prose='I know c++.', code='int i;\ni++;', key=None)
    """
    prose, code = split_html(body_html)
    return PreparedText(" ".join(_storable(title).split()), prose, code, key)


def split_html(html: str) -> tuple[str, str]:
    """Return ``(prose, code)`` of an HTML fragment, as ``prepare`` does."""
    html = _storable(html)
    if len(html) > _MOST_TAGS and html.count("<") > _MOST_TAGS:
        return _split_unparsed(html)
    _keep_freed_memory()
    # A newline at each edge of a block, put in before parsing, costs a tenth of what it costs to
    # insert nodes; entities keep real text free of "<", so only tags are touched. The newline in
    # front keeps the fragment's root a text, which is never taken out.
    root = LexborHTMLParser("\n" + _BLOCK_EDGE.sub("\n<", html), is_fragment=True).root
    if root is None:
        return "", ""
    nodes = [node for node in root.traverse() if node.tag in _SET_APART]
    if len(nodes) > 1:
        nodes = [node for node in nodes if not _is_inside(node)]
    blocks = []
    for node in nodes:
        if node.tag == "pre":
            blocks.append(node.text_lexbor())
        node.replace_with("\n")
    return _prose(root.text_lexbor()), _code(blocks)


def _is_inside(node: LexborNode) -> bool:
    """Return whether ``node`` lies in another element that is no prose."""
    above = node.parent
    while above is not None:
        if above.tag in _SET_APART:
            return True
        above = above.parent
    return False


@cache
def _keep_freed_memory() -> None:
    """
    Let glibc keep what each parsed document gives back, instead of asking the kernel each time.

    It learns from the largest block freed so far, up to 32 MB; until then it unmaps every
    document's memory, and two thirds of the time of parsing goes into page faults. The block is
    never written to, so it costs nothing. On other C libraries this does nothing.
    """
    bytes(24 << 20)


def _storable(text: str) -> str:
    """Return ``text`` without what PostgreSQL refuses."""
    if "\0" in text:
        text = text.replace("\0", " ")
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def _prose(text: str) -> str:
    return " ".join(text.split())


def _code(blocks: list[str]) -> str:
    trimmed = (block.strip("\n").rstrip() for block in blocks)
    return "\n\n".join(block for block in trimmed if block)


def _split_unparsed(html: str) -> tuple[str, str]:
    """
    Return ``(prose, code)`` in linear time, by the tags alone, each of which separates words.

    A hostile body of 100 kB of nested or unclosed tags takes an HTML parser minutes or gigabytes.
    """
    texts: dict[str, list[str]] = {"": [], "pre": []}
    inside, end = "", 0
    for tag in _TAG.finditer(html):
        texts.get(inside, []).append(unescape(html[end : tag.start()]))
        name, end = tag[2].lower(), tag.end()
        if tag[1] and name == inside:
            inside = ""
        elif not (tag[1] or inside) and (name == "pre" or name in _UNREAD):
            inside = name
        texts[""].append("\n")
    texts.get(inside, []).append(unescape(html[end:]))
    return _prose("".join(texts[""])), _code(["".join(texts["pre"])])
