"""A file of questions loaded into PostgreSQL by the command."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from include.cli.app import main
from include.errors import FixInputError, MissingDataError, RetryLaterError
from include.jobs.data.datasets import resolve_months
from include.jobs.ingestion.completeness import stored_completely
from include.jobs.ingestion.import_file import import_file
from include.questions import Question
from include.store.questions import read_questions, upsert_questions

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
SPAN = (datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC))
DUMP = (
    "<posts>"
    '<row Id="9" PostTypeId="1" CreationDate="2021-05-02T10:00:00.957" Title="T" Body="B" Tags="|a|"/>'
    '<row Id="8" PostTypeId="1" CreationDate="2021-04-02T10:00:00.957" Title="U" Body="C" Tags="|b|"/>'
    "</posts>"
)


@pytest.fixture
def dump(tmp_path):
    path = tmp_path / "Posts.xml"
    path.write_text(DUMP, "utf-8")
    return path


def json_lines(folder: Path, days: Sequence[str], name: str = "q.jsonl") -> Path:
    """Write one question for each of ``days``, with ids from 1."""
    path = folder / name
    rows = [
        {"id": number, "creation_date": day, "title": f"T{number}", "body": "b", "tags": ["a"],
         "site": "cooking"}
        for number, day in enumerate(days, start=1)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def every_twelve_hours(start: str, end: str) -> list[str]:
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    steps = int((last - first) / timedelta(hours=12))
    return [(first + i * timedelta(hours=12)).isoformat() for i in range(steps + 1)]


def is_complete(engine, month: str) -> bool | None:
    with engine.connect() as connection:
        return stored_completely(connection, "cooking", month)


def test_dump_is_stored_and_a_second_import_changes_nothing(engine, dump):
    assert import_file(engine, dump, site="cooking").questions == 2
    assert import_file(engine, dump, site="cooking").questions == 2

    with engine.connect() as connection:
        stored = read_questions(connection, "cooking", *SPAN)
    assert [(q.question_id, q.title, q.tags) for q in stored] == [
        (8, "U", ("b",)),
        (9, "T", ("a",)),
    ]


def test_older_export_does_not_overwrite_later_versions(engine, dump):
    import_file(engine, dump, site="cooking")
    with engine.begin() as connection:
        fresh = read_questions(connection, "cooking", *SPAN)[1]
        later = replace(fresh, title="Edited", fetched_at=datetime(2023, 1, 1, tzinfo=UTC))
        connection.execute(text("UPDATE questions SET fetched_at = '2022-06-01'"))
        upsert_questions(connection, [later])
    import_file(engine, dump, site="cooking", as_of=datetime(2022, 9, 1, tzinfo=UTC))

    with engine.connect() as connection:
        assert read_questions(connection, "cooking", *SPAN)[1].title == "Edited"


def test_file_that_is_broken_at_its_end_stores_nothing(engine, tmp_path):
    path = json_lines(tmp_path, ["2021-05-01"] * 6_000)
    with path.open("a", encoding="utf-8") as file:
        file.write("{")

    with pytest.raises(FixInputError, match="line 6001"):
        import_file(engine, path)
    with engine.connect() as connection:
        assert read_questions(connection, "cooking", *SPAN) == []


def test_file_without_a_question_of_the_site_is_rejected(engine, tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text("", "utf-8")

    with pytest.raises(FixInputError, match="contains no question of cooking"):
        import_file(engine, path, site="cooking")


def test_repeated_id_is_stored_once_as_in_its_later_row(engine, tmp_path):
    path = json_lines(tmp_path, ["2021-05-01", "2021-05-02"])
    changed = path.read_text().splitlines()[0].replace("T1", "Later").replace("05-01", "06-01")
    path.write_text(path.read_text() + changed + "\n", "utf-8")

    assert import_file(engine, path).questions == 2
    with engine.connect() as connection:
        titles = [question.title for question in read_questions(connection, "cooking", *SPAN)]
    assert titles == ["T2", "Later"]


def test_dump_that_ends_in_mid_month_leaves_the_month_before_as_the_latest(engine, tmp_path):
    days = every_twelve_hours("2021-01-01", "2021-04-02")
    import_file(engine, json_lines(tmp_path, days), as_of=datetime(2021, 4, 2, tzinfo=UTC))

    with engine.connect() as connection:
        months = resolve_months(connection, "cooking", test_month=None, window_months=None)
        with pytest.raises(MissingDataError, match="2021-04 of cooking is stored only in part"):
            resolve_months(connection, "cooking", test_month="2021-04", window_months=None)
    assert (months.train_first, months.test_month) == ("2021-01", "2021-03")


def test_month_is_complete_without_as_of_if_the_file_goes_on_to_its_last_day(engine, tmp_path):
    import_file(engine, json_lines(tmp_path, every_twelve_hours("2021-01-01", "2021-02-28T12:00")))

    assert is_complete(engine, "2021-02") is True
    assert is_complete(engine, "2021-03") is None


def test_two_files_complete_the_month_that_each_has_in_part(engine, tmp_path):
    first = json_lines(tmp_path, every_twelve_hours("2021-01-10", "2021-02-15"))
    second = json_lines(tmp_path, every_twelve_hours("2021-02-15", "2021-03-20"), "r.jsonl")
    import_file(engine, first)
    assert is_complete(engine, "2021-02") is False
    import_file(engine, second)

    assert [is_complete(engine, f"2021-0{n}") for n in (1, 2, 3)] == [False, True, False]


def test_date_of_export_in_the_future_is_refused(engine, dump):
    with pytest.raises(FixInputError, match="future"):
        import_file(engine, dump, site="cooking", as_of=datetime.now(UTC) + timedelta(days=1))


class StopError(Exception):
    """Interrupts an import."""


def stop_at(records: int):
    def on_progress(step: str, done: int, total: int | None) -> None:
        if step == "store" and done >= records:
            raise StopError

    return on_progress


def test_interrupted_import_resumes_and_its_months_are_not_complete_before(engine, tmp_path):
    path = json_lines(tmp_path, ["2021-05-01"] * 6_000 + ["2021-05-31"] * 6_000)
    with pytest.raises(StopError):
        import_file(engine, path, on_progress=stop_at(11_000))
    assert is_complete(engine, "2021-05") is False

    assert import_file(engine, path).resumed_after == 10_000
    assert is_complete(engine, "2021-05") is True
    with engine.connect() as connection:
        assert len(read_questions(connection, "cooking", *SPAN)) == 12_000
    assert import_file(engine, path).resumed_after == 0


IMPORT_SLOWLY = """
import os, sys, time
from pathlib import Path
from include.jobs.ingestion.import_file import import_file
from include.store.engine import make_engine

