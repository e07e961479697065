"""Every DAG file is imported quickly and defines one DAG, with docs, retries and valid branches."""

import ast
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from include import names
from include.dag_docs import dag_id_of
from include.errors import FixSettingsError
from include.timeouts import time_limits
from tests.added_family import project_with_added_family, run_python

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted((ROOT / "dags").glob("*.py"))
KNOWN = {value for name, value in vars(names).items() if name.startswith("DAG_")}
TREES = [ast.parse(path.read_text(encoding="utf-8")) for path in FILES]
DOCS = {dag_id_of(tree): ast.get_docstring(tree) or "" for tree in TREES}
IDS = list(DOCS)

# Libraries that take long to import; a DAG file that needs one imports it inside its task.
HEAVY = {
    "evidently", "gensim", "matplotlib", "mlflow", "nltk", "numpy", "pandas", "scipy",
    "sentence_transformers", "sklearn", "torch",
}  # fmt: skip

MEASURE = """
import importlib.util, json, sys, time
import airflow.sdk
from airflow.sdk import CronDataIntervalTimetable, Param, RetryPolicy, dag, task
import airflow.providers.standard.operators.trigger_dagrun
import airflow.providers.smtp.notifications.smtp
task.branch
measured = {}
for path in sys.argv[1:]:
    before, start = set(sys.modules), time.process_time()
    spec = importlib.util.spec_from_file_location("dag_file", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    seconds = time.process_time() - start
    measured[path] = {"seconds": seconds, "modules": sorted(set(sys.modules) - before)}
print(json.dumps(measured))
"""


@pytest.fixture(scope="session")
def measured() -> dict:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", MEASURE, *map(str, FILES)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_every_dag_is_in_names_and_named_after_its_function(dags):
    assert set(dags) == set(IDS) == KNOWN


def test_import_of_a_file_takes_less_than_a_second_of_processor_time(measured):
    assert [path for path, taken in measured.items() if taken["seconds"] >= 1] == []


def test_import_of_a_file_loads_no_job_and_no_heavy_library(measured):
    loaded = [
        f"{path} loads {name}"
        for path, taken in measured.items()
        for name in taken["modules"]
        if name.startswith("include.jobs") or name.split(".")[0] in HEAVY
    ]
    assert loaded == []


@pytest.mark.parametrize("dag_id", IDS)
def test_dag_has_docs_from_its_file(dags, dag_id):
    assert len(DOCS[dag_id]) > 80
    assert dags[dag_id].doc_md.strip().startswith(DOCS[dag_id].splitlines()[0])
    assert DOCS[dag_id].startswith(f"### {dags[dag_id].description}.")


@pytest.mark.parametrize("dag_id", IDS)
def test_every_task_retries_and_waits_for_no_earlier_run(dags, dag_id):
    for task in dags[dag_id].tasks:
        assert task.retries >= 1, task.task_id
        assert not task.depends_on_past, task.task_id
        assert not task.wait_for_downstream, task.task_id


@pytest.mark.parametrize("dag_id", IDS)
def test_every_task_and_run_has_a_time_limit_and_the_run_has_time_for_its_tasks(dags, dag_id):
    dag = dags[dag_id]
    for task in dag.tasks:
        assert task.execution_timeout is not None, task.task_id
        assert task.execution_timeout < dag.dagrun_timeout, task.task_id


@pytest.mark.parametrize("dag_id", IDS)
def test_failure_of_every_task_and_run_is_told(dags, dag_id):
    from plugins.failure_callbacks import on_run_failure, on_task_failure

    assert dags[dag_id].on_failure_callback == on_run_failure
    for task in dags[dag_id].tasks:
        callbacks = task.on_failure_callback  # of a mapped task the function itself
        assert callbacks in (on_task_failure, [on_task_failure]), task.task_id


@pytest.mark.parametrize("dag_id", IDS)
def test_time_limits_grow_with_the_setting(dag_id, monkeypatch):
    once = time_limits(dag_id)
    monkeypatch.setenv("TIMEOUT_SCALE", "2.5")
    assert time_limits(dag_id).task == 2.5 * once.task
    assert time_limits(dag_id).run == 2.5 * once.run


@pytest.mark.parametrize("scale", ["0", "-1", "much", "nan", "inf"])
def test_time_limit_that_is_no_number_above_zero_is_refused(scale, monkeypatch):
    monkeypatch.setenv("TIMEOUT_SCALE", scale)
    with pytest.raises(FixSettingsError, match="TIMEOUT_SCALE"):
        time_limits(names.DAG_TRAIN)


@pytest.mark.parametrize("dag_id", IDS)
def test_dag_starts_unpaused_without_catching_up_and_bounded(dags, dag_id):
    dag = dags[dag_id]
    assert dag.is_paused_upon_creation is False
    assert dag.catchup is False
    assert 1 <= dag.max_active_runs <= 4


@pytest.mark.parametrize("dag_id", IDS)
def test_schedule_has_data_intervals_that_are_not_empty(dags, dag_id):
    from airflow.serialization.encoders import coerce_to_core_timetable
    from airflow.timetables.base import TimeRestriction

    timetable = coerce_to_core_timetable(dags[dag_id].timetable)
    restriction = TimeRestriction(dags[dag_id].start_date, None, catchup=False)
    info = timetable.next_dagrun_info(last_automated_data_interval=None, restriction=restriction)
    if info is not None and info.data_interval is not None and timetable.description != "Never":
        assert info.data_interval.start < info.data_interval.end


