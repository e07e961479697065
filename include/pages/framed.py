"""Additions to a finished page by the site that embeds it. Pure."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256

from markupsafe import Markup

from include.errors import FixInputError


def with_back_link(html: str, address: str, text: str) -> str:
    """
    Return a page of this package with a link on top.

    Raises
    ------
    FixInputError
        If it is not a page of this package.
    """
    link = Markup('<p class="back"><a href="{}">{}</a></p>').format(address, text)
    return _inserted(html, "<body>\n", f"<body>\n{link}\n")


def with_script(html: str, address: str) -> str:
    """
    Return a page of this package with a script that runs before rendering.

    Raises
    ------
    FixInputError
        If it is not a page of this package.
    """
    script = Markup('<script src="{}"></script>').format(address)
    return _inserted(html, "</head>\n", f"{script}\n</head>\n")


def style_source(html: str) -> str:
    """
    Return the source that allows a page's own style and no other in a Content-Security-Policy.

    Raises
    ------
    FixInputError
        If it is not a page of this package.

    References
    ----------
    .. [1] Content Security Policy Level 3, section 2.3.1: hash-source.
    """
    _, begins, rest = html.partition("<style>")
    style, ends, _ = rest.partition("</style>")
    if not begins or not ends:
        raise FixInputError("this is not a page of include.pages")
    return f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"


def _inserted(html: str, anchor: str, replacement: str) -> str:
    if anchor not in html:
        raise FixInputError("this is not a page of include.pages")
    return html.replace(anchor, replacement, 1)
