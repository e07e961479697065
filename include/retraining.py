"""The retraining policies, and the rules by which a model is refreshed between trainings."""

from dataclasses import dataclass
from typing import Final

from include.months import add_months


@dataclass(frozen=True, slots=True)
class RetrainingPolicy:
    """
    When a model is trained again.

    Parameters
    ----------
    name : str
        As in ``RETRAINING_POLICY`` and in stability reports.
    title : str
        In charts and tables.
    scheduled_months : tuple of int
        Calendar months, 1 to 12, at whose start a model is trained whatever the drift.
    on_drift : bool
        Whether a drift alarm triggers a training.
    """

    name: str
    title: str
    scheduled_months: tuple[int, ...]
    on_drift: bool

    def trains_after(self, month: str) -> bool:
        """
        Return whether a model is trained whatever the drift when ``month`` is stored.

        Examples
        --------
        >>> [POLICIES["quarterly"].trains_after(month) for month in ("2024-03", "2024-04")]
        [True, False]
        """
        return int(add_months(month, 1)[-2:]) in self.scheduled_months


_EVERY_MONTH: Final = tuple(range(1, 13))
_EVERY_QUARTER: Final = (1, 4, 7, 10)

MONTHLY: Final = RetrainingPolicy("monthly", "Every month", _EVERY_MONTH, False)
QUARTERLY: Final = RetrainingPolicy("quarterly", "Every quarter", _EVERY_QUARTER, False)
ON_DRIFT: Final = RetrainingPolicy("on_drift", "When drift is found", (), True)
FROZEN: Final = RetrainingPolicy("frozen", "Never (frozen at the start)", (), False)
MONTHLY_AND_ON_DRIFT: Final = RetrainingPolicy(
    "monthly_and_on_drift", "Every month and when drift is found", _EVERY_MONTH, True
)

POLICIES: Final = {
    policy.name: policy for policy in (MONTHLY, QUARTERLY, ON_DRIFT, MONTHLY_AND_ON_DRIFT)
}
"""Those that ``RETRAINING_POLICY`` may name."""

DEFAULT_POLICY: Final = MONTHLY_AND_ON_DRIFT.name

STUDIED: Final = {policy.name: policy for policy in (MONTHLY, QUARTERLY, ON_DRIFT, FROZEN)}
"""Those that stability reports backtest, in the order of their pages."""

WEEKLY: Final = "weekly"
SURGE: Final = "surge"
REFRESHES: Final = {
    WEEKLY: "Every month, refreshed every week",
    SURGE: "Every month, refreshed when new tags surge",
}
"""Names of the rules by which a model is refreshed within a month, in charts and tables."""
COMMON_TAGS: Final = "common_tags"
REFRESHES_COMMON_TAGS: Final = {WEEKLY: "weekly_common_tags", SURGE: "surge_common_tags"}
"""Rules of refreshes, and the names of the same with models that know no rare tags."""
WITHOUT_RARE_TAGS: Final = {
    COMMON_TAGS: "Every month, only tags of five uses or more",
    REFRESHES_COMMON_TAGS[WEEKLY]: "Refreshed every week, only tags of five uses or more",
    REFRESHES_COMMON_TAGS[SURGE]: "Refreshed on a surge, only tags of five uses or more",
}
"""Names of models that know no rare tags, in charts and tables."""


def policy_named(name: str) -> RetrainingPolicy:
    """Return the policy that ``RETRAINING_POLICY`` names; ValueError if there is none."""
    if name not in POLICIES:
        raise ValueError(
            f"the retraining policy must be one of {', '.join(POLICIES)}, not {name!r}"
        )
    return POLICIES[name]