@pytest.mark.parametrize("dag_id", IDS)
def test_dag_survives_serialization(dags, dag_id):
    from airflow.serialization.serialized_objects import DagSerialization

    stored = json.loads(json.dumps(DagSerialization.to_dict(dags[dag_id])))
    assert DagSerialization.from_dict(stored).task_ids == dags[dag_id].task_ids


def branches(path: Path) -> list[ast.FunctionDef]:
    """Return the functions decorated with ``@task.branch``, with or without arguments."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any(ast.unparse(d).startswith("task.branch") for d in node.decorator_list)
    ]


def branch_results(function: ast.FunctionDef) -> set[str]:
    """Return the strings that the function's return statements hold."""
    return {
        constant.value
        for statement in ast.walk(function)
        if isinstance(statement, ast.Return) and statement.value is not None
        for constant in ast.walk(statement.value)
        if isinstance(constant, ast.Constant) and isinstance(constant.value, str)
    }


def is_of(dag, path: Path) -> bool:
    return Path(dag.fileloc) == path


@pytest.mark.parametrize(
    "path", [*FILES, ROOT / "plugins/drift_follow_up.py"], ids=lambda p: p.stem
)
def test_every_result_of_a_branch_is_a_downstream_task(dags, path):
    for function in branches(path):
        using = [
            dag for dag in dags.values() if path.parent == ROOT / "plugins" or is_of(dag, path)
        ]
        found = [dag.get_task(function.name) for dag in using if dag.has_task(function.name)]
        assert found, f"no DAG has the task {function.name}"
        assert branch_results(function), f"{function.name} must return literal task ids"
        for branch in found:
            assert branch_results(function) <= branch.downstream_task_ids


def test_private_names_of_airflow_exist(dags):
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    from plugins.airflow_private import PYTHON_TASK

    assert hasattr(SmtpHook(), "_smtp_client")
    assert isinstance(dags[names.DAG_SEND_MAIL].get_task("mail"), PYTHON_TASK)


def test_both_drift_checks_are_followed_by_the_same_tasks(dags):
    checks = (dags[names.DAG_MONITOR_DRIFT], dags[names.DAG_MONITOR_PREDICTIONS])
    first, second = (
        {
            task.task_id: task.downstream_task_ids
            for task in dag.get_task("check").get_flat_relatives(upstream=False)
        }
        for dag in checks
    )
    assert first == second
    assert {"pages", "decide", "branch", "retrain", "notify", "record"} <= set(first)


def test_every_task_is_in_a_queue_that_workers_serve_or_runs_beside_the_platforms_files(dags):
    tasks = [task for dag in dags.values() for task in dag.tasks]
    queues = {task.queue for task in tasks if task.executor is None}
    local = {task.dag_id for task in tasks if task.executor == names.EXECUTOR_LOCAL}

    assert queues == set(names.QUEUES)
    assert local == {names.DAG_BACK_UP, names.DAG_RETENTION}
    assert {task.executor for task in tasks} == {None, names.EXECUTOR_LOCAL}


def test_training_tasks_are_in_the_queue_and_the_pool_of_trainings(dags):
    tasks = [task for dag in dags.values() for task in dag.tasks]

    assert {task.queue for task in tasks if task.pool == names.POOL_TRAINING} == {
        names.QUEUE_TRAINING
    }
    assert {task.pool for task in tasks if task.queue == names.QUEUE_TRAINING} == {
        names.POOL_TRAINING
    }


def test_mail_is_retried_for_half_a_day(dags):
    task = dags[names.DAG_SEND_MAIL].get_task("mail")

    # The delay doubles from 30 s to its limit within five attempts.
    assert (task.retries - 5) * task.max_retry_delay >= timedelta(hours=11)


def test_a_family_with_a_row_in_the_table_is_a_choice_of_both_forms(tmp_path):
    project = project_with_added_family(tmp_path)
    program = (
        "import json\n"
        "from dags.stability_month import stability_month\n"
        "from dags.train_candidates import train_candidates\n"
        "forms = [stability_month().params, train_candidates().params]\n"
        "print(json.dumps([[form['candidates'], form.get_param('candidates').schema['items']]"
        " for form in forms]))"
    )
    studied, trained = json.loads(run_python(project, program))
    assert "added" in studied[1]["enum"]
    assert "added" in trained[1]["enum"]
    assert trained[0] == [names.AUTO]


def test_a_task_whose_result_is_read_by_key_stores_its_keys(dags):
    """Airflow infers it from ``dict``, and not from ``dict | None``; the reader fails at run time."""
    from airflow.models.xcom import XCOM_RETURN_KEY
    from airflow.sdk import XComArg

    faults = [
        f"{dag.dag_id}.{task.task_id}[{key!r}]"
        for dag in dags.values()
        for reader in dag.tasks
        for field in reader.template_fields
        for task, key in XComArg.iter_xcom_references(getattr(reader, field, None))
        if key != XCOM_RETURN_KEY and not task.multiple_outputs
    ]
    assert faults == []
