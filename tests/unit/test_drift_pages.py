"""Evidently's pages: one per family, found by name, failures apart, the workspace without doubles."""

from datetime import UTC, datetime

import numpy as np
import pytest

pytest.importorskip("evidently")

from include.drift.evidently_report import FAMILIES, drift_scores, make_pages
from include.drift.samples import Observations

AT = datetime(2024, 2, 1, tzinfo=UTC)


def observed(seed, tags=("swift", "rxjs", "c++"), **parts):
    generator = np.random.default_rng(seed)
    count = 120
    chosen = [[str(generator.choice(tags))] for _ in range(count)]
    values = {
        "months": ["2024-01"] * count,
        "words": [[f"w{i}" for i in generator.integers(0, 30, 6)] for _ in range(count)],
        "word_counts": generator.lognormal(4, 0.5, count).tolist(),
        "code_shares": generator.uniform(size=count).tolist(),
        "tags": chosen,
        "suggested": [[(row[0], 0.8)] for row in chosen],
        "f1": generator.uniform(size=count).tolist(),
    }
    return Observations(**values | parts)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder, workspace = tmp_path_factory.mktemp("pages"), tmp_path_factory.mktemp("workspace")
    for _ in range(2):
        pages = make_pages(
            observed(1),
            observed(2, tags=("combine", "swiftui")),
            folder,
            title="2024-01 against 2023",
            at=AT,
            workspace=workspace,
        )
    return pages, workspace


def test_each_family_has_a_page(made):
    pages, _ = made

    assert tuple(page.family for page in pages) == FAMILIES
    assert all(page.html.stat().st_size > 100_000 for page in pages)


def test_scores_are_found_by_their_columns_names(made):
    scores = {page.family: page.drifts for page in made[0]}

    assert set(scores["data"]) == {"words", "code_share"}
    assert scores["tags"]["tag"] > 0.8 > 0.3 > scores["data"]["words"]


def test_repeated_check_is_in_the_workspace_once(made):
    from evidently.ui.workspace import Workspace

    workspace = Workspace.create(str(made[1]))
    (project,) = workspace.list_projects()
    names = [workspace.get_run(project.id, run).name for run in workspace.list_runs(project.id)]

    assert sorted(names) == sorted(f"2024-01 against 2023: {family}" for family in FAMILIES)


def test_new_project_shows_every_column_over_time(made):
    from evidently.ui.service.app import create_app, get_config
    from evidently.ui.workspace import Workspace
    from litestar.testing import TestClient

    (project,) = Workspace.create(str(made[1])).list_projects()
    panels = project.dashboard.model().panels
    asked = [
        {"tags": [], "metadata": {}, "metric": line.metric, "metric_labels": line.metric_labels}
        for panel in panels
        for line in panel.values
    ]
    app = create_app(get_config(host="127.0.0.1", port=8000, workspace=str(made[1])))
    with TestClient(app) as client:
        path = f"/api/v2/snapshots/{project.id}/data_series_batch"
        answer = client.post(path, json={"series_filter": asked})
    drawn = {(one["metric_type"], one["params"]["column"]) for one in answer.json()["series"]}

    assert len({panel.title for panel in panels}) == len(panels) == 7
    assert drawn == {(one["metric"], one["metric_labels"]["column"]) for one in asked}


def test_family_without_data_has_no_page(tmp_path):
    pages = make_pages(
        observed(1), observed(2, tags=("swift",), f1=None), tmp_path, title="t", at=AT
    )

    assert "quality" not in [page.family for page in pages]


def test_family_that_fails_hides_no_other(tmp_path):
    nothing = observed(2, words=[[]] * 120)

    pages = make_pages(observed(1, words=[[]] * 120), nothing, tmp_path, title="t", at=AT)

    assert {"data", "tags", "predictions", "quality"} <= {page.family for page in pages}


def test_order_of_the_metrics_does_not_matter():
    drift = {"type": "evidently:metric_v2:ValueDrift", "column": "tag"}
    mean = {"type": "evidently:metric_v2:MeanValue", "column": "tag"}
    metrics = [{"config": drift, "value": 0.4}, {"config": mean, "value": 3.0}]

    assert drift_scores({"metrics": metrics}) == drift_scores({"metrics": metrics[::-1]})
