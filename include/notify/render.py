"""Render summaries as mails: subject, plain text and escaped HTML."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from include.notify.mail import Mail, one_line
from include.notify.summaries import (
    AbTestSummary,
    DriftSummary,
    IncidentSummary,
    RollbackSummary,
    TrainingSummary,
)


def drift_mail(summary: DriftSummary) -> Mail:
    """Return the mail of a drift alarm that starts a retraining."""
    significant = [each.name for each in (*summary.tags, *summary.words) if each.significant]
    contributors = list(dict.fromkeys(significant))[:3]  # a new tag is often a new word as well
    names = f": {joined_names(contributors)}" if contributors else ""
    subject = f"[{summary.site}] Drift in {summary.window}{names}; retraining"
    return _mail("drift", f"drift-report-{summary.report_id}", subject, summary, summary.images)


def training_mail(summary: TrainingSummary) -> Mail:
    """Return the mail of a finished retraining or refresh."""
    if summary.promoted:
        outcome = f"Version {summary.version} ({summary.candidate}) is live"
    else:
        outcome = f"Version {summary.version_before} stays"
    subject = f"[{summary.site}] {outcome} after {summary.occasion}"
    if summary.refresh_cause == "surge":
        subject += f"; new: {joined_names(summary.new_tags[:3])}"
    return _mail("training", f"training-{summary.key}", subject, summary)


def rollback_mail(summary: RollbackSummary) -> Mail:
    """Return the mail of a rollback."""
    subject = f"[{summary.site}] Rolled back to version {summary.version}: {summary.reason}"
    return _mail("rollback", f"rollback-{summary.key}", subject, summary)


def ab_test_mail(summary: AbTestSummary) -> Mail:
    """Return the mail of a finished A/B test."""
    if summary.promoted:
        outcome = f"Version {summary.served_version} won and is live"
    else:
        outcome = f"Version {summary.served_version} stays"
    subject = f"[{summary.site}] {outcome} after A/B test {summary.ab_test_id}"
    return _mail("ab_test", f"ab-test-{summary.ab_test_id}", subject, summary)


def incident_mail(summary: IncidentSummary) -> Mail:
    """Return the mail about a failed task or an overdue run."""
    return _mail("incident", summary.key, f"[{summary.site}] {summary.title}", summary)


def _mail(template: str, key: str, subject: str, summary: Any, images: Any = ()) -> Mail:
    subject = one_line(subject)
    values = {"summary": summary, "subject": subject}
    return Mail(
        key=key,
        subject=subject,
        text=_environment().get_template(f"{template}.txt").render(values).strip() + "\n",
        html=_environment().get_template(f"{template}.html").render(values),
        images=tuple(images),
    )


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("include.notify", "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    environment.filters["signed"] = signed
    environment.filters["share"] = share
    environment.filters["plain"] = one_line
    return environment


def figure(value: float | None, digits: int = 3) -> str:
    """
    Return a number formatted for tables; a dash for None.

    Examples
    --------
    >>> figure(0.4213), figure(None)
    ('0.421', '-')
    """
    return "-" if value is None else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """
    Return a difference with its sign; a dash for None.

    Examples
    --------
    >>> signed(0.0421), signed(-0.01), signed(None)
    ('+0.042', '-0.010', '-')
    """
    return "-" if value is None else f"{value:+.3f}"


def share(value: float) -> str:
    """
    Return a share in per cent.

    Examples
    --------
    >>> share(0.0943)
    '9.4 %'
    """
    return f"{100 * value:.1f} %"


def joined_names(names: Sequence[str]) -> str:
    """
    Return names as an enumeration.

    Examples
    --------
    >>> joined_names(["combine", "swiftui", "rxjs"])
    'combine, swiftui and rxjs'
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
