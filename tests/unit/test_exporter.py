"""The exporter keeps what it knows, says how old that is, and never makes a scrape wait."""

from __future__ import annotations

import threading
import time

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from include import names
from include.monitoring.airflow_source import add_active_runs, add_ended_runs
from include.monitoring.exporter import PlatformCollector, SourceReader
from include.monitoring.host_source import HostSource
from include.monitoring.metrics import BY_NAME, METRICS, Samples


class Changing:
    """A source that gives what it is told to, or fails."""

    name = "database"
    interval_s = 60.0

    def __init__(self) -> None:
        self.windows: float | None = 3

    def read(self) -> Samples:
        if self.windows is None:
            raise ConnectionError("postgresql://ann:secret@host/db is down")
        samples = Samples()
        samples.add("windows_waiting", self.windows)
        return samples


class Hanging(Changing):
    """A source that does not answer until it is released."""

    name = "volumes"

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def read(self) -> Samples:
        self.released.wait(30)
        return super().read()


def scraped(collector) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


def test_values_of_a_source_that_went_away_stay_with_the_time_of_their_reading():
    source = Changing()
    collector = PlatformCollector([source])
    (reader,) = collector.readers
    reader.read()
    before = scraped(collector)
    source.windows = None
    reader.read()
    after = scraped(collector)

    read_at = 'tagkeeper_source_read_timestamp_seconds{source="database"}'
    assert before['tagkeeper_source_up{source="database"}'] == 1
    assert after['tagkeeper_source_up{source="database"}'] == 0
    assert after["tagkeeper_windows_waiting"] == 3
    assert after[read_at] == before[read_at]


def test_source_counts_as_down_before_it_was_read():
    assert scraped(PlatformCollector([Changing()])) == {'tagkeeper_source_up{source="database"}': 0}


def test_source_that_hangs_makes_no_scrape_wait():
    hanging, other = Hanging(), Changing()
    collector = PlatformCollector([hanging, other])
    collector.start()
    try:
        deadline = time.monotonic() + 20
        while (values := scraped(collector))['tagkeeper_source_up{source="database"}'] != 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        hanging.released.set()
        collector.close()

    assert values['tagkeeper_source_up{source="volumes"}'] == 0


def test_login_of_an_address_is_not_logged(caplog):
    source = Changing()
    source.windows = None
    SourceReader(source).read()

    assert "is down" in caplog.text
    assert "secret" not in caplog.text


def test_labels_must_be_those_of_the_declaration():
    with pytest.raises(ValueError, match="dag_failed"):
        Samples().add("dag_failed", 1)


def test_metrics_are_declared_once_and_named_as_prometheus_asks():
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert metric.name.islower()
        assert not metric.description.endswith(".")
        if "timestamp" in metric.name:
            assert metric.name.endswith("_timestamp_seconds")


def run(state: str, end: str, *, month: str = "2024-02", run_type_month: bool = True) -> dict:
    return {
        "dag_id": names.DAG_INGEST,
        "state": state,
        "start_date": "2024-03-05T10:00:00Z",
        "end_date": end,
        "conf": {"month": month} if run_type_month else {},
        "data_interval_start": None,
        "data_interval_end": None,
    }


def test_last_ended_run_decides_on_failure_and_the_last_success_stays():
    samples = Samples()
    add_ended_runs(
        samples,
        names.DAG_INGEST,
        [
            run("failed", "2024-03-05T10:03:00Z"),
            run("success", "2024-03-05T10:01:00Z"),
            {**run("running", ""), "end_date": None},
        ],
    )

    key = (names.DAG_INGEST,)
    assert samples.values("dag_failed")[key] == 1
    assert samples.values("dag_duration_seconds")[key] == 180
    assert samples.values("dag_success_timestamp_seconds")[key] == 1709632860
    assert samples.values("dag_month_failed")[(names.DAG_INGEST, "2024-02")] == 1


def test_waiting_mails_are_the_active_runs_of_their_dag():
    samples = Samples()
    due = {
        "dag_id": names.DAG_SEND_MAIL,
        "run_after": "2023-01-01T00:00:00Z",
        "queued_at": "2024-03-05T10:00:00Z",
    }
    add_active_runs(samples, [due, due | {"queued_at": "2024-03-05T09:00:00Z"}])

    assert samples.values("mails_waiting")[()] == 2
    assert samples.values("dag_oldest_active_timestamp_seconds") == {
        (names.DAG_SEND_MAIL,): 1709629200
    }
    assert samples.values("dag_runs_active")[(names.DAG_INGEST,)] == 0


def test_machine_shows_free_space_of_the_state_folder(tmp_path):
    samples = HostSource(tmp_path, 15).read()

    free, size = (
        samples.values(name)[("local_dir",)] for name in ("disk_free_bytes", "disk_size_bytes")
    )
    assert 0 < free < size
