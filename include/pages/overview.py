"""The first page: the state of the loop, what needs a person, and where to go. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from include import names
from include.months import month_of
from include.pages.environment import environment
from include.pages.figures import counted, share
from include.tag_names import LikelyRename

JUDGED_ENOUGH: Final = 50
"""Judged answers below which live precision is not compared with its threshold."""
MAX_RENAMES: Final = 3
"""Likely renames that are shown at once."""
BACKUP_AGE: Final = timedelta(days=2)
"""Age from which a backup is old; the alert rule BackupOld has the same."""


@dataclass(frozen=True, slots=True)
class ChampionState:
    """
    The served model.

    Parameters
    ----------
    version : str
    promoted_at : datetime
        Aware.
    learned_until : str or None
        Last month of its training questions, ``YYYY-MM``, or the last day after a refresh.
    learned_since : date or None
        When the first of them was asked.
    question_count, window_count : int or None
        Questions that it learned from, and those of its training window.
    address : str
        Of its page, empty if there is none.
    """

    version: str
    promoted_at: datetime
    learned_until: str | None = None
    learned_since: date | None = None
    question_count: int | None = None
    window_count: int | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class LiveQuality:
    """
    Precision of the answers of the last days whose questions' true tags are known.

    Parameters
    ----------
    judged : int
        Answers.
    precision : float or None
        Share of suggested tags that are true, in [0, 1].
    threshold : float or None
        Below it the alert LivePrecisionLow fires.
    address, place : str
        Of the page that shows it by day, and what people call that page; empty if there is none.
    """

    judged: int = 0
    precision: float | None = None
    threshold: float | None = None
    address: str = ""
    place: str = ""

    @property
    def low(self) -> bool:
        """Whether enough answers were judged, and too few of their tags are true."""
        return (
            self.judged >= JUDGED_ENOUGH
            and self.precision is not None
            and self.threshold is not None
            and self.precision < self.threshold
        )


@dataclass(frozen=True, slots=True)
class LastCheck:
    """
    The drift check of the latest window of its kind.

    Parameters
    ----------
    verdict : {"no_reference", "too_few", "quiet", "drift"}
    checked_at : datetime
        Aware.
    alarmed : tuple of str
        Signals above their thresholds.
    address : str
        Of its report, empty if there is none.
    """

    verdict: str
    checked_at: datetime
    alarmed: tuple[str, ...] = ()
    address: str = ""


@dataclass(frozen=True, slots=True)
class DagRunStatus:
    """
    A run of a DAG that is queued or running, or the last one that ended.

    Parameters
    ----------
    dag_id, run_id, state : str
    since : datetime or None
        Aware; its start, or its end if it has ended.
    """

    dag_id: str
    run_id: str
    state: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LoopState:
    """
    Everything that the page shows.

    Parameters
    ----------
    site : str
    now : datetime
        Aware.
    months : mapping of str to int
        Questions of each stored month, the earliest first.
    open_windows : int
        Fetch windows that are not finished.
    champion : ChampionState or None
    live : LiveQuality
    checks : mapping of str to LastCheck
        By kind: ``month``, ``predictions``.
    unsent : int
        Messages about failures that wait to be sent.
    backup_at : datetime or None
        When the last backup ended.
    renames : sequence of LikelyRename
        Tags that people replace by others, most often first.
    active : sequence of DagRunStatus or None
        Runs that are queued or running; None where Airflow is not asked.
    failed : sequence of DagRunStatus
        The last ended run of each DAG where it failed.
    addresses : mapping of str to str
        Name of another page -> its address.
    dags : mapping of str to str
        What each DAG does, a sentence by id.
    """

    site: str
    now: datetime
    months: Mapping[str, int] = field(default_factory=dict)
    open_windows: int = 0
    champion: ChampionState | None = None
    live: LiveQuality = LiveQuality()
    checks: Mapping[str, LastCheck] = field(default_factory=dict)
    unsent: int = 0
    backup_at: datetime | None = None
    renames: Sequence[LikelyRename] = ()
    active: Sequence[DagRunStatus] | None = ()
    failed: Sequence[DagRunStatus] = ()
    addresses: Mapping[str, str] = field(default_factory=dict)
    dags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Need:
    """
    Something that a person should do.

    Parameters
    ----------
    what : str
        A sentence.
    then : str
        What to do, a sentence.
    dag_id : str or None
        The DAG to open for it.
    run_id : str or None
        Its run.
    """

    what: str
    then: str
    dag_id: str | None = None
    run_id: str | None = None


def needs(state: LoopState) -> list[Need]:
    """
    Return what a person should do, the first step of a new installation before everything else.

    Examples
    --------
    >>> from datetime import UTC
    >>> [need.dag_id for need in needs(LoopState("devops", datetime(2024, 2, 1, tzinfo=UTC)))]
    ['ingest_questions']
    """
    checks = (_first_step, _open_windows, _low_precision, _unsent_messages, _old_backup)
    first, *others = (check(state) for check in checks)
    failed = [
        Need(
            f"The last run of {run.dag_id} failed.",
            "Open it: the red task's log says why. Clear the task when the cause is gone.",
            run.dag_id,
            run.run_id,
        )
        for run in state.failed
    ]
    renames = [_rename(state.site, each) for each in state.renames[:MAX_RENAMES]]
    return [need for need in (first, *failed, *others, *renames) if need is not None]


def _runs(state: LoopState, dag_id: str) -> bool:
    return any(run.dag_id == dag_id for run in state.active or ())


def _first_step(state: LoopState) -> Need | None:
    if not state.months and not _runs(state, names.DAG_INGEST):
        return Need(
            f"No question of {state.site} is stored.",
            "Open the DAG, press Trigger, choose Backfill, and ask for the months to learn from; "
            "a year is a good start.",
            names.DAG_INGEST,
        )
    if state.months and state.champion is None and not _runs(state, names.DAG_TRAIN):
        return Need(
            "No model is served yet.",
            "Trigger the training: it compares candidates on the last stored month, and the "
            "service follows by itself.",
            names.DAG_TRAIN,
        )
    return None


def _open_windows(state: LoopState) -> Need | None:
    if not state.open_windows or _runs(state, names.DAG_INGEST):
        return None
    windows = counted(state.open_windows, "fetch window")
    return Need(
        f"{windows} of a month {'is' if state.open_windows == 1 else 'are'} not finished.",
        "The next run takes them up where they stopped; or run the month again.",
        names.DAG_INGEST,
    )


def _low_precision(state: LoopState) -> Need | None:
    live = state.live
    if not live.low or live.precision is None or live.threshold is None:
        return None
    return Need(
        f"Only {share(live.precision)} of the tags suggested lately are true; the alert's "
        f"threshold is {share(live.threshold)}.",
        "See docs/runbooks/LivePrecisionLow.md; roll back if the version is new.",
        names.DAG_ROLLBACK,
    )


def _unsent_messages(state: LoopState) -> Need | None:
    if not state.unsent:
        return None
    return Need(
        f"{counted(state.unsent, 'message')} about failures could not be sent yet.",
        "Look whether the mail host and Slack can be reached.",
        names.DAG_WATCH,
    )


def _old_backup(state: LoopState) -> Need | None:
    """Return the need of a backup; a new installation has two days for its first."""
    if state.champion is None:
        return None
    if state.now - (state.backup_at or state.champion.promoted_at) <= BACKUP_AGE:
        return None
    return Need(
        "There is no backup of the last two days.",
        "Trigger one, and see why the scheduled one does not run.",
        names.DAG_BACK_UP,
    )


def _rename(site: str, rename: LikelyRename) -> Need:
    return Need(
        f"{rename.from_tag} seems to be called {rename.to_tag} now: people have replaced it on "
        f"{rename.question_count} of the {counted(rename.asked_count, 'question')} that were asked "
        "with it lately.",
        f"If they mean the same, write the line {rename.from_tag},{rename.to_tag} into a file that "
        f"begins with from_tag,to_tag and run tagkeeper import FILE --synonyms --site {site}; "
        f"if not, the line {rename.from_tag},{rename.from_tag}.",
    )


def ago(moment: datetime, now: datetime) -> str:
    """
    Return how long ago a moment was, in the largest whole unit.

    Examples
    --------
    >>> from datetime import UTC
    >>> ago(datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 2, 3, 12, tzinfo=UTC))
    '2 days ago'
    """
    seconds = (now - moment).total_seconds()
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            return f"{counted(int(seconds // length), unit)} ago"
    return "just now"


def render_overview(state: LoopState, *, airflow: str = "..") -> str:
    """
    Return the page.

    Parameters
    ----------
    state : LoopState
    airflow : str, default=".."
        Airflow's address without a slash at the end, or the way to it from the page.
    """
    template = environment().get_template("overview.html")
    return template.render(
        state=state,
        airflow=airflow,
        needs=needs(state),
        names=names,
        ago=lambda moment: ago(moment, state.now),
        months_behind=_months_behind(state),
    )


def _months_behind(state: LoopState) -> int:
    """Return how many stored months the champion has not learned from."""
    if state.champion is None or state.champion.learned_until is None:
        return 0
    complete = [month for month in state.months if month < month_of(state.now)]
    learned_until = state.champion.learned_until
    # A month of which it has learned some days, "2024-03-04", is not learned yet
    return sum(month > learned_until or learned_until.startswith(f"{month}-") for month in complete)
