"""Tags in the single column of exports."""

import html
import re
from typing import Final

_SEPARATORS: Final = re.compile(r"[<>|]+")


def split_tags(text: str) -> tuple[str, ...]:
    """
    Return the tags of a column in any of the three formats that Stack Exchange has used.

    Examples
    --------
    >>> split_tags("|c#|.net|"), split_tags("<c#><.net>"), split_tags("&lt;c#&gt;&lt;.net&gt;")
    (('c#', '.net'), ('c#', '.net'), ('c#', '.net'))
    """
    return tuple(tag for tag in _SEPARATORS.split(html.unescape(text)) if tag)
