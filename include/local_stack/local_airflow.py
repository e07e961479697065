"""The Airflow of a stack on this machine: waits that watch its progress."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from include.errors import CheckFailedError, FixInputError
from include.local_stack.activity import StackActivity
from include.local_stack.airflow_api import AirflowApi, DagRun, TaskRun, log_folders
from include.local_stack.health import log_bytes, tail
from include.local_stack.waiting import wait_for

_WAITS_FOR_RETRY = "up_for_retry"
_POLL_S = 1.0


class LocalAirflow(AirflowApi):
    """
    Client of the Airflow of a stack on this machine.

    Its waits end with `RetryLaterError` only if nothing has moved for too long (see
    `include.local_stack.waiting`): no state or attempt of a task, no task's log, no processor time
    of any task. While a task waits for its next attempt, the scheduler's heartbeats count too.
    """

    def __init__(
        self,
        url: str,
        user: str,
        password: str,
        log_folders: Sequence[Path],
        activity: StackActivity,
    ) -> None:
        super().__init__(url, user, password, log_folders)
        self._activity = activity

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Return the client of a running stack, from the variables of its ``env`` file."""
        return cls(
            environment["AIRFLOW_URL"],
            environment["AIRFLOW_USER"],
            environment["AIRFLOW_PASSWORD"],
            log_folders(environment),
            StackActivity(Path(environment["LOCAL_DIR"])),
        )

    def wait_for_dag(self, dag_id: str) -> None:
        """
        Return when Airflow has parsed ``dag_id`` and it is not paused.

        Raises
        ------
        RetryLaterError
            If it is not parsed and nothing moves; with the errors of DAG files, if any.
        """

        def active() -> bool:
            try:
                if not self.call("GET", f"/dags/{dag_id}")["is_paused"]:
                    return True
                self.call("PATCH", f"/dags/{dag_id}?update_mask=is_paused", {"is_paused": False})
            except FixInputError:
                pass  # not parsed yet
            return False

        wait_for(
            active,
            what=f"Airflow does not know the DAG {dag_id}",
            progress=lambda: int(self.call("GET", "/dags?limit=1")["total_entries"]),
            explain=lambda: f"{self._import_errors()}{self._activity.explain()}",
            broken=self._activity.broken,
        )

    def begin_backfill(
        self,
        dag_id: str,
        first_month: str,
        last_month: str,
        *,
        at_once: int = 2,
        conf: Mapping[str, Any] | None = None,
    ) -> int:
        """
        Start a backfill as `start_backfill` does, when Airflow accepts it.

        Airflow counts an earlier backfill as running for up to half a minute after its runs have
        ended; this waits for it.
        """

        def accepted() -> int | None:
            try:
                return self.start_backfill(
                    dag_id, first_month, last_month, at_once=at_once, conf=conf
                )
            except FixInputError as error:
                if "already a running backfill" not in str(error):
                    raise
                return None

        return wait_for(
            accepted,
            what=f"Airflow still counts an earlier backfill of {dag_id} as running",
            explain=self._activity.explain,
            broken=self._activity.broken,
            pause_s=_POLL_S,
        )

    def wait_for_backfill(
        self,
        dag_id: str,
        first_month: str,
        last_month: str,
        *,
        report: Callable[[list[DagRun]], None] = lambda _: None,
    ) -> list[DagRun]:
        """
        Return the runs of a backfill when all have succeeded; ``report`` gets them at each poll.

        Raises
        ------
        CheckFailedError
            If a run failed; the message names its month, its task and the task's log.
        RetryLaterError
            If nothing moves any more.
        """
        runs: list[DagRun] = []

        def succeeded() -> list[DagRun] | None:
            runs[:] = self.backfill_runs(dag_id, first_month, last_month)
            report(runs)
            for run in runs:
                if run.state == "failed":
                    raise CheckFailedError(self.failure(run))
            return runs if runs and all(run.ended for run in runs) else None

        def running() -> list[DagRun]:
            return [run for run in runs if run.state == "running"]

        return wait_for(
            succeeded,
            what=f"the backfill of {dag_id} from {first_month} to {last_month} has not ended",
            progress=lambda: self._work(
                runs, [task for run in running() for task in self.tasks(dag_id, run.run_id)]
            ),
            explain=lambda: self._explain(running()),
            broken=self._activity.broken,
            pause_s=_POLL_S,
        )

    def wait_for_run(
        self, dag_id: str, run_id: str, *, report: Callable[[list[TaskRun]], None] = lambda _: None
    ) -> None:
        """
        Return when a run has succeeded; ``report`` gets its tasks every few seconds.

        Raises
        ------
        CheckFailedError
            If it failed; the message names the task and its log.
        RetryLaterError
            If nothing moves any more.
        """
        runs: list[DagRun] = []

        def succeeded() -> bool:
            runs[:] = [self.run(dag_id, run_id)]
            if runs[0].state == "failed":
                raise CheckFailedError(self.failure(runs[0]))
            return runs[0].ended

        def progress() -> Hashable:
            tasks = self.tasks(dag_id, run_id)
            report(tasks)
            return self._work(runs, tasks)

        wait_for(
            succeeded,
            what=f"{dag_id} {run_id} has not ended",
            progress=progress,
            explain=lambda: self._explain(runs),
            broken=self._activity.broken,
            pause_s=_POLL_S,
        )

    def wait_for_scheduled(self, dag_id: str) -> list[str]:
        """
        Return the ids of the scheduled runs when they have succeeded.

        Raises
        ------
        RetryLaterError
            If Airflow starts none, or one does not end, and nothing moves.
        CheckFailedError
            If one failed; the message names the task and its log.
        """
        due = wait_for(
            lambda: self.run_ids(dag_id, "scheduled__"),
            what=f"Airflow has not started the run of {dag_id} that is due",
            progress=lambda: (
                int(self.call("GET", "/dags?limit=1")["total_entries"]),
                int(self.call("GET", "/dags/~/dagRuns?limit=1")["total_entries"]),
                self._activity.task_seconds(),
            ),
            explain=self._activity.explain,
            broken=self._activity.broken,
        )
        for run_id in due:
            self.wait_for_run(dag_id, run_id)
        return due

    def _work(self, runs: Sequence[DagRun], tasks: Sequence[TaskRun]) -> Hashable:
        """Return the fingerprint of runs: tasks' states and attempts, logs, processor time."""
        waits = any(task.state == _WAITS_FOR_RETRY for task in tasks)
        logs = [
            folder
            for run in runs
            if not run.ended
            for folder in self.run_logs(run.dag_id, run.run_id)
        ]
        return (
            tuple(runs),
            tuple(tasks),
            log_bytes(logs),
            self._activity.task_seconds(),
            self._activity.heartbeat("scheduler") if waits else None,
        )

    def _explain(self, runs: Sequence[DagRun]) -> str:
        """Name the parts of Airflow that stand still, and the unfinished tasks with their logs."""
        lines = [self._activity.explain()]
        for run in runs:
            tasks = [task for task in self.tasks(run.dag_id, run.run_id) if not task.ended]
            lines += [
                f"{run.dag_id} {run.run_id}: {task.task_id} is {task.state or 'not scheduled'}, "
                f"attempt {task.attempt}"
                for task in tasks
            ]
            for task in tasks:
                log = self.task_log(run.dag_id, run.run_id, task)
                if task.state == "running" and log.exists():
                    lines.append(f"{log} ends:\n{tail(log, lines=5)}")
        return "\n".join(lines)

    def _import_errors(self) -> str:
        errors = self.call("GET", "/importErrors")["import_errors"]
        return "".join(f"{one['filename']}: {one['stack_trace'][-300:]}\n" for one in errors)
