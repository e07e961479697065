"""Facts to mails: subject, plain text and HTML with everything escaped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from include.notify.facts import AbTestFacts, DriftFacts, RollbackFacts, TrainingFacts
from include.notify.mail import Mail, one_line


def drift_mail(facts: DriftFacts) -> Mail:
    """Return the mail of an alarm that leads to a retraining."""
    named = joined_names([mover.name for mover in (*facts.tags, *facts.words)][:3])
    subject = f"[{facts.site}] Drift in {facts.window}{': ' + named if named else ''}; retraining"
    return _mail("drift", f"drift-report-{facts.report_id}", subject, facts, facts.pictures)


def training_mail(facts: TrainingFacts) -> Mail:
    """Return the mail of a retraining that has ended."""
    if facts.promoted:
        said = f"Version {facts.version} ({facts.candidate}) is live"
    else:
        said = f"Version {facts.version_before} stays"
    subject = f"[{facts.site}] {said} after retraining for {facts.test_month}"
    return _mail("training", f"training-{facts.key}", subject, facts)


def rollback_mail(facts: RollbackFacts) -> Mail:
    """Return the mail of a rollback that is done."""
    subject = f"[{facts.site}] Rolled back to version {facts.version}: {facts.reason}"
    return _mail("rollback", f"rollback-{facts.key}", subject, facts)


def ab_test_mail(facts: AbTestFacts) -> Mail:
    """Return the mail of an A/B test that has ended."""
    if facts.promoted:
        said = f"Version {facts.live_version} won and is live"
    else:
        said = f"Version {facts.live_version} stays"
    subject = f"[{facts.site}] {said} after A/B test {facts.ab_test_id}"
    return _mail("ab_test", f"ab-test-{facts.ab_test_id}", subject, facts)


def _mail(template: str, key: str, subject: str, facts: Any, pictures: Any = ()) -> Mail:
    subject = one_line(subject)
    values = {"facts": facts, "subject": subject}
    return Mail(
        key=key,
        subject=subject,
        text=_environment().get_template(f"{template}.txt").render(values).strip() + "\n",
        html=_environment().get_template(f"{template}.html").render(values),
        pictures=tuple(pictures),
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
    Return a figure as tables show it; a dash where there is none.

    Examples
    --------
    >>> figure(0.4213), figure(None)
    ('0.421', '-')
    """
    return "-" if value is None else f"{value:.{digits}f}"


def signed(value: float | None) -> str:
    """
    Return a difference with its sign; a dash where there is none.

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
    Return names as people write them.

    Examples
    --------
    >>> joined_names(["combine", "swiftui", "rxjs"])
    'combine, swiftui and rxjs'
    """
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
