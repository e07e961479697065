"""Versions of the registered model: register, alias, look up, download."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

from include import names
from include.errors import ModelUnusableError
from include.months import month_range
from include.registry import descriptions
from include.registry.downloads import download_candidate, verified_download
from include.registry.rest import NOT_FOUND, MlflowError, RestClient


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """
    A version of the registered model.

    Parameters
    ----------
    version : str
        The registry's number.
    run_id : str
        The MLflow run that logged it.
    candidate : str
        Its candidate family.
    sha256 : str
        `folder_sha256` of the candidate's folder as registered.
    created_at : datetime
        Aware, UTC.
    tags : mapping of str to str
        Among them ``site``, ``dataset_id``, ``train_first``, ``train_last`` (the last whole month),
        ``learned_until`` (ISO 8601), ``test_month``, ``tested_on``, ``evaluation_run_id``, and
        ``refresh`` if a refresh made it.
    """

    version: str
    run_id: str
    candidate: str
    sha256: str
    created_at: datetime
    tags: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def learned_until(self) -> datetime | None:
        """
        The time up to which it learned from every question of its training window.

        Of versions that were registered before refreshes, the end of their last month; None if the
        version was registered by another tool.
        """
        if moment := self.tags.get("learned_until"):
            return datetime.fromisoformat(moment)
        last = self.tags.get("train_last")
        return month_range(last)[1] if last else None


class Registry:
    """The versions and aliases of `names.MODEL` on one MLflow server."""

    def __init__(self, tracking_uri: str, model: str = names.MODEL) -> None:
        self._rest = RestClient(tracking_uri)
        self.tracking_uri = self._rest.tracking_uri
        self.model = model

    def alias(self, alias: str) -> ModelVersion | None:
        """
        Return the version that ``alias`` points to, or None; one request of a few milliseconds.

        Raises
        ------
        RetryLaterError
            If MLflow is unavailable.
        """
        try:
            answer = self._rest.call(
                "GET", "registered-models/alias", {"name": self.model, "alias": alias}
            )
        except MlflowError as error:
            # a missing alias is INVALID_PARAMETER_VALUE, a missing model RESOURCE_DOES_NOT_EXIST
            if error.status == NOT_FOUND or "not found" in error.message:
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
            if error.status == NOT_FOUND or error.code == "INVALID_PARAMETER_VALUE":
                return None
            raise
        return _model_version(answer["model_version"])

    def versions(self) -> list[ModelVersion]:
        """Return all versions, newest first."""
        found: list[ModelVersion] = []
        page = ""
        while True:
            answer = self._rest.call(
                "GET",
                "model-versions/search",
                {"filter": f"name = '{self.model}'", "max_results": 200, "page_token": page},
            )
            found += [_model_version(one) for one in answer.get("model_versions", [])]
            page = answer.get("next_page_token", "")
            if not page:
                return sorted(found, key=lambda version: -int(version.version))

    def aliases(self) -> dict[str, str]:
        """Return the version of every alias, also of those that others have set."""
        try:
            answer = self._rest.call("GET", "registered-models/get", {"name": self.model})
        except MlflowError as error:
            if error.status == NOT_FOUND:
                return {}
            raise
        found = answer["registered_model"].get("aliases", [])
        return {entry["alias"]: str(entry["version"]) for entry in found}

    def delete_version(self, version: str) -> None:
        """Delete a version, which MLflow does with its aliases; nothing if there is none."""
        try:
            self._rest.call(
                "DELETE", "model-versions/delete", {"name": self.model, "version": version}
            )
        except MlflowError as error:
            if error.status != NOT_FOUND:
                raise

    def of_run(self, run_id: str) -> ModelVersion | None:
        """Return the version that this run registered, or None."""
        run_filter = f"name = '{self.model}' and run_id = '{run_id}'"
        answer = self._rest.call(
            "GET", "model-versions/search", {"filter": run_filter, "max_results": 1}
        )
        found = answer.get("model_versions", [])
        return _model_version(found[0]) if found else None

    def register(
        self,
        *,
        run_id: str,
        model_id: str,
        source: str,
        tags: Mapping[str, str],
        description: str = "",
    ) -> ModelVersion:
        """
        Register a logged model as the next version, unless its run has a version already.

        Parameters
        ----------
        run_id, model_id, source : str
            As `runs.Runs.log_model` returned them.
        tags : mapping of str to str
            ``candidate`` and ``sha256`` at least.
        description : str
            What MLflow's UI says of the version, in Markdown.
        """
        if known := self.of_run(run_id):
            return known
        self._describe_model()
        answer = self._rest.call(
            "POST",
            "model-versions/create",
            {
                "name": self.model,
                "source": source,
                "run_id": run_id,
                "model_id": model_id,
                "description": description,
                "tags": [{"key": key, "value": value} for key, value in tags.items()],
            },
        )
        return _model_version(answer["model_version"])

    def _describe_model(self) -> None:
        """Create the registered model; if it has no description, give it its own."""
        described = {"name": self.model, "description": descriptions.MODEL}
        try:
            self._rest.call("POST", "registered-models/create", described)
        except MlflowError as error:
            if error.code != "RESOURCE_ALREADY_EXISTS":
                raise
            known = self._rest.call("GET", "registered-models/get", {"name": self.model})
            if not known["registered_model"].get("description"):
                self._rest.call("PATCH", "registered-models/update", described)

    def set_alias(self, alias: str, version: str) -> None:
        """Move ``alias``; only `include.jobs.release` calls this, as the ledger says."""
        self._rest.call(
            "POST",
            "registered-models/alias",
            {"name": self.model, "alias": alias, "version": version},
        )

    def remove_alias(self, alias: str) -> None:
        """Remove ``alias``; only `include.jobs.release` calls this, as the ledger says."""
        self._rest.call("DELETE", "registered-models/alias", {"name": self.model, "alias": alias})

    def download(self, version: str | ModelVersion, into: Path) -> Path:
        """
        Return the candidate's folder ``into/<version>-<hash>``, downloaded unless it exists.

        The folder is verified and renamed into place as `downloads.verified_download` says.

        Raises
        ------
        ModelUnusableError
            If there is no such version, it holds no candidate, or its hash is not the registered
            one.
        RetryLaterError
            If MLflow is unavailable.
        """
        found_version = version if isinstance(version, ModelVersion) else self.version(version)
        if found_version is None:
            raise ModelUnusableError(f"{self.model} has no version {version}")
        target = into / f"{found_version.version}-{found_version.sha256[:12]}"
        label = f"version {found_version.version} of {self.model}"
        return verified_download(
            target,
            found_version.sha256,
            lambda folder: self._fetch(found_version, folder, label),
            label,
        )

    def _fetch(self, found_version: ModelVersion, folder: Path, label: str) -> None:
        """Download the candidate's files into ``folder``."""
        try:
            answer = self._rest.call(
                "GET",
                "model-versions/get-download-uri",
                {"name": self.model, "version": found_version.version},
            )
        except MlflowError as error:
            raise ModelUnusableError(f"{label} cannot be downloaded: {error}") from error
        download_candidate(self._rest, str(answer["artifact_uri"]), folder, label)


def _model_version(answer: Mapping[str, Any]) -> ModelVersion:
    """Parse MLflow's answer; a version registered by other tools has no candidate and hash."""
    tags = {entry["key"]: entry["value"] for entry in answer.get("tags", [])}
    return ModelVersion(
        version=str(answer["version"]),
        run_id=str(answer.get("run_id", "")),
        candidate=tags.get("candidate", ""),
        sha256=tags.get("sha256", ""),
        created_at=datetime.fromtimestamp(int(answer["creation_timestamp"]) / 1000, tz=UTC),
        tags=MappingProxyType(tags),
    )
