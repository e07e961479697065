"""docs/guarantees.md and docs/threat-model.md name tests that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("document", "fewest"), [("guarantees", 20), ("threat-model", 8)])
def test_every_test_that_a_promise_names_exists(document, fewest):
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / f"{document}.md").read_text()))
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))

    assert len(named) > fewest
    assert {name for name in named if f"def {name}(" not in sources} == set()
