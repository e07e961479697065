"""
Follows every link of the documents to other sites, and says which are broken.

    python -m tests.links

A link is broken if its site answers that there is no such page. A site that cannot be reached, or
that wants no programs, is only named: a machine without a network finds nothing broken. Links
within the documents are checked by `make site`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import requests

ROOT: Final = Path(__file__).resolve().parents[1]
TIMEOUT_S: Final = 20
AT_ONCE: Final = 8
GONE: Final = frozenset({404, 410})
_LINK: Final = re.compile(r"(?<=\]\()[^)\s]+|(?<=<)https?://[^>\s]+(?=>)")
_FENCED: Final = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_OUTSIDE: Final = re.compile(r"https?://(?!127\.0\.0\.1|localhost)")


def links(paths: Iterable[Path]) -> dict[str, list[Path]]:
    """Return every link in Markdown files, with the files that have it."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        for link in _LINK.findall(_FENCED.sub("", path.read_text(encoding="utf-8"))):
            found.setdefault(link, []).append(path)
    return found


def answer_of(address: str) -> int | str:
    """Return the status of a page, or why there is none; nothing but headers is read."""
    try:
        with requests.get(address, timeout=TIMEOUT_S, stream=True) as response:
            return response.status_code
    except requests.RequestException as error:
        return type(error).__name__


def main() -> int:
    """Print what each link leads to; return 1 if one is broken."""
    documents = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
    found = links(documents)
    outside = {link: files for link, files in found.items() if _OUTSIDE.match(link)}
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = dict(zip(outside, threads.map(answer_of, outside), strict=True))
    for link, answer in answers.items():
        names = ", ".join(str(path.relative_to(ROOT)) for path in outside[link])
        print(f"{answer}  {link}  ({names})")
    inside = sum(len(files) for link, files in found.items() if link not in outside)
    broken = sum(answer in GONE for answer in answers.values())
    silent = sum(isinstance(answer, str) for answer in answers.values())
    print(
        f"{len(documents)} documents: {inside} links within (see `make site`), {len(outside)} pages "
        f"of other sites, of which {broken} are broken and {silent} could not be reached"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
