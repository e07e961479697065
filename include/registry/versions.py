"""Versions of the registered model: register, alias, look up, download verified."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from include import names
from include.errors import ModelUnusableError
from include.registry.copies import checked_copy, fetch_candidate
from include.registry.rest import ABSENT, MlflowError, Rest


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """
    A version of the registered model.

    Parameters
    ----------
    version : str
        The registry's number.
    run_id : str
        The MLflow run that made it.
    candidate : str
        Its family.
    sha256 : str
        `folder_sha256` of the candidate's folder as registered.
    created_at : datetime
        Aware, UTC.
    tags : mapping of str to str
        What else was noted: ``site``, ``dataset_id``, ``train_first``, ``train_last``,
        ``test_month``, ``evaluation_run_id``.
    """

    version: str
    run_id: str
    candidate: str
    sha256: str
    created_at: datetime
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


class Registry:
    """The versions and aliases of `names.MODEL` on one MLflow server."""

    def __init__(self, tracking_uri: str, model: str = names.MODEL) -> None:
        self.tracking_uri = tracking_uri
        self.model = model
        self._rest = Rest(tracking_uri)

    def alias(self, alias: str) -> ModelVersion | None:
        """
        Return the version that bears ``alias``, or None; one request of a few milliseconds.

        Raises
        ------
        RetryLaterError
            If MLflow is away.
        """
        try:
            answer = self._rest.call(
                "GET", "registered-models/alias", {"name": self.model, "alias": alias}
            )
        except MlflowError as error:
            # an alias that is not there is INVALID_PARAMETER_VALUE, a model RESOURCE_DOES_NOT_EXIST
            if error.status == ABSENT or "not found" in error.message:
                return None
            raise
        return _model_version(answer["model_version"])

    def version(self, version: str) -> ModelVersion | None:
        """Return the version with this number, or None."""
        try:
            answer = self._rest.call(
                "GET", "model-versions/get", {"name": self.model, "version": version}
            )
        except MlflowError as error:
            if error.status == ABSENT or error.code == "INVALID_PARAMETER_VALUE":
                return None
            raise
        return _model_version(answer["model_version"])

    def of_run(self, run_id: str) -> ModelVersion | None:
        """Return the version that this run registered, or None."""
        wanted = f"name = '{self.model}' and run_id = '{run_id}'"
        answer = self._rest.call(
            "GET", "model-versions/search", {"filter": wanted, "max_results": 1}
        )
        found = answer.get("model_versions", [])
        return _model_version(found[0]) if found else None

    def register(
        self, *, run_id: str, model_id: str, source: str, tags: Mapping[str, str]
    ) -> ModelVersion:
        """
        Register a logged model as the next version; a run registers once, however often called.

        Parameters
        ----------
        run_id, model_id, source : str
            As `runs.Runs.log_model` returned them.
        tags : mapping of str to str
            ``candidate`` and ``sha256`` at least.
        """
        if known := self.of_run(run_id):
            return known
        try:
            self._rest.call("POST", "registered-models/create", {"name": self.model})
        except MlflowError as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise
        answer = self._rest.call(
            "POST",
            "model-versions/create",
            {
                "name": self.model,
                "source": source,
                "run_id": run_id,
                "model_id": model_id,
                "tags": [{"key": key, "value": value} for key, value in tags.items()],
            },
        )
        return _model_version(answer["model_version"])

    def set_alias(self, alias: str, version: str) -> None:
        """Move ``alias``; only `jobs.release.promotion` calls this, beside the ledger row."""
        self._rest.call(
            "POST",
            "registered-models/alias",
            {"name": self.model, "alias": alias, "version": version},
        )

    def remove_alias(self, alias: str) -> None:
        """Take ``alias`` away; only `include.jobs.release.promotion` calls this."""
        self._rest.call("DELETE", "registered-models/alias", {"name": self.model, "alias": alias})

    def download(self, version: str | ModelVersion, into: Path) -> Path:
        """
        Return the candidate's folder ``into/<version>-<hash>``, fetched unless it is there.

        The folder appears by one rename after its hash was checked, so another process never sees
        half of it; a copy that is there is checked again and fetched anew if it was damaged.

        Raises
        ------
        ModelUnusableError
            If there is no such version, it holds no candidate, or its content is not what was
            registered.
        RetryLaterError
            If MLflow is away.
        """
        wanted = version if isinstance(version, ModelVersion) else self.version(version)
        if wanted is None:
            raise ModelUnusableError(f"{self.model} has no version {version}")
        target = into / f"{wanted.version}-{wanted.sha256[:12]}"
        named = f"version {wanted.version} of {self.model}"
        return checked_copy(
            target, wanted.sha256, lambda folder: self._fetch(wanted, folder, named), named
        )

    def _fetch(self, wanted: ModelVersion, folder: Path, named: str) -> None:
        """Write the candidate's files into ``folder``."""
        try:
            answer = self._rest.call(
                "GET",
                "model-versions/get-download-uri",
                {"name": self.model, "version": wanted.version},
            )
        except MlflowError as error:
            raise ModelUnusableError(f"{named} cannot be fetched: {error}") from error
        fetch_candidate(self._rest, str(answer["artifact_uri"]), folder, named)


def _model_version(answer: Mapping[str, Any]) -> ModelVersion:
    """Return MLflow's answer as a value; a version made by other hands lacks candidate and hash."""
    tags = {entry["key"]: entry["value"] for entry in answer.get("tags", [])}
    return ModelVersion(
        version=str(answer["version"]),
        run_id=str(answer.get("run_id", "")),
        candidate=tags.get("candidate", ""),
        sha256=tags.get("sha256", ""),
        created_at=datetime.fromtimestamp(int(answer["creation_timestamp"]) / 1000, tz=UTC),
        tags=MappingProxyType(tags),
    )
