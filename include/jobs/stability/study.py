"""
Train a model for each month, test it on every later month, and report on the results.

The DAG `stability_month` calls this module. ``tagkeeper stability --help`` does
the same for a range of months in one process, without Airflow.
"""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine

from include import names
from include.candidates.base import EncoderFactory
from include.candidates.catalogue import make_candidate
from include.errors import FixInputError, TagkeeperError
from include.escaping import markdown
from include.evaluation.report_periods import report_periods_around
from include.evaluation.schedules import Prices
from include.evaluation.year import YearReport, learned_from_less
from include.evaluation.year_json import to_json
from include.jobs.data.datasets import TimeSplit, resolve_months, split_by_time
from include.jobs.stability.default_candidate import largest_window, that_hold
from include.jobs.stability.models import StudyModels
from include.jobs.stability.questions import StudyQuestions
from include.jobs.stability.report import ReportBuilder
from include.jobs.training.candidate_runs import CandidateMaker
from include.jobs.training.code_version import code_version
from include.jobs.training.pipeline import QuestionLoader
from include.jobs.training.plan import CandidateSpec, expand_candidates
from include.months import resolve_month
from include.notify.airflow_note import write_note
from include.pages import stability
from include.registry.descriptions import NOTE
from include.registry.runs import Runs, run_url
from include.settings import Settings
from include.store.engine import process_engine
from include.store.questions import questions_per_month
from include.store.stability import (
    Study,
    finished_months,
    lock_study,
    read_months,
    read_refits,
    read_refreshed_months,
    reopen_month,
    report_source,
    save_report,
)

log = logging.getLogger(__name__)

_REPORT_CODE: Final = (
    "evaluation",
    "drift",
    "pages",
    "stability_alarms",
    "stability_causes",
    "stability_questions",
    "stability_report",
)

Render = Callable[[YearReport], str]


@dataclass(frozen=True, slots=True)
class MonthRequest:
    """
    One month of a study.

    Parameters
    ----------
    month : str
        Test month; its models are trained on the months before.
    candidates : tuple of CandidateSpec
        At least one; each is a study of its own.
    window_months : int or None
        Length of the training window in months, >= 1; None for all stored months.
    refreshes : bool
        Also refit the models within the month, every week and when new tags surge.
    whole_window_only : bool
        Study the first family of ``candidates`` that can learn from every question of the largest
        window of the site's stored months.
    without_rare_tags : bool
        Also answer the month with a model that knows only tags of five uses or more; with
        ``refreshes`` also with such models that are refitted within the month.
    prices : Prices or None
        Of a training and of a lost point; the report then names the cheapest rule.
    """

    month: str
    candidates: tuple[CandidateSpec, ...]
    window_months: int | None = None
    refreshes: bool = False
    whole_window_only: bool = False
    without_rare_tags: bool = False
    prices: Prices | None = None


