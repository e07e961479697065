"""
Hooks of MkDocs: the documents at the repository's root are pages of the site too.

References
----------
MkDocs documentation, "Configuration", section "Hooks", and "Developing plugins", section "Events".
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_PAGES: Final = {
    "README.md": "index.md",
    **{
        name: name
        for name in (
            "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "DECISIONS.md", "SECURITY.md",
            "LICENSE",
        )
    },
}  # fmt: skip
"""Name at the root -> name in the site."""
_LINK: Final = re.compile(r"(?<=\]\()(?:\.\./|docs/)*(?P<target>[^)#:\s]+)(?=[)#])")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents at the root."""
    root = Path(config.config_file_path).parent
    for source, page in _PAGES.items():
        content = (root / source).read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite links between the root and ``docs/``, which are one folder in the site."""
    if "/" in page.file.src_uri:
        return markdown
    return _LINK.sub(lambda found: _PAGES.get(found["target"], found["target"]), markdown)
