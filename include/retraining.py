"""The retraining policies: when each trains by schedule, and whether drift triggers a training."""

from dataclasses import dataclass
from typing import Final


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

    @property
    def cron(self) -> str | None:
        """
        Schedule of the trainings, on the third of the month; None if there is none.

        Examples
        --------
        >>> POLICIES["quarterly"].cron
        '0 6 3 1,4,7,10 *'
        """
        if not self.scheduled_months:
            return None
        return f"0 6 3 {','.join(map(str, self.scheduled_months))} *"


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


def policy_named(name: str) -> RetrainingPolicy:
    """Return the policy that ``RETRAINING_POLICY`` names; ValueError if there is none."""
    if name not in POLICIES:
        raise ValueError(
            f"the retraining policy must be one of {', '.join(POLICIES)}, not {name!r}"
        )
    return POLICIES[name]
