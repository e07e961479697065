"""Training runs and logged models on one MLflow server: start, find, log, finish, download."""

from __future__ import annotations

import json
import math
import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import requests

from include import names
from include.addresses import without_login
from include.errors import MissingDataError, RetryLaterError
from include.registry.descriptions import NOTE, VIEW, tags_of
from include.registry.downloads import PROXIED_SCHEME, download_candidate, verified_download
from include.registry.folder import folder_sha256
from include.registry.login import Login, login_of
from include.registry.packing import pack
from include.registry.rest import CONNECT_TIMEOUT_S, NOT_FOUND, MlflowError, RestClient

if TYPE_CHECKING:
    from mlflow import MlflowClient

_METRICS_PER_CALL: Final = 800
"""MLflow takes 1,000 metrics, params and tags at once, of which 100 are params and 100 tags."""
_VALUE_LENGTH: Final = 5000
_SERVER_ERROR: Final = 500
PARENT: Final = "mlflow.parentRunId"


@dataclass(frozen=True, slots=True)
class Run:
    """
    An MLflow run.

    Parameters
    ----------
    run_id, experiment_id, status : str
        ``status`` is ``RUNNING``, ``FINISHED`` or ``FAILED``.
    metrics : dict of str to float
        By the platform's names, such as ``f1@5``.
    params, tags : dict of str to str
    """

    run_id: str
    experiment_id: str
    status: str
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]

    @property
    def model_id(self) -> str:
        """The logged model's id, empty if the run has none."""
        return self.tags.get("model_id", "")

    @property
    def source(self) -> str:
        """The logged model's artifact location, empty if the run has none."""
        return self.tags.get("model_source", "")

    @property
    def sha256(self) -> str:
        """`folder_sha256` of the candidate's folder in the logged model, empty if none."""
        return self.tags.get("sha256", "")


