"""
Text from outside, made safe for places that would read it as markup or a formula. Pure.

Pages and mails of our own are templates that escape by themselves. What is here is for everything
else: pages that other programs make of our names, descriptions in Markdown, and pictures.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

_LOOKALIKES: Final = str.maketrans("<>&", "\u2039\u203a\uff06")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MARKDOWN: Final = re.compile(r"[\\`*_\[\]|~]")
_LEADING: Final = re.compile(r"^(\s*)([#+\-=]|\d+(?=[.)]))", re.MULTILINE)

NO_FORMULAS: Final[dict[Any, Any]] = {"text.parse_math": False}
r"""
For `matplotlib.rc_context`: pictures that are made and saved in it show their texts as they are.

Else matplotlib reads ``$...$`` as a formula: a tag such as ``\frac{a$`` after a dollar sign would
end the drawing with an error. Labels of an axis are made when it is drawn.
"""


def without_markup(text: str) -> str:
    r"""
    Return ``text`` for a page of another program, which may put it into HTML or a script as it is.

    Angle brackets and ampersands become characters that look alike but mean nothing in HTML or
    JavaScript, so that nothing has to be escaped or restored; characters that are not visible,
    line ends and marks of direction among them, become spaces.

    Examples
    --------
    >>> without_markup("</b>c++") == "\u2039/b\u203ac++", without_markup("a\u2028b")
    (True, 'a b')
    """
    if text.isascii() and text.isprintable() and text.translate(_LOOKALIKES) == text:
        return text
    visible = (" " if unicodedata.category(c) in _INVISIBLE else c for c in text)
    return "".join(visible).translate(_LOOKALIKES)


def markdown(text: str) -> str:
    r"""
    Return ``text`` as Markdown that shows it as it is: no link, image, HTML, list or emphasis.

    Examples
    --------
    >>> markdown("__init__ [a](http://b)")
    '\\_\\_init\\_\\_ \\[a\\](http://b)'
    >>> markdown("<img src=x> & c++"), markdown("# no heading")
    ('&lt;img src=x&gt; &amp; c++', '\\# no heading')

    References
    ----------
    .. [1] CommonMark 0.31, sections 2.4 (backslash escapes) and 2.5 (entities).
    """
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = _MARKDOWN.sub(r"\\\g<0>", text)
    return _LEADING.sub(_escaped_start, text)


def _escaped_start(start: re.Match[str]) -> str:
    """Return the start of a line that would be a heading, list or rule, escaped."""
    if start[2].isdigit():
        return f"{start[1]}{start[2]}\\"
    return f"{start[1]}\\{start[2]}"
