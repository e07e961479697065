"""What PostgreSQL says should be served: the ledger's last promotions, and the open A/B test."""

from __future__ import annotations

from dataclasses import dataclass

from include import names
from include.errors import ModelUnusableError
from include.registry import ModelVersion
from include.store.ab_tests import open_ab_test
from include.store.deadlines import Deadlines
from include.store.models import Promotion, latest_promotion
from serving.payloads import AbTest


@dataclass(frozen=True, slots=True)
class Release:
    """The ledger's last row of each alias, None if there is none, and the open A/B test."""

    champion: Promotion | None = None
    challenger: Promotion | None = None
    ab_test: AbTest | None = None

    def promotion_of(self, alias: str) -> Promotion | None:
        """Return the row that gave ``alias`` to the version that should have it, if any."""
        row = self.champion if alias == names.CHAMPION else self.challenger
        return None if row is None or row.kind == "withdrawal" else row


class PromotionMismatchError(ModelUnusableError):
    """The registry's alias names another model than the ledger: keep the one in use."""


def read_release(database: Deadlines) -> Release:
    """Return the current release; SQLAlchemyError or OSError if PostgreSQL does not answer."""
    with database.begin() as connection:
        champion = latest_promotion(connection, names.CHAMPION)
        challenger = latest_promotion(connection, names.CHALLENGER)
        test = open_ab_test(connection)
    if test is None:
        return Release(champion, challenger)
    shown = AbTest(
        test.ab_test_id, test.champion_version, test.challenger_version, test.share, test.shadow
    )
    return Release(champion, challenger, shown)


def check_promoted(alias: str, version: ModelVersion, row: Promotion | None) -> None:
    """
    Check that ``version``, which the registry names, is the one that the ledger promoted.

    The registry has no access control of its own; the ledger is written with the platform's
    database login, and its rows never change.

    Raises
    ------
    PromotionMismatchError
        If the ledger names no version, another one, or the same with other files.
    """
    if row is not None and (row.to_version, row.artifact_sha256) == (
        version.version,
        version.sha256,
    ):
        return
    promoted = "no version" if row is None else f"version {row.to_version}"
    if row is not None and row.to_version == version.version:
        promoted = f"version {row.to_version} with SHA-256 {(row.artifact_sha256 or 'none')[:12]}"
    raise PromotionMismatchError(
        f"the registry names version {version.version} with SHA-256 "
        f"{version.sha256[:12] or 'none'} as {alias}, but the ledger of promotions names "
        f"{promoted}: the model in use stays. Move aliases with train_candidates, "
        "rollback_champion or judge_ab_test; if nobody moved this one by hand, the registry has "
        "been tampered with"
    )
