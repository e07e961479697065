"""Promote a version of a stub registry: the ledger's row and the alias, as the platform does it."""

from __future__ import annotations

from include import names
from include.jobs.release.promotion import AliasMove, promote
from include.registry import Registry
from include.store.engine import make_engine
from tests.serving.stub_registry import StubRegistry


def make_champion(database_url: str, stub: StubRegistry, version: str) -> None:
    """Move the alias ``champion`` to ``version``."""
    registry, engine = Registry(stub.url), make_engine(database_url, pool_size=1)
    found = registry.version(version)
    assert found is not None
    try:
        promote(
            engine,
            registry,
            AliasMove(found, "promotion", "test", "for a test", {}, names.CHAMPION),
        )
    finally:
        engine.dispose()
