"""What MLflow's pages say of experiments, runs, models and versions, in Markdown. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from include import names
from include.escaping import markdown

NOTE: Final = "mlflow.note.content"
"""The tag that MLflow's UI shows as the description of a run or an experiment."""
EXPERIMENTS: Final[Mapping[str, str]] = {
    names.EXPERIMENT_TRAINING: (
        "One run for each training, with one for each candidate below it. Candidates are compared "
        "by `f1_all_at_5` on the questions of the test month, and the winner is registered as a "
        f"version of `{names.MODEL}`. The service answers with the alias `{names.CHAMPION}`."
    ),
    names.EXPERIMENT_STABILITY: (
        "One run for each month's model of a candidate, tested on its month and every later one, "
        "and one for each year with the page that compares retraining policies."
    ),
    names.EXPERIMENT_DRIFT: (
        "One run for each drift check: its verdict as a tag, its signals as metrics, and "
        "Evidently's reports as artifacts."
    ),
}
VIEW: Final = "trainings"
"""Name of the view to which `include.registry.runs.trainings_url` leads."""
VIEWS: Final[Mapping[str, Mapping[str, Any]]] = {
    names.EXPERIMENT_TRAINING: {
        "searchFilter": "tags.`kind` = 'training'",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "selectedColumns": [
            "attributes.`Created`",
            "attributes.`Description`",
            "tags.`selected`",
            "tags.`promoted`",
            "metrics.`f1_all_at_5`",
            "metrics.`f1_suggested`",
            "metrics.`coverage`",
        ],
    }
}
"""
Which runs MLflow's UI shows of an experiment, in which order and with which columns.

The form is that of its button *Share*: JSON in a tag of the experiment, whose name the link bears.
"""
MODEL: Final = (
    "Suggests tags for questions. The service answers with the version of the alias "
    f"`{names.CHAMPION}`; `{names.CHALLENGER}` is one that was not promoted, for an A/B test. Do "
    "not move aliases here: the platform does, and keeps a ledger of it. To go back, run the DAG "
    f"`{names.DAG_ROLLBACK}`."
)


def tags_of(experiment: str) -> dict[str, str]:
    """Return the tags of an experiment: its description and its view; none if it is not ours."""
    tags = {NOTE: EXPERIMENTS[experiment]} if experiment in EXPERIMENTS else {}
    if experiment in VIEWS:
        tags[f"mlflow.sharedViewState.{VIEW}"] = json.dumps(VIEWS[experiment])
    return tags


def training(test: str, site: str, reason: str) -> str:
    """Return the description of a training that has not ended; its selection replaces it."""
    return f"Compares candidates on {test} of {markdown(site)}. Why: {markdown(reason)}"


def evaluated(label: str, learned: str, site: str, test: str) -> str:
    """
    Return the description of a candidate's run.

    Parameters
    ----------
    label : str
        The candidate, with the parameters that differ from its defaults.
    learned, test : str
        The periods that it learned from and is tested on.
    site : str

    Examples
    --------
    >>> evaluated("tfidf", "2023-01 to 2023-11", "devops", "2023-12")
    'tfidf, trained on 2023-01 to 2023-11 of devops, tested on 2023-12; artifacts: tables, plots.'
    """
    return (
        f"{markdown(label)}, trained on {learned} of {markdown(site)}, tested on {test}; "
        "artifacts: tables, plots."
    )


def refitted(label: str, learned: str, site: str, test: str) -> str:
    """Return the description of the run that fits the selected candidate anew; see `evaluated`."""
    return (
        f"{markdown(label)}, selected on {test} and then trained again on {learned} of "
        f"{markdown(site)}, with the questions that it was tested on. This model is registered."
    )


def champion_predictions(version: str, site: str, test: str) -> str:
    """Return the description of the run that holds the champion's answers to the test questions."""
    return (
        f"What version {version}, the champion then, suggests for the questions of {test} of "
        f"{markdown(site)}: the training above compares its best candidate with these, question by "
        "question."
    )


def drift_check(title: str, verdict: str) -> str:
    """Return the description of a drift check whose pages are still being made."""
    return f"{markdown(title)}: {verdict.replace('_', ' ')}."


def stability_year(label: str, window: str, site: str, year: str) -> str:
    """Return the description of a year of monthly models, until its report has a recommendation."""
    return (
        f"One model of {markdown(label)} for each month of {year} of {markdown(site)}{window}, "
        "below this run. Its report, which recommends how often to retrain, follows."
    )


def version(label: str, learned: str, site: str, test: str, f1: float) -> str:
    """
    Return the description of a registered version.

    Parameters
    ----------
    label, learned, site, test : str
        As for `evaluated`.
    f1 : float
        ``f1_all@5`` on the test questions, in [0, 1].

    Examples
    --------
    >>> version("tfidf", "2023-01 to 2023-12", "devops", "2023-12", 0.4321)
    'tfidf, trained on 2023-01 to 2023-12 of devops. `f1_all_at_5` on 2023-12: 0.432.'
    """
    return (
        f"{markdown(label)}, trained on {learned} of {markdown(site)}. "
        f"`f1_all_at_5` on {test}: {f1:.3f}."
    )