class Runs:
    """
    Runs on one MLflow server.

    The constructor imports mlflow and lowers its default retries and timeouts (seven tries of two
    minutes) for this process, unless the environment sets them.

    Raises
    ------
    RetryLaterError
        From the constructor if the server does not answer within seconds; from every method if it
        becomes unavailable later.
    """

    def __init__(self, tracking_uri: str) -> None:
        self._server = tracking_uri
        self.tracking_uri, login = login_of(tracking_uri)
        _check_alive(self.tracking_uri, login)
        login.export(os.environ)
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
        from mlflow import MlflowClient

        self._client: MlflowClient = MlflowClient(tracking_uri=self.tracking_uri)

    def start(
        self,
        experiment: str,
        name: str,
        *,
        tags: Mapping[str, str],
        note: str,
        parent_id: str | None = None,
    ) -> str:
        """
        Start a run in ``experiment``, created if absent, and return its id.

        Parameters
        ----------
        experiment, name : str
        tags : mapping of str to str
        note : str
            What MLflow's UI says of the run, in Markdown; see `include.registry.descriptions`.
        parent_id : str or None
        """
        all_tags = {**tags, NOTE: note} | ({PARENT: parent_id} if parent_id else {})
        with self._retryable_errors():
            run = self._client.create_run(
                self._experiment_id(experiment), run_name=name, tags=all_tags
            )
        return str(run.info.run_id)

    def get(self, run_id: str) -> Run:
        """
        Return a run by its id.

        Raises
        ------
        MissingDataError
            If MLflow has no such run.
        """
        from mlflow.exceptions import MlflowException

        with self._retryable_errors():
            try:
                return _run(self._client.get_run(run_id))
            except MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    raise MissingDataError(f"MLflow has no run {run_id}") from error
                raise

    def find(
        self, experiment: str, tags: Mapping[str, str], *, status: str | None = "FINISHED"
    ) -> list[Run]:
        """
        Return the runs that have all ``tags``, newest first.

        Parameters
        ----------
        experiment : str
            Name; no runs if there is no such experiment.
        tags : mapping of str to str
            Neither side may hold a single quote.
        status : str or None
            Any if None.
        """
        conditions = [f"tags.`{key}` = '{value}'" for key, value in tags.items()]
        conditions += [f"attributes.status = '{status}'"] if status else []
        with self._retryable_errors():
            known = self._client.get_experiment_by_name(experiment)
            if known is None:
                return []
            found = self._client.search_runs(
                [known.experiment_id],
                filter_string=" and ".join(conditions),
                order_by=["attributes.start_time DESC"],
            )
        return [_run(run) for run in found]

    def log(
        self,
        run_id: str,
        *,
        params: Mapping[str, Any] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Log params, metrics and tags; a metric that is not finite is left out."""
        from mlflow.entities import Metric, Param, RunTag

        now_ms = int(time.time() * 1000)
        logged = [
            Metric(metric_name(key), float(value), now_ms, 0)
            for key, value in (metrics or {}).items()
            if math.isfinite(value)
        ]
        first, later = logged[:_METRICS_PER_CALL], logged[_METRICS_PER_CALL:]
        with self._retryable_errors():
            self._client.log_batch(
                run_id,
                metrics=first,
                params=[
                    Param(key, str(value)[:_VALUE_LENGTH]) for key, value in (params or {}).items()
                ],
                tags=[RunTag(key, value) for key, value in (tags or {}).items()],
            )
            for start in range(0, len(later), _METRICS_PER_CALL):
                self._client.log_batch(run_id, metrics=later[start : start + _METRICS_PER_CALL])

    def log_folder(self, run_id: str, folder: Path, path: str | None = None) -> None:
        """Log every file of ``folder`` as artifacts under ``path``, the run's root if None."""
        with self._retryable_errors():
            self._client.log_artifacts(run_id, str(folder), path)

    def log_tables(self, run_id: str, tables: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
        """
        Log tables that MLflow's UI shows; a run is given its tables once.

        MLflow's own ``log_table`` writes the same, with seven requests for each table.

        Parameters
        ----------
        run_id : str
        tables : mapping of str to mapping of str to sequence
            Columns of equal lengths by their names, by the path of each artifact, which ends in
            ``.json``.
        """
        import pandas as pd
        from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

        with tempfile.TemporaryDirectory() as work:
            for file, columns in tables.items():
                path = Path(work) / file
                path.parent.mkdir(parents=True, exist_ok=True)
                table = pd.DataFrame({name: list(values) for name, values in columns.items()})
                table.to_json(path, orient="split", index=False, date_format="iso")
            self.log_folder(run_id, Path(work))
        shown = [{"path": file, "type": "table"} for file in tables]
        self.log(run_id, tags={MLFLOW_LOGGED_ARTIFACTS: json.dumps(shown)})

    def log_dataset(self, run_id: str, *, name: str, digest: str, role: str, profile: str) -> None:
        """Log which data a run read; ``role`` is ``training`` or ``test``, ``profile`` JSON."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        data = Dataset(
            name=name, digest=digest[:36], source_type="local", source="{}", profile=profile
        )
        with self._retryable_errors():
            self._client.log_inputs(
                run_id, [DatasetInput(data, [InputTag("mlflow.data.context", role)])]
            )

    def log_model(
        self,
        run_id: str,
        folder: Path,
        *,
        params: Mapping[str, Any],
        requirements: Sequence[str],
        bert_model: str | None,
    ) -> Run:
        """
        Log a candidate's folder as a model that MLflow can load and serve.

        Parameters
        ----------
        run_id : str
            The run that trained it.
        folder : Path
            As `include.candidates.catalogue.save_candidate` left it.
        params : mapping
            Shown with the model.
        requirements : sequence of str
            Pinned pip requirements, so that mlflow need not infer them (20 s).
        bert_model : str or None
            Encoder that the candidate was trained with, for loading by MLflow.

        Returns
        -------
        Run
            With the logged model's id, artifact location and SHA-256.
        """
        with tempfile.TemporaryDirectory() as work:
            packaged = pack(folder, Path(work), requirements, bert_model)
            with self._retryable_errors():
                model = self._client.create_logged_model(
                    self._client.get_run(run_id).info.experiment_id,
                    name="candidate",
                    source_run_id=run_id,
                    params={key: str(value)[:_VALUE_LENGTH] for key, value in params.items()},
                    model_type="tag-suggester",
                )
                self._client.log_model_artifacts(model.model_id, str(packaged))
                self._client.finalize_logged_model(model.model_id, "READY")
        self.log(
            run_id,
            tags={
                "model_id": model.model_id,
                "model_source": model.artifact_location,
                "sha256": folder_sha256(folder),
            },
        )
        return self.get(run_id)

    def finish(self, run_id: str, *, failed: bool = False) -> None:
        """End a run."""
        with self._retryable_errors():
            self._client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    def fetch(self, run_id: str, path: str, into: Path) -> Path:
        """
        Download one artifact (file or folder) of a run and return its path.

        Raises
        ------
        MissingDataError
            If the run has no such artifact.
        """
        from mlflow.exceptions import MlflowException

        into.mkdir(parents=True, exist_ok=True)
        try:
            return Path(self._client.download_artifacts(run_id, path, str(into)))
        except MlflowException as error:
            _check_alive(self.tracking_uri, login_of(self._server)[1])
            raise MissingDataError(f"run {run_id} has no artifact {path!r}: {error}") from error

    def candidate(self, run: Run, into: Path) -> Path:
        """
        Return the folder below ``into`` of the model that ``run`` logged, downloaded if need be.

        Raises
        ------
        MissingDataError
            If the run has no model.
        ModelUnusableError
            If the hash of the download is not the logged one.
        """
        if not run.model_id:
            raise MissingDataError(f"run {run.run_id} has no model")
        label = f"the model of run {run.run_id}"
        rest = RestClient(self._server)
        return verified_download(
            into / run.sha256[:32],
            run.sha256,
            lambda folder: download_candidate(rest, run.source, folder, label),
            label,
        )

    def started_before(self, experiment: str, moment: datetime) -> list[Run]:
        """Return the runs of an experiment that started before an aware moment and have ended."""
        with self._retryable_errors():
            known = self._client.get_experiment_by_name(experiment)
            if known is None:
                return []
            found: list[Run] = []
            page: str | None = None
            while True:
                answer = self._client.search_runs(
                    [known.experiment_id],
                    filter_string=f"attributes.start_time < {int(moment.timestamp() * 1000)} "
                    "and attributes.status != 'RUNNING'",
                    page_token=page,
                )
                found += [_run(run) for run in answer]
                page = answer.token
                if not page:
                    return found

    def parent_of(self, run_id: str) -> str | None:
        """Return the id of a run's parent; None if it has none, or there is no such run."""
        try:
            return self.get(run_id).tags.get(PARENT)
        except MissingDataError:
            return None

    def delete(self, run: Run) -> None:
        """
        Delete a run, the model that it logged, and their artifacts if MLflow serves them.

        Artifacts in a store that clients reach themselves are left to ``mlflow gc``.
        """
        rest = RestClient(self._server)
        with self._retryable_errors():
            sources = [run.source, self._client.get_run(run.run_id).info.artifact_uri]
        for source in filter(None, sources):
            if source.startswith(PROXIED_SCHEME):
                rest.delete_files(source.removeprefix(PROXIED_SCHEME).lstrip("/"))
        if run.model_id:
            _unless_missing(rest, "DELETE", f"logged-models/{run.model_id}", {})
        _unless_missing(rest, "POST", "runs/delete", {"run_id": run.run_id})

    def _experiment_id(self, name: str) -> str:
        """
        Return an experiment's id, creating it if absent; safe if two tasks create it at once.

        One of an earlier release gets its description, unless people wrote one, and its view.
        """
        from mlflow.exceptions import MlflowException

        tags = tags_of(name)
        if known := self._client.get_experiment_by_name(name):
            for key, value in tags.items():
                if known.tags.get(key) != value and (key != NOTE or NOTE not in known.tags):
                    self._client.set_experiment_tag(known.experiment_id, key, value)
            return str(known.experiment_id)
        try:
            return str(self._client.create_experiment(name, tags=tags))
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            return self._experiment_id(name)

    @contextmanager
    def _retryable_errors(self) -> Iterator[None]:
        """Turn an unavailable server into RetryLaterError; let other errors pass."""
        from mlflow.exceptions import ERROR_CODE_TO_HTTP_STATUS, MlflowException

        try:
            yield
        except requests.RequestException as error:
            raise RetryLaterError(
                f"MLflow at {self.tracking_uri} is unavailable: {without_login(str(error))}"
            ) from error
        except MlflowException as error:
            if ERROR_CODE_TO_HTTP_STATUS.get(error.error_code, _SERVER_ERROR) >= _SERVER_ERROR:
                raise RetryLaterError(f"MLflow at {self.tracking_uri} failed: {error}") from error
            raise


def metric_name(name: str) -> str:
    """
    Return a metric's name in MLflow's alphabet, which excludes ``@``.

    Examples
    --------
    >>> metric_name("short/f1_all@5")
    'short/f1_all_at_5'
    """
    return name.replace("@", "_at_")


def run_url(mlflow_url: str, experiment_id: str, run_id: str) -> str:
    """Return the page of a run in MLflow's UI."""
    return f"{mlflow_url.rstrip('/')}/#/experiments/{experiment_id}/runs/{run_id}"


def trainings_url(mlflow_url: str, experiment_id: str) -> str:
    """Return the page of the trainings in MLflow's UI, the newest first, with its decision."""
    page = f"{mlflow_url.rstrip('/')}/#/experiments/{experiment_id}/runs"
    return f"{page}?viewStateShareKey={VIEW}"


def model_url(mlflow_url: str) -> str:
    """Return the page of the suggester in MLflow's UI: its versions, with their aliases."""
    return f"{mlflow_url.rstrip('/')}/#/models/{names.MODEL}"


def version_url(mlflow_url: str, version: str) -> str:
    """Return the page of a version of the suggester in MLflow's UI."""
    return f"{mlflow_url.rstrip('/')}/#/models/{names.MODEL}/versions/{version}"


def _check_alive(tracking_uri: str, login: Login) -> None:
    """RetryLaterError unless the server answers at once; mlflow itself would retry for minutes."""
    try:
        with login.session(tracking_uri) as session:
            session.get(f"{tracking_uri}/health", timeout=CONNECT_TIMEOUT_S)
    except requests.RequestException as error:
        raise RetryLaterError(
            f"MLflow at {tracking_uri} does not answer ({type(error).__name__})"
        ) from error


def _unless_missing(rest: RestClient, method: str, path: str, payload: Mapping[str, Any]) -> None:
    """Call MLflow; nothing if what the call names does not exist."""
    try:
        rest.call(method, path, payload)
    except MlflowError as error:
        if error.status != NOT_FOUND:
            raise


def _run(found: Any) -> Run:
    """Convert mlflow's run."""
    return Run(
        run_id=found.info.run_id,
        experiment_id=found.info.experiment_id,
        status=found.info.status,
        metrics={key.replace("_at_", "@"): value for key, value in found.data.metrics.items()},
        params=dict(found.data.params),
        tags=dict(found.data.tags),
    )