def on_progress(step, done, total):
    if step == "store" and done >= 12_000:
        print("halfway", flush=True)
        time.sleep(600)

import_file(make_engine(os.environ["DATABASE_URL"]), Path(sys.argv[1]), on_progress=on_progress)
"""


def test_killed_import_resumes_after_its_last_committed_batch(engine, database_url, tmp_path):
    path = json_lines(tmp_path, ["2021-05-01"] * 17_000)
    process = subprocess.Popen(
        [sys.executable, "-c", IMPORT_SLOWLY, str(path)],
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": database_url},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "halfway\n"
    process.send_signal(signal.SIGKILL)
    process.wait()

    assert import_file(engine, path).resumed_after in {5_000, 10_000}
    with engine.connect() as connection:
        assert len(read_questions(connection, "cooking", *SPAN)) == 17_000


def test_second_process_that_imports_the_same_file_stops(engine, tmp_path):
    path = json_lines(tmp_path, ["2021-05-01"] * 12_000)

    def import_in_between(step: str, done: int, total: int | None) -> None:
        if step == "store" and 6_500 < done < 7_500:
            import_file(engine, path)

    with pytest.raises(RetryLaterError, match="another process is importing the same file"):
        import_file(engine, path, on_progress=import_in_between)


def test_another_month_is_stored_at_once_while_a_file_is_imported(engine, tmp_path):
    path = json_lines(tmp_path, ["2021-05-01"] * 12_000)
    waits_s = []

    def store_another_month(step: str, done: int, total: int | None) -> None:
        if step != "store" or waits_s:
            return
        question = Question("cooking", 99_999, datetime(2021, 9, 1, tzinfo=UTC), "T", "b", ("a",))
        start = time.monotonic()
        with engine.begin() as connection:
            connection.execute(text("SET LOCAL lock_timeout = '1s'"))
            upsert_questions(connection, [question])
        waits_s.append(time.monotonic() - start)

    import_file(engine, path, on_progress=store_another_month)
    assert len(waits_s) == 1  # the lock's time-out would have ended the transaction


def test_tolerated_share_of_bad_lines_is_left_out_and_told(
    database_url, tmp_path, monkeypatch, capsys
):
    path = json_lines(tmp_path, ["2021-05-01"] * 99 + [""])
    monkeypatch.setenv("DATABASE_URL", database_url)
    assert main(["import", str(path)]) == 2
    assert "q.jsonl, line 100: creation_date is empty" in capsys.readouterr().err

    monkeypatch.setenv("MAX_BAD_SHARE", "0.01")
    assert main(["import", str(path)]) == 0
    out = capsys.readouterr().out
    assert "stored 99 questions" in out
    assert "1 questions refused and left out" in out


def test_command_without_a_site_names_the_missing_option(database_url, dump, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", database_url)

    assert main(["import", str(dump)]) == 2
    assert "does not say its site" in capsys.readouterr().err
    assert main(["import", str(dump), "--site", "cooking", "--as-of", "2022-01-01"]) == 0
    assert "stored 2 questions" in capsys.readouterr().out
