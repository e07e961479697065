"""A finished page as a part of another site: what its host puts in. Pure."""

from __future__ import annotations

from markupsafe import Markup

from include.errors import FixInputError


def with_way_back(html: str, address: str, text: str) -> str:
    """
    Return one of this room's pages with a link on top.

    Raises
    ------
    FixInputError
        If it is no page of this room.
    """
    link = Markup('<p class="back"><a href="{}">{}</a></p>').format(address, text)
    return _inserted(html, "<body>\n", f"<body>\n{link}\n")


def with_script(html: str, address: str) -> str:
    """
    Return one of this room's pages with a script that runs before it is drawn.

    Raises
    ------
    FixInputError
        If it is no page of this room.
    """
    script = Markup('<script src="{}"></script>').format(address)
    return _inserted(html, "</head>\n", f"{script}\n</head>\n")


def _inserted(html: str, place: str, instead: str) -> str:
    if place not in html:
        raise FixInputError("this is no page made by include.pages")
    return html.replace(place, instead, 1)
