"""What tasks hand to other tasks and DAGs: values with names, passed as plain JSON values."""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Self

from include.errors import FixInputError


@dataclass(frozen=True, slots=True)
class TaskResult:
    """Base of results that pass between tasks as a dict of plain JSON values."""

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; `from_dict` rebuilds an equal object from them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """
        Rebuild the object; keys that are no field are ignored.

        Raises
        ------
        FixInputError
            If a field without a default is missing; the message names it.
        """
        known = {one.name: one for one in fields(cls)}
        missing = [
            name
            for name, one in known.items()
            if name not in values and one.default is MISSING and one.default_factory is MISSING
        ]
        if missing:
            raise FixInputError(f"{cls.__name__} needs {', '.join(missing)}; got {sorted(values)}")
        return cls(**{name: values[name] for name in known if name in values})


@dataclass(frozen=True, slots=True)
class AbTestEnd(TaskResult):
    """
    The end of an A/B test that people get a mail about.

    Parameters
    ----------
    ab_test_id : int
    """

    ab_test_id: int

    @property
    def mail_run_id(self) -> str:
        """The run of ``send_mail``: one for each test, however often it is requested."""
        return f"mail-ab-test-{self.ab_test_id}"


@dataclass(frozen=True, slots=True)
class CandidateRow(TaskResult):
    """
    A candidate, or the champion, in the table of a training.

    Parameters
    ----------
    candidate : str
        Its label.
    selected : bool
    figures : dict of str to float or None
        Metrics over all questions; None where one was not measured.
    run_id : str
        Its MLflow run; empty for the champion.
    reused : bool
        Whether it comes from an earlier run with the same data, parameters and code.
    learned_from : str
        How many questions of the window, of which dates, with how many tags; empty if unknown.
    """

    candidate: str
    selected: bool
    figures: dict[str, float | None]
    run_id: str = ""
    reused: bool = False
    learned_from: str = ""


@dataclass(frozen=True, slots=True)
class TrainingResult(TaskResult):
    """
    The outcome of a training: the selection, and what became of it.

    Parameters
    ----------
    run_id, experiment_id : str
        MLflow's training run.
    test_month : str
        Or the tested days of a refresh, for people.
    candidate : str
        Label of the selected candidate.
    promoted : bool
    version : str or None
        Registered as champion.
    challenger_version : str or None
        Registered for an A/B test instead.
    champion_before : str or None
    reason : str
        Of the gate.
    figures : dict
        Behind the gate's decision.
    rows : list of CandidateRow
        Best first; the champion last.
    failed : list of str
        Labels of the candidates whose training failed.
    drift_report_id : int or None
        The report that triggered the training.
    note : str
        All of it as Markdown.
    tested : str
        That only a sample of the month was tested, and why; empty if all was.
    refresh_cause : str
        Of a refresh, why it was made: ``due``, ``surge`` or ``requested``; empty for a training.
    new_tags : list of str
        Of a refresh, the tags used often since the champion learned, which it could not suggest.
    """

    run_id: str
    experiment_id: str
    test_month: str
    candidate: str
    promoted: bool
    version: str | None
    challenger_version: str | None
    champion_before: str | None
    reason: str
    rows: list[CandidateRow]
    failed: list[str]
    figures: dict[str, Any] = field(default_factory=dict)
    drift_report_id: int | None = None
    note: str = ""
    tested: str = ""
    refresh_cause: str = ""
    new_tags: list[str] = field(default_factory=list)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Rebuild the object; see `TaskResult.from_dict`."""
        rows = [CandidateRow.from_dict(row) for row in values.get("rows", ())]
        # super() without arguments does not find the class that ``slots=True`` made
        return super(TrainingResult, cls).from_dict({**values, "rows": rows})


@dataclass(frozen=True, slots=True)
class DriftAlarm(TaskResult):
    """
    A report that raised an alarm, for the mail about it.

    Parameters
    ----------
    report_id : int
    dag_id, run_id : str
        The DAG run of the check; empty if it was not a DAG run.
    training_run_id : str or None
        The DAG run of the retraining that it triggered.
    """

    report_id: int
    dag_id: str = ""
    run_id: str = ""
    training_run_id: str | None = None


@dataclass(frozen=True, slots=True)
class RollbackResult(TaskResult):
    """A rollback's row of the ledger: which version replaced which, who did it and why."""

    promotion_id: int
    from_version: str | None
    to_version: str
    actor: str
    reason: str


@dataclass(frozen=True, slots=True)
class Incident(TaskResult):
    """
    Something that people must hear of: a failed task, or a run that is overdue.

    Parameters
    ----------
    key : str
        The same cause in the same run has the same key: nobody is told twice.
    run_key : str
        DAG and run, or what is overdue.
    title : str
        One line.
    rows : list of (str, str)
        Label and text of each fact.
    advice : str
        What to do next.
    links : list of (str, str)
        Text and URL.
    """

    key: str
    run_key: str
    title: str
    rows: list[tuple[str, str]]
    advice: str
    links: list[tuple[str, str]]
