"""The documents agree with the code."""

import re

import pytest

from include.docs import ROOT, pages

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")


@pytest.mark.parametrize("path", list(pages()), ids=lambda path: path.name)
def test_generated_page_is_current(path):
    assert path.read_text() == pages()[path], f"{path.name} is stale: run `make docs`"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_that_a_document_names_exists(document):
    text = (ROOT / document).read_text()
    named = re.findall(r"`((?:dags|plugins|include|serving|sql|tests|docs)/[\w./-]*)`", text)
    linked = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", text)
    missing = [name for name in named + linked if not (ROOT / name).exists()]
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_that_a_document_names_exists(document):
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([\w-]+)", (ROOT / document).read_text()))
    assert named - targets == set()
