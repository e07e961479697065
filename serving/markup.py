"""Markdown as in question editors, to sanitised HTML like that of a site."""

from functools import cache
from typing import Final

import nh3
from markdown_it import MarkdownIt

# fmt: off
TAGS: Final = frozenset((
    "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "i", "kbd", "li", "ol", "p", "pre", "s", "strong", "sub", "sup",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
))
# fmt: on
"""Elements that are kept: none of them loads a resource."""


def render(markdown: str) -> str:
    r"""
    Return ``markdown`` as sanitised HTML; safe HTML inside it is kept.

    Examples
    --------
    >>> render("A *b* <script>alert(1)</script><img src=x>")
    '<p>A <em>b</em> </p>\n'
    """
    return nh3.clean(
        _parser().render(markdown),
        tags=set(TAGS),
        attributes={"a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow",
    )


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True, "maxNesting": 20}).enable(
        ["table", "strikethrough"]
    )
