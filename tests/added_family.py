"""A copy of the project with one more family: one file, and one row in the table."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

MODULE = """
from dataclasses import dataclass
from typing import ClassVar

from include.candidates.first_stage import RidgeSpec, StackSpec
from include.candidates.stacked import StackedCandidate


@dataclass(frozen=True, slots=True)
class AddedParameters:
    penalty: float = 0.7


class Added(StackedCandidate):
    name: ClassVar[str] = "added"
    parameters_type: ClassVar[type] = AddedParameters

    def spec(self) -> StackSpec:
        ridge = RidgeSpec({"use": 1.0}, self.parameters.penalty)
        return StackSpec(ridges=(ridge,), mentions=False, max_questions=1000)
"""
ROW = '    Family("added", "added_module", "Added", 45, ("packaging",), ("use",)),\n'
FIRST_ROW = '    Family("tfidf"'


def project_with_added_family(folder: Path) -> Path:
    """Return a copy of the code below ``folder`` in which only those two places differ."""
    for part in ("include", "dags", "plugins"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "include/candidates/added_module.py").write_text(MODULE, encoding="utf-8")
    table = folder / "include/families.py"
    rows = table.read_text(encoding="utf-8")
    assert rows.count(FIRST_ROW) == 1
    table.write_text(rows.replace(FIRST_ROW, ROW + FIRST_ROW), encoding="utf-8")
    return folder


def run_python(project: Path, program: str) -> str:
    """Return the last line that ``program`` prints when run in ``project``, without settings."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], cwd=project, capture_output=True, text=True,
        check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(project)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]
