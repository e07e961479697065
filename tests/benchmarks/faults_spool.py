"""Faults between the spool and PostgreSQL: damage, refusals, conditions, full disk, wrong clock."""

from __future__ import annotations

import errno
import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from unittest import mock

from sqlalchemy import text

from include.store.engine import make_engine
from include.store.predictions import Prediction, uuid7_time
from serving.errors import CannotRecordError
from serving.prediction_ids import new_id
from serving.recorder import MAX_ATTEMPTS, SpoolRecorder
from serving.replay import replay
from serving.spool import Spool, segment_paths
from serving.spool_records import decoded
from tests.benchmarks.faults import check
from tests.benchmarks.service_setup import Postgres, wait_for

REFUSALS = ("54000", "22P02", "23502", "P0001", "XX000")
CONDITIONS = ("53100", "53200", "57P03", "40001", "40P01", "55P03", "42501", "25006")


def prediction(title: str = "t", asked_at: datetime | None = None) -> Prediction:
    prediction_id = new_id()
    return Prediction(
        prediction_id=prediction_id,
        asked_at=asked_at or uuid7_time(prediction_id),
        site="faults",
        title=title,
        body="b",
        tags=(("python", 0.75),),
        model_version="1",
        candidate="tfidf",
        variant="champion",
        latency_ms=1.0,
    )


