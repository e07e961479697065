"""HTML to prose and code with BeautifulSoup on lxml, written on its own: what ours is held to."""

import re

from bs4 import BeautifulSoup

BLOCK_ELEMENTS = re.compile(
    "^(address|article|aside|blockquote|caption|dd|details|dialog|div|dl|dt|fieldset|figcaption"
    "|figure|footer|form|h[1-6]|header|hr|legend|li|main|nav|ol|p|pre|section|summary|table"
    "|tbody|td|tfoot|th|thead|tr|ul)$"
)


def split_with_beautifulsoup(html: str) -> tuple[str, str]:
    """Return ``(prose, code)`` by the rules of ``include.text.prepare``."""
    soup = BeautifulSoup(html, "lxml")
    for unread in soup.find_all(["script", "style", "template"]):
        unread.replace_with("\n")
    for line_break in soup.find_all("br"):
        line_break.replace_with("\n")
    blocks = []
    for block in soup.find_all("pre"):
        if not block.find_parent("pre"):
            blocks.append(block.get_text().replace("\r\n", "\n").strip("\n").rstrip())
    for block in soup.find_all("pre"):
        if not block.decomposed and not block.find_parent("pre"):
            block.replace_with("\n")
    for element in soup.find_all(BLOCK_ELEMENTS):
        element.insert_before("\n")
        element.insert_after("\n")
    return " ".join(soup.get_text().split()), "\n\n".join(block for block in blocks if block)
