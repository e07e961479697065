"""
Signs of HTML that takes a parser more than linear time or memory, found in linear time.

Parsers of HTML5 walk up the open elements at each tag, open unclosed formatting elements again in
each block, and compare each attribute with all others of its tag.
"""

import re
from typing import Final

MAX_NESTING_COST: Final = 100_000
"""Tags times depth that a parser is given: 30 ms. The most of 8,503 real posts is 885."""

_SMALL: Final = 300
"""Tags whose nesting cost cannot exceed the limit, however they are nested."""

_TAG: Final = re.compile(r"<(/?)([a-zA-Z][^\s/<>]*+)")
# fmt: off
_VOID: Final = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
))
# fmt: on
_MAX_ATTRIBUTES: Final = 1_000
"""Characters of a tag besides quoted values: each attribute has at least two."""

_LONG_TAG: Final = re.compile(r"""<[a-zA-Z](?:[^"'>]++|"[^"]*+"|'[^']*+')*+""")
_QUOTED: Final = re.compile(r""""[^"]*+"|'[^']*+'""")


def is_costly(html: str) -> bool:
    """
    Return whether parsing ``html`` could take more than linear time or memory.

    Examples
    --------
    >>> is_costly("<p>text</p>" * 1000), is_costly("<div>" * 1000)
    (False, True)
    """
    return nesting_cost(html) > MAX_NESTING_COST or has_many_attributes(html)


def nesting_cost(html: str) -> int:
    """
    Return an upper bound on the work of a parser: the tags times the depth of open elements.

    An element that is never closed counts as open to the end. 0 if there are few tags.
    """
    if html.count("<") <= _SMALL:
        return 0
    return html.count("<") * deepest(html)


def deepest(html: str) -> int:
    """Return an upper bound on the depth of open elements."""
    depth = most = 0
    for closing, name in _TAG.findall(html):
        if closing:
            depth = max(0, depth - 1)
        elif name.lower() not in _VOID:
            depth += 1
            most = max(most, depth)
    return most


def has_many_attributes(html: str) -> bool:
    """Return whether one tag may have hundreds of attributes; quoted values do not count."""
    if len(html) <= _MAX_ATTRIBUTES:
        return False
    return any(
        match.end() - match.start() > _MAX_ATTRIBUTES
        and len(_QUOTED.sub('"', match[0])) > _MAX_ATTRIBUTES
        for match in _LONG_TAG.finditer(html)
    )
