"""The last stage: a year of monthly models, and the report on the months that changed."""

from collections.abc import Collection
from typing import Any, Final

from include import names
from include.demo import runs
from include.demo.context import Demo
from include.demo.drift import simulated_events
from include.errors import CheckFailedError
from include.evaluation.year import YearReport
from include.evaluation.year_json import from_plain
from include.months import months_between
from include.store.stability import StoredStabilityReport, read_reports

_YEAR: Final = 12


def study_stability(demo: Demo) -> dict[str, Any]:
    """Train a model for each month of a year, test each on every later month, read the report."""
    months = demo.months.all_months[-_YEAR:]
    title = f"A model for each month from {months[0]} to {months[-1]}, tested on every later one"
    runs.backfill(demo, title, names.DAG_STABILITY, months)
    stored = _stored(demo, months[0], months[-1])
    report = from_plain(stored.report)
    _verify_page(demo, stored)
    events = {month for month in simulated_events(demo) if month in months}
    marked = marked_months(report)
    if missed := sorted(events - marked):
        raise CheckFailedError(
            f"the year's report does not mark {', '.join(missed)}, when the simulator changed "
            f"something; it marks {', '.join(sorted(marked)) or 'no month'}"
        )
    demo.steps.note(comparison_sentence(marked, events, known=demo.options.data is None))
    for explained in report.periods:
        demo.steps.note(explained.sentence)
    demo.steps.note(report.recommendation)
    demo.steps.note(f"Full report: {page_address(demo)}, Stability in Airflow's menu.")
    return {
        "year": {
            "months": list(months),
            "candidate": report.candidate,
            "mean_f1_all@5": {name: round(c.mean, 4) for name, c in report.curves.items()},
            "half_life_months": report.half_life.months if report.half_life else None,
            "marked": sorted(marked),
            "simulated_events": sorted(events),
            "alarms": list(report.alarms),
            "policy": report.policy,
            "recommendation": report.recommendation,
            "page": page_address(demo),
        }
    }


def _stored(demo: Demo, first: str, last: str) -> StoredStabilityReport:
    """Return the stored report on these months; CheckFailedError if there is none."""
    with demo.engine.connect() as connection:
        for stored in read_reports(connection, demo.site):
            if (stored.first_month, stored.last_month) == (first, last):
                return stored
    raise CheckFailedError(f"no report on {first} to {last} is in PostgreSQL")


def _verify_page(demo: Demo, stored: StoredStabilityReport) -> None:
    """Request the report's page from Airflow, as a browser does."""
    path = f"/stability/{stored.study_id}/{stored.first_month}"
    if stored.last_month not in demo.airflow.page(path):
        raise CheckFailedError(f"Airflow's page {path} does not show {stored.last_month}")


def marked_months(report: YearReport) -> set[str]:
    """
    Return the months in which models fell that were trained on all months before.

    Periods of a frozen model are left out: they show how long an old model stays bad.
    """
    return {
        month
        for explained in report.periods
        if explained.period.kind == "fresh"
        for month in months_between(explained.period.first, explained.period.last)
    }


def comparison_sentence(marked: Collection[str], events: Collection[str], *, known: bool) -> str:
    """
    Return a sentence that compares the marked months with the simulated events.

    Examples
    --------
    >>> comparison_sentence({"2024-05"}, {"2024-05"}, known=True)
    'Marked: 2024-05. The simulator changed something in 2024-05: 1 of 1 found, 0 marked besides.'
    >>> comparison_sentence(set(), set(), known=False)
    'Marked: no month.'
    """
    sentence = f"Marked: {', '.join(sorted(marked)) or 'no month'}."
    if not known:
        return sentence
    found, besides = set(marked) & set(events), set(marked) - set(events)
    return (
        f"{sentence} The simulator changed something in {', '.join(sorted(events)) or 'no month'}: "
        f"{len(found)} of {len(events)} found, {len(besides)} marked besides."
    )


def page_address(demo: Demo) -> str:
    """Return where Airflow's UI shows the year."""
    return f"{demo.environment['AIRFLOW_URL']}/plugin/stability"