@dataclass(frozen=True)
class Stability:
    """
    The steps of a month, safe to repeat, in any order of months and in parallel.

    Parameters
    ----------
    engine : Engine
    runs : Runs
    settings : Settings
    load : QuestionLoader
        `include.jobs.data.features.load_labelled` of the site.
    encoders : EncoderFactory
        With a cache.
    render : callable
        Renders a report as a page (HTML).
    make : callable
        Returns an unfitted candidate by name.
    """

    engine: Engine
    runs: Runs
    settings: Settings
    load: QuestionLoader
    encoders: EncoderFactory
    render: Render
    make: CandidateMaker = make_candidate

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Build everything on the database and the MLflow server that the settings name."""
        from include.candidates.encoders import encoder_factory
        from include.jobs.data.features import cached_encoders, load_labelled

        engine = process_engine(settings.require_database_url())
        return cls(
            engine=engine,
            runs=Runs(settings.require_mlflow_uri()),
            settings=settings,
            load=lambda first, last: load_labelled(engine, settings.site, first, last),
            encoders=cached_encoders(engine, encoder_factory(settings.bert_model)),
            render=stability.render,
        )

    def train(self, request: MonthRequest) -> dict[str, str]:
        """
        Train and test the month's model of each candidate; return each one's MLflow run.

        A candidate that fails does not stop the others; its error is raised at the end.

        Raises
        ------
        MissingDataError
            If the month's questions, or those of the month before, are missing; the message names
            the month and the command that gets it.
        """
        split = self._split(request)
        done: dict[str, str] = {}
        failures: list[Exception] = []
        for spec in self._specs(request):
            try:
                study = self.models.study(spec, request.window_months)
                done[spec.label] = self.models.train(
                    study,
                    split,
                    refreshes=request.refreshes,
                    without_rare_tags=request.without_rare_tags,
                )
            except Exception as error:  # whatever a library raises: the others go on
                log.exception("%s failed on %s", spec.label, request.month)
                failures.append(error)
        if failures:
            raise failures[0]
        return done

    def report(self, request: MonthRequest) -> list[str]:
        """
        Report on the finished months around the month; return the recommendations.

        A report that was built from the same models is kept as it is.
        """
        recommendations = []
        for spec in self._specs(request):
            study = self.models.study(spec, request.window_months)
            questions = StudyQuestions(self.load, study.site, self.settings.random_seed)
            reporter = ReportBuilder(self.engine, self.settings, study, questions)
            with self.engine.begin() as connection:
                # serialised: the last task sees every month that is finished by then
                lock_study(connection, f"{study.study_id} report")
                for first, last in self._report_periods(connection, reporter, request):
                    report = reporter.build(first, last, request.prices)
                    self._save(connection, study, report)
                    recommendations.append(f"{spec.label}, {first} to {last}: {_summary(report)}")
        return recommendations

    def _specs(self, request: MonthRequest) -> tuple[CandidateSpec, ...]:
        """Return the candidates that are studied; the same for every month."""
        if not request.whole_window_only:
            return request.candidates
        with self.engine.connect() as connection:
            counts = questions_per_month(connection, self.settings.site)
        return that_hold(
            request.candidates,
            largest_window(counts, request.window_months),
            lambda spec: self.make(spec.name, spec.parameters, self.encoders).question_limit,
        )

    def _report_periods(
        self, connection: Connection, reporter: ReportBuilder, request: MonthRequest
    ) -> list[tuple[str, str]]:
        """Return the report periods around a month without a current report or stale months."""
        study = reporter.study
        finished = set(finished_months(connection, study.study_id))
        for period in self._unreported(connection, study, finished, request):
            for stale in reporter.stale_months(*period):
                log.warning("%s has changed: run stability_month for it again", stale.month)
                reopen_month(connection, study.study_id, stale)
                finished.discard(stale.month)
        return self._unreported(connection, study, finished, request)

    def _unreported(
        self, connection: Connection, study: Study, finished: set[str], request: MonthRequest
    ) -> list[tuple[str, str]]:
        """Return the report periods around a month whose report is not of the stored models."""
        return [
            period
            for period in report_periods_around(finished, request.month)
            if report_source(connection, study.study_id, *period)
            != self._source(study, *period, request.prices)
        ]

    @cached_property
    def models(self) -> StudyModels:
        """The monthly models."""
        return StudyModels(
            self.engine, self.runs, self.settings, self.load, self.encoders, self.make
        )

    def _split(self, request: MonthRequest) -> TimeSplit:
        """Load the month and those before it; see `resolve_months` for errors."""
        site = self.settings.site
        with self.engine.connect() as connection:
            months = resolve_months(
                connection,
                site,
                test_month=request.month,
                window_months=request.window_months,
            )
        questions = self.load(months.train_first, months.test_month)
        return split_by_time(
            questions, months, site=site, min_tag_count=self.settings.min_tag_count
        )

    def _source(self, study: Study, first: str, last: str, prices: Prices | None) -> str:
        """Return the hash of everything that determines a report."""
        with self.engine.connect() as connection:
            months = read_months(connection, study.study_id, first, last)
            refreshed = read_refreshed_months(connection, study.study_id, first, last)
            refits = read_refits(connection, study.study_id, first, last)
        inputs = [
            study.study_id,
            code_version(_REPORT_CODE),
            self.settings.bootstrap_samples,
            self.settings.random_seed,
            self.settings.false_alarms_per_year,
            asdict(prices) if prices else None,
            *((each.model.run_id, each.model.test_id) for each in months.values()),
            *((rule, *of_rule) for rule, of_rule in refreshed.items()),
            *((month, *of_month) for month, of_month in refits.items()),
        ]
        return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:32]

    def _save(self, connection: Connection, study: Study, report: YearReport) -> None:
        """Store a report and its page, in PostgreSQL and in MLflow."""
        html = self.render(report)
        first, last = report.months[0], report.months[-1]
        save_report(
            connection,
            study,
            to_json(report),
            first_month=first,
            last_month=last,
            source_id=self._source(study, first, last, report.prices),
            html=html,
            run_ids=[figures.run_url.rsplit("/", 1)[-1] for figures in report.figures],
        )
        self._log(study, report, html)

    def _log(self, study: Study, report: YearReport, html: str) -> None:
        """Log the report to the MLflow run of each year that it covers."""
        metrics = {f"mean_f1_{policy}": curve.mean for policy, curve in report.curves.items()} | {
            f"loss_{policy}": curve.loss for policy, curve in report.curves.items()
        }
        if report.half_life:
            metrics["half_life_months"] = report.half_life.months
        with tempfile.TemporaryDirectory() as work:
            folder = Path(work)
            (folder / "stability.json").write_text(to_json(report), encoding="utf-8")
            if html:
                (folder / "stability.html").write_text(html, encoding="utf-8")
            for year in sorted({month[:4] for month in report.months}):
                run_id = self.models.year_run(study, year)
                self.runs.log_folder(run_id, folder)
                self.runs.log(run_id, metrics=metrics, tags={NOTE: markdown(_summary(report))})


def request_from_run(
    params: Mapping[str, Any],
    data_interval_start: datetime | None,
    data_interval_end: datetime | None,
) -> MonthRequest:
    """
    Return the request of a run of the DAG `stability_month`.

    Parameters
    ----------
    params : mapping
        ``month``, ``candidates``, ``parameters``, ``window_months``, ``refreshes``,
        ``without_rare_tags``, ``training_price``, ``point_price``; absent or null ones take their
        defaults.
    data_interval_start, data_interval_end : datetime or None
        As in `include.months.resolve_month`.

    Raises
    ------
    FixInputError
        If no month is given, candidates or parameters are malformed, or one price is missing.
    """
    chosen = params.get("candidates") or [names.AUTO]
    automatic = names.AUTO in chosen
    return MonthRequest(
        month=resolve_month(params, data_interval_start, data_interval_end),
        candidates=expand_candidates(
            names.STUDY_CANDIDATES if automatic else chosen, params.get("parameters")
        ),
        whole_window_only=automatic,
        window_months=params.get("window_months") or None,
        refreshes=bool(params.get("refreshes")),
        without_rare_tags=bool(params.get("without_rare_tags")),
        prices=_prices(params.get("training_price"), params.get("point_price")),
    )


def _prices(training: float | None, point: float | None) -> Prices | None:
    """Return both prices, None without any."""
    if training is None and point is None:
        return None
    if training is None or point is None:
        raise FixInputError("give both prices, that of a training and that of a point, or none")
    return Prices(float(training), float(point))


def study_and_note(settings: Settings, request: MonthRequest, run_id: str) -> dict[str, str]:
    """
    Train and test a month's models, then report on the months around it; return the models' runs.

    A note on the DAG run links to the models and says what the reports recommend. Repeated after a
    failure, it continues where it stopped.
    """
    try:
        steps = Stability.from_settings(settings)
        done = steps.train(request)
    except TagkeeperError as error:
        _note(settings, run_id, f"**{request.month}** failed: {markdown(str(error))}")
        raise
    links = [
        f"[{label}]({run_url(settings.mlflow_page, run.experiment_id, run.run_id)}) "
        f"(learned from {run.params['learned_from']})"
        for label, run in ((label, steps.runs.get(model)) for label, model in done.items())
    ]
    trained = f"**{request.month}**, models in MLflow: {', '.join(links)}"
    _note(settings, run_id, trained)
    if recommendations := steps.report(request):
        _note(settings, run_id, "\n\n".join([trained, *map(markdown, recommendations)]))
    return done


def _summary(report: YearReport) -> str:
    """Return what a report recommends, and which models did not learn from their whole window."""
    return " ".join(filter(None, (report.recommendation, learned_from_less(report.figures))))


def _note(settings: Settings, run_id: str, text: str) -> None:
    write_note(settings, names.DAG_STABILITY, run_id, text[:1000])
