"""Markdown as in question editors, to sanitised HTML like that of a site."""

from typing import Final

import cmarkgfm
import nh3
from cmarkgfm.cmark import Options

from include.text.html_limits import MAX_NESTING_COST, nesting_cost
from serving.budget import Budget
from serving.errors import TooMuchWorkError

# fmt: off
TAGS: Final = frozenset((
    "a", "b", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "i", "kbd", "li", "ol", "p", "pre", "s", "strong", "sub", "sup",
    "table", "tbody", "td", "th", "thead", "tr", "ul",
))
# fmt: on
"""Elements that are kept: none of them loads a resource."""

_EXTENSIONS: Final = ("table", "strikethrough")


def render(markdown: str, budget: Budget, *, field: str = "body") -> str:
    r"""
    Return ``markdown`` as sanitised HTML; safe HTML inside it is kept.

    The renderer takes linear time, and limits what references and tables expand to; the sanitiser's
    parser does not, so it gets no HTML that could take it long.

    Parameters
    ----------
    markdown : str
    budget : Budget
        The rendered characters are taken from it.
    field : str
        Named in errors.

    Raises
    ------
    TooMuchWorkError
        If the HTML is too long, or too deeply nested to be parsed in linear time.

    Examples
    --------
    >>> budget = Budget(cpu_s=1, timeout_s=1)
    >>> render("A *b* <script>alert(1)</script><img src=x>", budget)
    '<p>A <em>b</em> </p>\n'
    """
    html: str = cmarkgfm.markdown_to_html_with_extensions(
        markdown, options=Options.CMARK_OPT_UNSAFE, extensions=_EXTENSIONS
    )
    budget.spend_html(len(html), field=field)
    if nesting_cost(html) > MAX_NESTING_COST:
        raise TooMuchWorkError(
            "elements are nested too deeply: close them, or send the text without its markup",
            field=field,
        )
    sanitised = nh3.clean(
        html,
        tags=set(TAGS),
        attributes={"a": {"href"}},
        url_schemes={"http", "https"},
        link_rel="noopener noreferrer nofollow",
    )
    budget.spend_html(max(0, len(sanitised) - len(html)), field=field)  # links get attributes
    return sanitised
