"""
Faults of `make bench-faults` at the door for data: damaged files, answers and texts.

Each function injects one kind of damage and returns its name, whether it was survived, and what came
of it. Survived means that good questions are read as they are, repairs are counted, and anything
else is refused by file, row and field, with nothing stored.
"""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, text

from include.errors import FixInputError, RetryLaterError
from include.jobs.ingestion.completeness import stored_completely
from include.jobs.ingestion.import_file import import_file
from include.questions import Question
from include.sources.api_responses import parse_response
from include.sources.files import read_file
from include.sources.read_report import ReadReport, Repair
from include.store.engine import make_engine
from include.store.questions import upsert_questions
from include.text.prepare import prepare
from tests.benchmarks.bench_ingest import database, server

Outcome = tuple[str, bool, str]

ROOT = Path(__file__).resolve().parents[2]
SITE = "cooking"
LINE = {
    "id": 1, "creation_date": "2021-05-01T19:02:39Z", "title": "T", "body": "b", "tags": ["salt"],
    "site": SITE,
}  # fmt: skip
POST = '<row Id="{}" PostTypeId="{}" CreationDate="2021-05-01T19:02:39" {}/>'
GOOD = 'Title="T" Body="b" Tags="|salt|"'
HEADER = "Id,PostTypeId,CreationDate,Title,Body,Tags\n"


def fault_control_reference_in_an_answer(folder: Path) -> Outcome:
    rows = POST.format(1, 1, GOOD) + POST.format(2, 2, 'Body="a&#x0E;b"')
    return _read(folder, "Posts.xml", _dump(rows), 1, Repair.CONTROL_CHARACTER)


def fault_bytes_of_another_encoding_in_an_answer(folder: Path) -> Outcome:
    rows = POST.format(1, 1, GOOD) + POST.format(2, 2, 'Body="Gr\xf6\xdfe"')
    return _read(folder, "Posts.xml", _dump(rows).decode().encode("latin-1"), 1)


def fault_dump_in_utf_16(folder: Path) -> Outcome:
    content = _dump(POST.format(1, 1, GOOD)).decode().encode("utf-16")
    return _read(folder, "Posts.xml", content, 1, Repair.ENCODING)


def fault_entities_that_expand_without_a_limit(folder: Path) -> Outcome:
    head = "<!DOCTYPE posts [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;'>]>"
    return _refused(folder, "Posts.xml", head.encode() + _dump(POST.format(1, 1, GOOD)), "DOCTYPE")


def fault_cut_dump(folder: Path) -> Outcome:
    return _refused(folder, "Posts.xml", _dump(POST.format(1, 1, GOOD))[:-30], "Posts.xml")


def fault_cut_gzip(folder: Path) -> Outcome:
    content = gzip.compress(json.dumps(LINE).encode() * 9)[:-9]
    return _refused(folder, "q.jsonl.gz", content, "q.jsonl.gz")


def fault_flipped_bit_in_gzip(folder: Path) -> Outcome:
    content = bytearray(gzip.compress(os.urandom(9_999)))
    content[5_000] ^= 1
    return _refused(folder, "q.jsonl.gz", bytes(content), "q.jsonl.gz")


def fault_byte_order_mark(folder: Path) -> Outcome:
    content = b"\xef\xbb\xbf" + _line()
    return _read(folder, "q.jsonl", content, 1, Repair.BYTE_ORDER_MARK)


def fault_tags_as_one_text(folder: Path) -> Outcome:
    return _read(folder, "q.jsonl", _line(tags="<c#><.net>"), 1, Repair.TAG_TEXT)


def fault_script_as_a_tag(folder: Path) -> Outcome:
    return _refused(folder, "q.jsonl", _line(tags=["</script>"]), "line 1: tags")


def fault_null_title(folder: Path) -> Outcome:
    return _refused(folder, "q.jsonl", _line(title=None), "line 1: title is null")


def fault_null_body(folder: Path) -> Outcome:
    return _read(folder, "q.jsonl", _line(body=None), 1, Repair.NO_BODY)


def fault_nul_and_lone_surrogates(folder: Path) -> Outcome:
    return _read(folder, "q.jsonl", _line(title="a\0b", body="\ud800"), 1, Repair.SURROGATE)


def fault_times_in_milliseconds(folder: Path) -> Outcome:
    return _read(folder, "q.jsonl", _line(creation_date=1619895759000), 1, Repair.MILLISECONDS)


def fault_question_of_the_future(folder: Path) -> Outcome:
    return _refused(folder, "q.jsonl", _line(creation_date="2999-01-01"), "creation_date")


def fault_question_of_the_epoch(folder: Path) -> Outcome:
    return _refused(folder, "q.jsonl", _line(creation_date=0), "creation_date")


def fault_nested_json(folder: Path) -> Outcome:
    return _refused(folder, "q.jsonl", b"[" * 200_000, "line 1")


def fault_cut_row_of_a_table(folder: Path) -> Outcome:
    content = (HEADER + "1,1,2021-05-01,T\n").encode()
    return _refused(folder, "posts.csv", content, "line 2: the row is cut")


def fault_table_that_ends_inside_quotes(folder: Path) -> Outcome:
    content = (HEADER + '1,1,2021-05-01,T,"<p>cut').encode()
    return _refused(folder, "posts.csv", content, "line 2")


def fault_two_columns_of_one_name(folder: Path) -> Outcome:
    content = HEADER.replace("Tags", "Tags,Title").encode()
    return _refused(folder, "posts.csv", content, "more than one column Title")