class SpoolFaults:
    """Each method records rows, injects a fault, and checks that every row is accounted for."""

    def __init__(self, server: Postgres, work: Path) -> None:
        self._server = server
        self._work = work
        self._number = 0
        self.rows_lost = 0
        self.rows_doubled = 0

    def damage(self) -> Iterator[tuple[str, Callable[[], None]]]:
        def flip(data: bytes) -> bytes:
            at = data.index(b"row-3")
            return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

        def flip_line_end(data: bytes) -> bytes:
            at = data.index(b"\n", len(data) // 2)
            return data[:at] + b"\x0b" + data[at + 1 :]

        def cut_in_the_middle(data: bytes) -> bytes:
            begin = data.index(b"row-3")
            return data[:begin] + data[data.index(b"\n", begin) :]

        changes: dict[str, tuple[Callable[[bytes], bytes], int]] = {
            "a flipped bit in a row": (flip, 1),
            "a flipped bit in a line end": (flip_line_end, 0),
            "a record cut in the middle of a file": (cut_in_the_middle, 1),
            "the last record cut": (lambda data: data[:-7], 1),
            "zeros at the end, as after a power cut": (lambda data: data + bytes(4096), 0),
            "zeros at the begin": (lambda data: bytes(512) + data, 0),
            "noise at the end": (lambda data: data + os.urandom(1000), 0),
            "a line end inside a row": (lambda data: data.replace(b"row-3", b"row\n3"), 1),
        }
        for name, (change, lost) in changes.items():
            yield name, partial(self._damaged, change, lost)
        yield "a segment that cannot be read", self._unreadable
        yield "a segment that cannot be opened", self._unopenable
        yield "an empty segment", self._empty

    def refusals(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for state in REFUSALS:
            yield f"a row refused with SQLSTATE {state}", partial(self._refused, state)
        yield "a row that breaks every connection", self._breaks_connections

    def conditions(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for state in CONDITIONS:
            yield f"PostgreSQL in condition {state}", partial(self._waits, state)
        yield "a month's partition detached", partial(self._partition, "DETACH PARTITION")
        yield "a month's partition dropped", partial(self._partition, "DROP")
        yield "the table locked for seconds", self._locked
        yield "the connection ended by an administrator", self._terminated

    def disk(self) -> Iterator[tuple[str, Callable[[], None]]]:
        yield "a full disk in the middle of a record", self._full
        yield "a flush to the disk that fails", self._flush_fails
        yield "a record that is cut and cannot be cut off", self._cannot_truncate

    def clock(self) -> Iterator[tuple[str, Callable[[], None]]]:
        for year in (1970, 2099):
            at = datetime(year, 6, 1, tzinfo=UTC)
            yield f"a clock in {year}", partial(self._recorded_at, at)

    def _damaged(self, change: Callable[[bytes], bytes], lost: int) -> None:
        with self._recorder() as (recorder, folder):
            rows = [prediction(f"row-{number}") for number in range(6)]
            recorder.record(rows)
            (path,) = segment_paths(folder)
            recorder._spool.close()
            path.write_bytes(change(path.read_bytes()))
            with self._recorder(folder) as (second, _):
                check(second.drain(), "drained")
            stored = self._stored(rows)
            check(len(stored) == len(rows) - lost, f"{len(stored)} of {len(rows)} rows are stored")
            check(len(set(stored)) == len(stored), "no row is doubled")
            kept = folder / "damaged.log"
            check(not lost or kept.stat().st_size > 0, "the damaged record is kept")

    def _unreadable(self) -> None:
        with self._recorder() as (recorder, folder):
            hidden_rows, rows = [prediction()], [prediction()]
            recorder.record(hidden_rows)
            recorder._spool.seal()
            recorder._spool.drop_buffers()
            (path,) = segment_paths(folder)
            hidden = path.rename(folder / "hidden")
            path.mkdir()
            recorder.record(rows)
            check(recorder.drain(), "drained")
            self._all_stored(rows)
            path.rmdir()
            hidden.rename(path)
            check(recorder.drain(), "drained again")
            self._all_stored(hidden_rows)

    def _unopenable(self) -> None:
        with self._recorder() as (recorder, folder):
            (folder / "00000000000001-1-0.log").mkdir(parents=True)
            rows = [prediction()]
            recorder.record(rows)
            check(recorder.drain(), "drained")
            self._all_stored(rows)

    def _empty(self) -> None:
        with self._recorder() as (recorder, folder):
            folder.mkdir(exist_ok=True)
            (folder / "00000000000001-1-0.log").touch()
            rows = [prediction()]
            recorder.record(rows)
            check(recorder.drain(), "drained")
            self._all_stored(rows)

    def _refused(self, state: str) -> None:
        with self._recorder() as (recorder, folder):
            bad, rows = prediction("bad"), [prediction() for _ in range(20)]
            with self._failing(f"RAISE EXCEPTION 'no' USING ERRCODE = '{state}';"):
                recorder.record([*rows[:7], bad, *rows[7:]])
                check(recorder.drain(), "drained")
                self._all_stored(rows)
                check(len(decoded((folder / "refused.log").read_bytes()).lines) == 1, "set aside")
            check(replay(folder, self._server.url).rows == 1, "replayed")
            self._all_stored([*rows, bad])

    def _breaks_connections(self) -> None:
        with self._recorder() as (recorder, folder):
            bad, rows = prediction("bad"), [prediction() for _ in range(4)]
            fail = "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1);"
            with self._failing(fail):
                recorder.record([*rows, bad])
                for _ in range(MAX_ATTEMPTS):
                    recorder.drain()
                check(recorder.drain(), "drained")
                self._all_stored(rows)
            check(replay(folder, self._server.url).rows == 1, "replayed")
            self._all_stored([*rows, bad])

    def _waits(self, state: str) -> None:
        with self._recorder() as (recorder, folder):
            rows = [prediction("bad"), prediction()]
            with self._failing(f"RAISE EXCEPTION 'no' USING ERRCODE = '{state}';"):
                recorder.record(rows)
                check(not recorder.drain(), "waits")
            check(recorder.drain(), "drained")
            self._all_stored(rows)
            check(not (folder / "refused.log").exists(), "no row is refused")

    def _partition(self, how: str) -> None:
        with self._recorder() as (recorder, folder):
            recorder.record([prediction()])
            check(recorder.drain(), "drained")
            with self._server.engine.begin() as connection:
                name = connection.execute(
                    text(
                        "SELECT tableoid::regclass FROM predictions WHERE asked_at > now() - '1 d'::interval LIMIT 1"
                    )
                ).scalar_one()
                statement = f"DROP TABLE {name}"
                if how != "DROP":
                    statement = f"ALTER TABLE predictions {how} {name}"
                connection.execute(text(statement))
            rows = [prediction() for _ in range(3)]
            recorder.record(rows)
            check(recorder.drain(), "drained")
            self._all_stored(rows)
            check(not (folder / "refused.log").exists(), "no row is refused")

    def _locked(self) -> None:
        with self._recorder() as (recorder, _):
            rows = [prediction()]
            with self._server.engine.begin() as connection:
                connection.execute(text("LOCK TABLE predictions IN ACCESS EXCLUSIVE MODE"))
                recorder.record(rows)
                check(not recorder.drain(), "waits")
            check(recorder.drain(), "drained")
            self._all_stored(rows)

    def _terminated(self) -> None:
        with self._recorder() as (recorder, _):
            rows = [prediction()]
            recorder.record(rows)
            recorder.drain()
            with self._server.engine.begin() as connection:
                connection.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
                    )
                )
            rows.append(prediction())
            recorder.record(rows[1:])
            wait_for(recorder.drain, 30, "draining")
            self._all_stored(rows)

    def _full(self) -> None:
        with self._recorder() as (recorder, _):
            rows = [prediction()]
            recorder.record(rows)
            before = resource.getrlimit(resource.RLIMIT_FSIZE)
            handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (400, before[1]))
            try:
                self._must_refuse(recorder, prediction("x" * 1000))
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, before)
                signal.signal(signal.SIGXFSZ, handler)
            rows.append(prediction())
            recorder.record(rows[1:])
            check(recorder.drain(), "drained")
            self._all_stored(rows)

    def _flush_fails(self) -> None:
        with self._recorder(sync=True) as (recorder, _):
            failure = OSError(errno.EIO, "Input/output error")
            with mock.patch.object(os, "fdatasync", side_effect=failure):
                self._must_refuse(recorder, prediction())
            rows = [prediction()]
            recorder.record(rows)
            check(len(recorder._spool.sealed) == 1, "the file is not used again")
            check(recorder.drain(), "drained")
            self._all_stored(rows)

    def _cannot_truncate(self) -> None:
        with self._recorder() as (recorder, folder):
            rows = [prediction()]
            recorder.record(rows)
            real = os.write

            def half(fd: int, data: bytes) -> int:
                return real(fd, data[: len(data) // 2])

            failure = OSError(errno.EIO, "Input/output error")
            with (
                mock.patch.object(os, "write", half),
                mock.patch.object(os, "ftruncate", side_effect=failure),
            ):
                self._must_refuse(recorder, prediction())
            rows.append(prediction())
            recorder.record(rows[1:])
            check(recorder.drain(), "drained")
            self._all_stored(rows)
            check((folder / "damaged.log").stat().st_size > 0, "the cut record is counted")

    def _recorded_at(self, at: datetime) -> None:
        with self._recorder() as (recorder, _):
            rows = [prediction(asked_at=at), prediction()]
            recorder.record(rows)
            check(recorder.drain(), "drained")
            self._all_stored(rows)

    @staticmethod
    def _must_refuse(recorder: SpoolRecorder, row: Prediction) -> None:
        try:
            recorder.record([row])
        except CannotRecordError:
            return
        raise AssertionError("an answer that is not durable was not refused")

    @contextmanager
    def _recorder(
        self, folder: Path | None = None, *, sync: bool = False
    ) -> Iterator[tuple[SpoolRecorder, Path]]:
        self._number += 1
        folder = folder or self._work / f"spool-{self._number}"
        recorder = SpoolRecorder(
            Spool(folder, sync=sync), partial(make_engine, self._server.url, pool_size=1)
        )
        try:
            yield recorder, folder
        finally:
            recorder.close()

    @contextmanager
    def _failing(self, statements: str) -> Iterator[None]:
        """Run ``statements`` in PostgreSQL for every row with the title ``bad``."""
        with self._server.engine.begin() as connection:
            connection.execute(
                text(
                    "CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                    f"IF NEW.title = 'bad' THEN {statements} END IF; RETURN NEW; END $$; "
                    "CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON predictions FOR EACH ROW "
                    "EXECUTE FUNCTION fail()"
                )
            )
        try:
            yield
        finally:
            with self._server.engine.begin() as connection:
                connection.execute(text("DROP TRIGGER fail ON predictions"))

    def _stored(self, rows: list[Prediction]) -> list[str]:
        ids = [str(row.prediction_id) for row in rows]
        with self._server.engine.connect() as connection:
            found = connection.execute(
                text(
                    "SELECT prediction_id::text FROM predictions WHERE prediction_id::text = ANY(:ids)"
                ),
                {"ids": ids},
            )
            return list(found.scalars())

    def _all_stored(self, rows: list[Prediction]) -> None:
        """Check that every row is stored once; what is lost or doubled is counted."""
        found = self._stored(rows)
        self.rows_lost += len(rows) - len(set(found))
        self.rows_doubled += len(found) - len(set(found))
        check(len(set(found)) == len(found) == len(rows), f"{len(found)} of {len(rows)} stored")
