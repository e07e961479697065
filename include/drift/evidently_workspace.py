"""
Evidently's workspace, which holds the pages of all checks: a folder, or a server by its address.

Processes on the machine of Evidently's UI use its folder; those elsewhere its HTTP interface, which
holds the same projects.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import requests

from include.errors import FixSettingsError, RetryLaterError
from include.escaping import without_markup

if TYPE_CHECKING:
    from evidently.core.report import Snapshot
    from evidently.sdk.models import DashboardPanelPlot
    from evidently.ui.workspace import Project, WorkspaceBase

CATEGORIES: Final = ("word", "tag", "suggested_tag")
NUMBERS: Final = ("words", "code_share", "tags_per_question", "best_score", "f1_at_5")
"""Columns of the families, which the workspace shows over time."""

_SECRET_HEADER: Final = "evidently-secret"  # noqa: S105 - the name of a header
_NOT_PERMITTED: Final = "Not enough permissions"
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True)
class EvidentlyServer:
    """
    Evidently's UI, as processes on other machines reach its workspace.

    Parameters
    ----------
    url : str
        Its root.
    secret : str or None
        What it demands of those who write, if anything.
    """

    url: str
    secret: str | None = field(default=None, repr=False)


WorkspacePlace = Path | EvidentlyServer


def publish_runs(place: WorkspacePlace, project: str, runs: Sequence[tuple[str, Snapshot]]) -> None:
    """
    Add runs to a project, created if absent; they replace its runs of the same names.

    Raises
    ------
    RetryLaterError
        If the server does not answer.
    FixSettingsError
        If it refuses the secret.
    """
    with _opened(place) as workspace:
        found = _projects(workspace, project)
        target = found[0] if found else workspace.create_project(project)
        if not target.dashboard.model().panels:
            for panel in _panels_over_time():
                target.dashboard.add_panel(panel)
        names = {name for name, _ in runs}
        for run, name in _names_of_runs(place, workspace, target.id).items():
            if name in names:
                _delete_run(place, workspace, target.id, run)
        for name, snapshot in runs:
            workspace.add_run(target.id, snapshot, name=name)


def remove_pages(place: WorkspacePlace, project: str, title: str) -> int:
    """
    Remove the pages of a title, as `make_pages` names them; return how many.

    Raises
    ------
    RetryLaterError
        If the server does not answer.
    FixSettingsError
        If it refuses the secret.
    """
    if isinstance(place, Path) and not place.exists():
        return 0
    removed = 0
    with _opened(place) as workspace:
        for found in _projects(workspace, without_markup(project)):
            for run, name in _names_of_runs(place, workspace, found.id).items():
                if name.startswith(f"{without_markup(title)}: "):
                    _delete_run(place, workspace, found.id, run)
                    removed += 1
    return removed


@contextmanager
def _opened(place: WorkspacePlace) -> Iterator[WorkspaceBase]:
    """Give the workspace; errors of its server become those that callers can act on."""
    from evidently.errors import EvidentlyError
    from evidently.ui.workspace import RemoteWorkspace, Workspace

    if isinstance(place, Path):
        place.mkdir(parents=True, exist_ok=True)
        yield Workspace.create(str(place))
        return
    try:
        yield RemoteWorkspace(place.url, secret=place.secret)
    except (requests.ConnectionError, requests.Timeout) as error:
        raise RetryLaterError(f"Evidently's server {place.url} does not answer: {error}") from error
    except (EvidentlyError, requests.HTTPError) as error:
        if isinstance(error, EvidentlyError) and _NOT_PERMITTED not in str(error):
            raise
        if isinstance(error, requests.HTTPError) and _status(error) not in {401, 403}:
            raise
        raise FixSettingsError(
            f"Evidently's server {place.url} refuses to be written to: EVIDENTLY_SECRET must be "
            "the same for it and for all workers"
        ) from error


def _status(error: requests.HTTPError) -> int:
    return 0 if error.response is None else error.response.status_code


def _projects(workspace: WorkspaceBase, name: str) -> list[Project]:
    return [found for found in workspace.list_projects() if found.name == name]


def _names_of_runs(
    place: WorkspacePlace, workspace: WorkspaceBase, project: UUID
) -> dict[UUID, str]:
    """Return the name of each run of a project."""
    if isinstance(place, EvidentlyServer):
        found = _request(place, "GET", f"/api/projects/{project}/snapshots").json()
        return {UUID(run["id"]): str(run["name"]) for run in found}
    runs = {run: workspace.get_run(project, run) for run in workspace.list_runs(project)}
    return {run: str(model.name) for run, model in runs.items() if model is not None}


def _delete_run(place: WorkspacePlace, workspace: WorkspaceBase, project: UUID, run: UUID) -> None:
    if isinstance(place, EvidentlyServer):
        _request(place, "DELETE", f"/api/projects/{project}/{run}")
    else:
        workspace.delete_run(project, run)


def _request(server: EvidentlyServer, method: str, path: str) -> requests.Response:
    """Ask for what `RemoteWorkspace` of Evidently 0.7 does not implement, but its server does."""
    headers = {_SECRET_HEADER: server.secret} if server.secret else {}
    answer = requests.request(
        method, f"{server.url.rstrip('/')}{path}", headers=headers, timeout=_TIMEOUT_S
    )
    answer.raise_for_status()
    return answer


def _panels_over_time() -> list[DashboardPanelPlot]:
    """Return the panels of a project: scores and means of each column, one point for each check."""
    from evidently.sdk.models import PanelMetric
    from evidently.sdk.panels import line_plot_panel

    def panel(title: str, description: str, metric: str, columns: Sequence[str]) -> Any:
        lines = [
            PanelMetric(metric=metric, metric_labels={"column": column}, legend=column)
            for column in columns
        ]
        return line_plot_panel(title, lines, description, size="half")

    return [
        panel(
            "Drift of words and tags",
            "Jensen-Shannon distance from the reference, 0 to 1.",
            "ValueDrift",
            CATEGORIES,
        ),
        panel(
            "Drift of numbers",
            "Wasserstein distance from the reference, in its standard deviations.",
            "ValueDrift",
            NUMBERS,
        ),
        *(
            panel(f"Mean {name}", "Of the checked questions.", "MeanValue", (name,))
            for name in NUMBERS
        ),
    ]