def fault_types_as_decimals(folder: Path) -> Outcome:
    content = (HEADER + "1,1.0,2021-05-01,T,b,<salt>\n2,2.0,2021-05-01,,b,\n").encode()
    return _read(folder, "posts.csv", content, 1)


def fault_ban_with_a_date() -> Outcome:
    return _ban({"retry-after": "Wed, 01 May 2999 12:00:00 GMT"}, b"<html>", 86_400)


def fault_ban_without_a_body() -> Outcome:
    return _ban({}, b"", 1_800)


def fault_ban_until_never() -> Outcome:
    return _ban({"retry-after": "nan"}, b"{}", 1_800)


def fault_backoff_that_is_no_number() -> Outcome:
    body = b'{"items": [], "has_more": false, "backoff": -1e999}'
    seconds = parse_response(200, {}, body).backoff_s
    return "backoff that is no number", seconds == 60, f"waits {seconds} s"


def fault_title_in_decomposed_form() -> Outcome:
    title = "Größe in café\u00ad x\u0301"
    forms = {prepare(unicodedata.normalize(form, title), "") for form in ("NFC", "NFD")}
    return "title in decomposed form", len(forms) == 1, f"{len(forms)} texts"


def fault_damage_at_the_end_of_a_file(folder: Path) -> Outcome:
    path = _lines(folder, 6_000)
    with path.open("a") as file:
        file.write("{")
    with _engine() as engine:
        try:
            import_file(engine, path)
            refused = False
        except FixInputError:
            refused = True
        stored = _count(engine)
    return "damage at the end of a file", refused and stored == 0, f"{stored} stored"


def fault_killed_import(folder: Path) -> Outcome:
    path = _lines(folder, 17_000)
    with _engine() as engine:
        command = (sys.executable, "-m", "tests.benchmarks.faults_data", str(path))
        url = engine.url.render_as_string(hide_password=False)
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | {"DATABASE_URL": url}, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait()
        resumed_after, stored = import_file(engine, path).resumed_after, _count(engine)
    survived = resumed_after >= 5_000 and stored == 17_000
    return "killed import", survived, f"resumed after {resumed_after}, {stored} stored"


def fault_another_ingestion_during_an_import(folder: Path) -> Outcome:
    path, stored = _lines(folder, 12_000), []

    def store_another(step: str, done: int, total: int | None) -> None:
        if step == "store" and not stored:
            question = Question(SITE, 99_999, datetime(2020, 9, 1, tzinfo=UTC), "T", "b", ("a",))
            with engine.begin() as connection:
                connection.execute(text("SET LOCAL lock_timeout = '1s'"))
                stored.append(upsert_questions(connection, [question]))

    with _engine() as engine:
        import_file(engine, path, on_progress=store_another)
        count = _count(engine)
    return "another ingestion during an import", count == 12_001, f"{count} stored"


def fault_dump_that_ends_in_mid_month(folder: Path) -> Outcome:
    with _engine() as engine:
        import_file(engine, _lines(folder, 3), as_of=datetime(2021, 5, 2, tzinfo=UTC))
        with engine.connect() as connection:
            complete = stored_completely(connection, SITE, "2021-05")
    return "dump that ends in mid-month", complete is False, f"May is complete: {complete}"


def _dump(rows: str) -> bytes:
    return f"<posts>{rows}</posts>".encode()


def _line(**changes: object) -> bytes:
    return json.dumps({**LINE, **changes}).encode() + b"\n"


def _lines(folder: Path, count: int) -> Path:
    path = folder / "q.jsonl"
    path.write_bytes(b"".join(_line(id=number) for number in range(1, count + 1)))
    return path


def _read(
    folder: Path, name: str, content: bytes, count: int, repair: Repair | None = None
) -> Outcome:
    """Survived if ``count`` questions are read, with ``repair`` counted."""
    path, report = folder / name, ReadReport()
    path.write_bytes(content)
    questions = list(read_file(path, SITE, report))
    survived = len(questions) == count and (repair is None or report.repairs[repair] >= 1)
    return folder.name, survived, f"{len(questions)} read; " + "; ".join(report.summary())


def _refused(folder: Path, name: str, content: bytes, part: str) -> Outcome:
    """Survived if the file is refused with a message that contains ``part``."""
    path = folder / name
    path.write_bytes(content)
    try:
        count = len(list(read_file(path, SITE)))
    except FixInputError as error:
        return folder.name, part in str(error), str(error)
    return folder.name, False, f"{count} read"


def _ban(headers: dict[str, str], body: bytes, seconds: float) -> Outcome:
    """Survived if a ban waits for ``seconds``, without another request."""
    name = f"ban with {headers or 'no header'}"
    try:
        parse_response(429, headers, body)
    except RetryLaterError as error:
        return name, error.retry_after_s == seconds, f"waits {error.retry_after_s} s"
    return name, False, "no ban seen"


@contextmanager
def _engine() -> Iterator[Engine]:
    with server() as server_url, database(server_url) as url:
        engine = make_engine(url)
        try:
            yield engine
        finally:
            engine.dispose()


def _count(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM questions")).scalar_one())


def _import_and_wait(path: Path) -> None:
    """Import a file; say when two batches are stored, and wait to be killed."""

    def on_progress(step: str, done: int, total: int | None) -> None:
        if step == "store" and done >= 12_000:
            sys.stdout.write("halfway\n")
            sys.stdout.flush()
            signal.pause()

    import_file(make_engine(os.environ["DATABASE_URL"]), path, on_progress=on_progress)


if __name__ == "__main__":
    _import_and_wait(Path(sys.argv[1]))
