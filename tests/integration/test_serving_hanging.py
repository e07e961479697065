"""A PostgreSQL that hangs (SIGSTOP): it accepts connections and answers nothing."""

from __future__ import annotations

import pytest
import requests
from sqlalchemy import text

from serving.spool import spool_state
from tests.benchmarks.service_setup import postgres
from tests.serving.ledger import make_champion
from tests.serving.running import RunningService, until
from tests.serving.stub_registry import StubRegistry
from tests.serving.test_served_models import save_model

pytestmark = pytest.mark.integration


def test_hanging_postgres_stops_neither_answers_nor_following_nor_the_truth_of_readyz(tmp_path):
    """The ledger names version 2 before the hang; the registry's alias follows during it."""
    with postgres(tmp_path / "server") as server, StubRegistry() as registry:
        registry.add("1", save_model(tmp_path / "one", "python", "sql"))
        registry.add("2", save_model(tmp_path / "two", "rust", "go"))
        make_champion(server.url, registry, "1")
        (tmp_path / "service").mkdir()
        service = RunningService(
            tmp_path / "service", database_url=server.url, registry_url=registry.url
        )

        def ask() -> dict[str, str]:
            answer = requests.post(f"{service.url}/predict", json={"title": "x"}, timeout=10)
            answer.raise_for_status()
            return answer.json()

        def ready() -> dict[str, object]:
            return requests.get(f"{service.url}/readyz", timeout=10).json()

        with service:
            ids = {ask()["prediction_id"]}
            assert until(lambda: ready()["database_answered_s_ago"] is not None)
            assert not ready()["stale"]
            make_champion(server.url, registry, "2")
            registry.aliases["champion"] = "1"  # as of before the promotion
            assert until(lambda: "ledger" in str(ready()["problem"]))

            server.suspend()
            registry.aliases["champion"] = "2"
            assert until(lambda: ask()["model_version"] == "2")
            assert until(lambda: bool(ready()["stale"]))
            assert until(lambda: "PostgreSQL" in str(ready()["problem"]))
            ids |= {ask()["prediction_id"] for _ in range(20)}

            server.resume()
            assert until(lambda: not ready()["stale"])
            assert until(lambda: spool_state(service.folder / "spool")[0] == 0)
        with server.engine.connect() as connection:
            rows = connection.execute(text("SELECT prediction_id::text FROM predictions"))
            stored = list(rows.scalars())
        assert ids <= set(stored)
        assert len(stored) == len(set(stored))
