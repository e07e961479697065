"""The example notebook, executed in a kernel of its own on a real PostgreSQL."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from sqlalchemy import Engine

from include import names
from include.evaluation.year import YearReport
from include.evaluation.year_json import to_json
from include.store.models import record_promotion
from include.store.stability import Study, record_study, save_report
from tests.unit.stability_reports import year_report

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "ledger_and_decay.ipynb"
SITE = "stackoverflow"
SHOWN = """
import json
from numpy import nan_to_num

def _texts(axes):
    legend = axes.get_legend()
    found = [axes.get_title(), axes.get_xlabel(), axes.get_ylabel()]
    return found + ([text.get_text() for text in legend.get_texts()] if legend else [])

json.dumps({
    "ledger": _texts(ledger_axes),
    "bars": [bar.get_width() for bar in ledger_axes.patches],
    "decay": [*_texts(decay_axes), bar.ax.get_ylabel()],
    "matrix": nan_to_num(image.get_array().filled(0.0)).tolist(),
    "curves": _texts(curve_axes),
})
"""


@pytest.fixture(scope="module")
def year() -> YearReport:
    return year_report("2019-04", "2019-08", questions=60)


def fill_ledger(engine: Engine) -> None:
    moves = (
        (None, "1", "first"), ("1", "2", "promotion"), ("2", "1", "rollback"),
    )  # fmt: skip
    for before, after, kind in moves:
        with engine.begin() as connection:
            record_promotion(
                connection, alias=names.CHAMPION, from_version=before, to_version=after, kind=kind,
                actor="ann", reason="for a test", figures={"challenger": 0.5}, artifact_sha256=None,
            )  # fmt: skip


def fill_report(engine: Engine, year: YearReport) -> None:
    study = Study("ab" * 32, SITE, "tfidf", {}, None, 5, "", "c0de")
    with engine.begin() as connection:
        record_study(connection, study)
        save_report(
            connection, study, to_json(year), first_month=year.months[0],
            last_month=year.months[-1], source_id="cd" * 32, html="<p>page</p>", run_ids=["r"],
        )  # fmt: skip


def execute(folder: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> NotebookNode:
    """Return the notebook with the outputs of its cells, and of one more that names what is shown."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(folder / "jupyter"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(SHOWN))
    own = {"DATABASE_URL": database_url, "SITE": SITE, "IPYTHONDIR": str(folder / "ipython")}
    client = NotebookClient(notebook, timeout=300, kernel_name="python3")
    return client.execute(env={**os.environ, **own, "PYTHONPATH": str(ROOT)}, cwd=str(folder))


def shown(executed: NotebookNode) -> dict[str, Any]:
    return json.loads(executed.cells[-1].outputs[0].data["text/plain"].strip("'"))


def test_the_notebook_is_kept_without_outputs():
    cells = [
        cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"
    ]

    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)


def test_the_notebook_draws_the_ledger_and_the_decay_of_a_year(
    engine, database_url, year, tmp_path, monkeypatch
):
    fill_ledger(engine)
    fill_report(engine, year)
    executed = execute(tmp_path, database_url, monkeypatch)

    found = shown(executed)
    assert found["ledger"] == [
        "The champion over time", "time, UTC", "version of the model", "first", "promotion",
        "rollback",
    ]  # fmt: skip
    assert len(found["bars"]) == 3
    assert found["decay"] == [
        f"Decay of tfidf on {SITE}", "month of the test questions",
        "model month: first month after training", "F1@5 over all questions, 0 to 1",
    ]  # fmt: skip
    assert found["matrix"] == np.nan_to_num(year.matrices["f1_all@5"].values).tolist()
    assert found["curves"][0].startswith(f"tfidf on {SITE}; half-life ")
    assert found["curves"][3:] == ["fresh: trained every month", "frozen: trained once"]
    pictures = [
        output for cell in executed.cells if cell.cell_type == "code" for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]  # fmt: skip
    assert len(pictures) == 3


def test_the_notebook_says_what_to_do_while_there_is_no_champion(
    database_url, tmp_path, monkeypatch
):
    with pytest.raises(CellExecutionError, match="trigger train_candidates in Airflow"):
        execute(tmp_path, database_url, monkeypatch)
