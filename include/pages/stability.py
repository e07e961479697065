"""How stable a candidate was over a year, as one self-contained HTML file. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from include.errors import FixInputError
from include.evaluation.policies import PolicyCurve
from include.evaluation.refits import best_refits
from include.evaluation.refreshes import Gain
from include.evaluation.schedules import (
    Prices,
    Schedule,
    best_schedules,
    cheapest_ranges,
    costs,
    regret,
)
from include.evaluation.year import (
    ExplainedPeriod,
    MonthFigures,
    YearReport,
    learned_from_less,
)
from include.pages import ageing, curves, figures, heat
from include.pages.environment import environment
from include.pages.marks import Mark, marks_of
from include.retraining import SURGE, WEEKLY

TAGS_SHOWN: Final = 8
REFRESHES_SHOWN: Final = 8
_WHEN: Final = {WEEKLY: "every week", SURGE: "when new tags surge"}
_NUMBERS: Final = {4: "four", 5: "five", 6: "six", 7: "seven"}
SLICES: Final = {
    "short": "short questions",
    "code_heavy": "code-heavy questions",
    "rare_tags": "questions with rare tags",
    "new_tags": "questions with new tags",
    "title_only": "the title alone",
    "without_common_tags": "questions without a common tag",
}
METRICS: Final = (
    ("f1_all@5", "F1@5", "Quality: F1@5 over all questions"),
    ("coverage", "coverage", "Coverage: share of true tag uses that the model could suggest"),
    ("ceiling_all@5", "ceiling", "Ceiling: F1@5 of a perfect ranker with the model's vocabulary"),
)


@dataclass(frozen=True, slots=True)
class Adaptation:
    """
    The gain from new tags in the vocabulary over the months of a report.

    Parameters
    ----------
    learned : int
        Tags that entered the vocabulary.
    best : MonthFigures or None
        The month with the largest loss without its learned tags.
    lost : float
        Its loss of F1@5; 0 with ``best`` None.
    refreshed : tuple of str
        Months in which word vectors needed refitting.
    """

    learned: int
    best: MonthFigures | None
    lost: float
    refreshed: tuple[str, ...]


def render(report: YearReport) -> str:
    """
    Return the page; the same report always gives the same text.

    Parameters
    ----------
    report : YearReport
        Non-finite values are shown as missing.

    Raises
    ------
    FixInputError
        If the report holds no month.
    """
    if not report.months:
        raise FixInputError("a report needs at least one month")
    marks = marks_of(report.periods)
    schedules, refreshes = schedules_of(report), best_refits(report.refits)
    rules = {**report.curves, **report.refreshes}
    common = (report.common_tags, *report.refreshes_common_tags.values())
    shown = rules | {curve.policy: curve for curve in common if curve}
    found_costs = costs(rules, report.prices) if report.prices else {}
    return (
        environment()
        .get_template("stability.html")
        .render(
            report=report,
            title=page_title(report),
            heading=heading(report),
            several=len(report.months) > 1,
            marks=marks,
            chosen=rules.get(report.policy),
            monthly=report.curves.get("monthly"),
            frozen=report.curves.get("frozen"),
            policies=[shown[policy] for policy in curves.TITLES if policy in shown],
            shown=shown,
            number_shown=_NUMBERS.get(len(rules), str(len(rules))),
            policy_titles=curves.TITLES,
            schedules=schedules,
            regrets={
                name: regret(curve, schedules if name in report.curves else refreshes)
                for name, curve in rules.items()
            },
            best_refreshes=shown_refreshes(report, refreshes),
            refits=sum(len(each.days) for each in report.refits),
            refreshes_in_hindsight=refreshes_sentence(report, refreshes),
            worths=dict.fromkeys(shown, "")
            | {name: worth(found) for name, found in cheapest_ranges(rules).items()},
            costs=found_costs,
            cheapest=cheapest_sentence(report.prices, found_costs),
            rare_tags_gain=rare_tags_sentence(report.common_tags, report.rare_tags_gains),
            panels=curves.curve_panels(shown, report.months, marks, report.alarms),
            box=curves,
            heats=[
                (name, title, heat.heat_map(report.matrices[key], marks))
                for key, name, title in METRICS
                if key in report.matrices
            ],
            ageing=_ageing(report),
            ageing_box=ageing,
            half_life=ageing.half_life_sentence(report.half_life),
            adaptation=adaptation(report.figures),
            letters={month: _letters(marks, month) for month in report.months},
            learned_from_less=learned_from_less(report.figures),
            fits=[(each.month, each.fit) for each in report.figures if each.fit],
            slices=SLICES,
            cause_of=cause_of,
            lost_without=lost_without,
            tags_shown=TAGS_SHOWN,
            questions=sum(each.question_count for each in report.figures),
        )
    )


def schedules_of(report: YearReport) -> tuple[Schedule, ...]:
    """Return the best schedules in hindsight; none for a single month."""
    matrix = report.matrices.get("f1_all@5")
    if matrix is None or matrix.months != report.months or len(report.months) == 1:
        return ()
    return best_schedules(matrix, [each.question_count for each in report.figures])


def worth(found: tuple[float, float] | None) -> str:
    """
    Return for which worth of a point of F1@5 a policy is the cheapest, in trainings.

    Examples
    --------
    >>> worth((0.0, 2.04)), worth((2.04, math.inf)), worth(None)
    ('up to 2.0 trainings', '2.0 trainings or more', 'never')
    """
    if found is None:
        return "never"
    low, high = found
    if math.isinf(high):
        return f"{low:.1f} trainings or more" if low else "whatever"
    return f"{low:.1f} to {high:.1f} trainings" if low else f"up to {high:.1f} trainings"


def cheapest_sentence(prices: Prices | None, found: Mapping[str, float]) -> str:
    """
    Return which rule is the cheapest for given prices; empty without prices.

    Examples
    --------
    >>> cheapest_sentence(Prices(2, 30), {"quarterly": 24.0, "monthly": 38.0})
    'At a price of 2 for a training and 30 for a point, this is the cheapest: every quarter (24.0).'
    """
    if prices is None or not found:
        return ""
    name, cost = next(iter(found.items()))
    title = curves.TITLES[name]
    return (
        f"At a price of {prices.training:g} for a training and {prices.point:g} for a point, this "
        f"is the cheapest: {title[0].lower()}{title[1:]} ({cost:.1f})."
    )


def rare_tags_sentence(monthly: PolicyCurve | None, refreshed: Mapping[str, Gain]) -> str:
    """Return what tags of fewer uses than five gain; empty where it was not studied."""
    if monthly is None:
        return ""
    gain, interval = figures.figure(monthly.loss), figures.span(monthly.loss_low, monthly.loss_high)
    others = "".join(
        f"; with refreshes {_WHEN[rule]} {figures.figure(each.value)} "
        f"{figures.span(each.low, each.high)}"
        for rule, each in refreshed.items()
    )
    return (
        f"Tags of one to four uses, which the models otherwise know, gain {gain} F1@5 over all "
        f"questions {interval}{others}."
    )


def shown_refreshes(
    report: YearReport, refreshes: Sequence[Schedule]
) -> list[tuple[int, float, tuple[str, ...]]]:
    """
    Return the best refreshes in hindsight that the page lists.

    Those of the number with the highest F1@5, of fewer up to `REFRESHES_SHOWN`, and of each rule's
    number.

    Parameters
    ----------
    report : YearReport
    refreshes : sequence of Schedule
        From `best_refits`.

    Returns
    -------
    list of (refreshes, mean, days)
        Number of refreshes, F1@5 over all questions, and when they are.
    """
    trainings = {curve.trainings for curve in report.refreshes.values()}
    most = max(range(len(refreshes)), key=lambda count: refreshes[count].mean, default=0)
    return [
        (count, each.mean, _days(each))
        for count, each in enumerate(refreshes)
        if count <= min(most, REFRESHES_SHOWN) or count == most or len(each.trainings) in trainings
    ]


def refreshes_sentence(report: YearReport, refreshes: Sequence[Schedule]) -> str:
    """Return how few refreshes, chosen in hindsight, are as good as all weekly ones."""
    weekly = report.refreshes.get(WEEKLY)
    if weekly is None or not refreshes:
        return ""
    best = max(refreshes, key=lambda each: each.mean)
    # the same sum in another order may differ in its last digits
    enough = next(each for each in refreshes if each.mean >= min(weekly.mean, best.mean) - 1e-9)
    days = _days(enough)
    named = f" ({figures.days_named(days)})" if 0 < len(days) <= REFRESHES_SHOWN else ""
    needed = (
        f"{figures.counted(len(days), 'refresh', 'refreshes')}{named} would have been enough"
        if days
        else "no refresh was needed"
    )
    count = weekly.trainings - len(weekly.months)
    return (
        f"In hindsight, {needed} for the F1@5 of all {count} weekly ones, "
        f"{figures.figure(weekly.mean, 4)}. The best choice, of {len(_days(best))}, reaches "
        f"{figures.figure(best.mean, 4)}; part of that is luck."
    )


def _days(schedule: Schedule) -> tuple[str, ...]:
    """Return when a schedule refreshes a model, without the trainings before each month."""
    return tuple(each for each in schedule.trainings if len(each) > len("YYYY-MM"))


def page_title(report: YearReport) -> str:
    """Return the title of the page, its tab and its list entry."""
    return f"{heading(report)}, {figures.month_span(report.months[0], report.months[-1])}"


def heading(report: YearReport) -> str:
    """Return the title without its months."""
    return f"How {report.candidate} held up on {report.site}"


def adaptation(months: Iterable[MonthFigures]) -> Adaptation:
    """Summarise the gain from the learned tags of all months."""
    each = tuple(months)
    with_loss = [(lost_without(month), month) for month in each if month.learned_tags]
    known = [(lost, month) for lost, month in with_loss if math.isfinite(lost) and lost > 0]
    lost, best = max(known, key=lambda pair: pair[0], default=(0.0, None))
    return Adaptation(
        learned=sum(len(month.learned_tags) for month in each),
        best=best,
        lost=lost,
        refreshed=tuple(month.month for month in each if month.encoder_refreshed),
    )


def lost_without(month: MonthFigures) -> float:
    """Return the loss of F1@5 without the learned tags; may be NaN."""
    return month.f1 - month.f1_without_learned


def cause_of(explained: ExplainedPeriod) -> str:
    """Return the kind of loss in a few words."""
    return {
        "fresh": "the fresh model lost quality",
        "frozen": "the frozen model fell behind the fresh one",
    }[explained.period.kind]


def _letters(marks: Sequence[Mark], month: str) -> str:
    return " ".join(mark.letter for mark in marks if month in mark.months)


def _ageing(report: YearReport) -> ageing.Ageing | None:
    matrix = report.matrices.get("f1_all@5")
    return None if matrix is None else ageing.ageing(matrix, report.half_life)
