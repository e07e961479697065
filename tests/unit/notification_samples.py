"""Realistic summaries for the tests of mails and Slack messages."""

from include.notify.charts import contributors_chart, signals_chart
from include.notify.summaries import (
    AbTestSummary,
    CandidateScores,
    ContributorSummary,
    DriftSummary,
    Link,
    RollbackSummary,
    SignalSummary,
    ThresholdScores,
    TrainingSummary,
)

SIGNALS = (
    SignalSummary("New tags", 0.142, 0.021, True),
    SignalSummary("Tags that changed most", 7.92, 2.61, True),
    SignalSummary("Keyword frequencies", 6.13, 2.74, True),
    SignalSummary("Tag distribution", 0.061, 0.029, True),
    SignalSummary("Tags outside the vocabulary", 0.201, 0.034, True),
    SignalSummary("F1@5 on true tags", 0.102, 0.044, True),
    SignalSummary("Vanished tags", 0.031, 0.034, False),
    SignalSummary("Words never seen before", 0.018, 0.026, False),
    SignalSummary("Suggested tags", 0.011, 0.018, False),
    SignalSummary("Calibration of scores", 0.022, 0.038, False),
    SignalSummary("Confidence", 0.061, 0.123, False),
    SignalSummary("Share of code", 0.044, 0.122, False),
    SignalSummary("Length of texts", 0.031, 0.115, False),
)
TAGS = (
    ContributorSummary("combine", 0.0, 0.174, significant=True),
    ContributorSummary("swiftui", 0.0, 0.131, significant=True),
    ContributorSummary("rxjs6", 0.261, 0.148, significant=True),
    ContributorSummary("angular", 0.342, 0.255),
    ContributorSummary("ios13", 0.0, 0.022),
)
WORDS = (
    ContributorSummary("publisher", 0.004, 0.094, significant=True),
    ContributorSummary("combine", 0.021, 0.187, significant=True),
    ContributorSummary("@published", 0.0, 0.061),
    ContributorSummary("pipe", 0.288, 0.191),
)
LINKS = (
    Link("Drift report", "http://127.0.0.1:5000/#/experiments/3/runs/4b1e"),
    Link("Evidently", "http://127.0.0.1:8085"),
    Link("This check in Airflow", "http://127.0.0.1:8080/dags/monitor_drift/runs/manual__1"),
    Link("The retraining", "http://127.0.0.1:8080/dags/train_candidates/runs/drift-report-7"),
)


def drift_summary(**changes):
    summary = {
        "report_id": 7,
        "site": "stackoverflow",
        "window": "2019-06",
        "monthly": True,
        "reason": "6 of 13 alerting signals exceeded their thresholds, first new tags (0.142, threshold "
        "0.021): combine (0.0% to 17.4%), swiftui (0.0% to 13.1%), rxjs6 (26.1% to 14.8%).",
        "since": "2019-06: the month before was quiet",
        "reference": "20,000 of 264,000 of 2018-12 to 2019-05",
        "questions": "5,000 of 66,000",
        "model": "version 12 (hybrid)",
        "signals": SIGNALS,
        "tags": TAGS,
        "words": WORDS,
        "f1_before": 0.523,
        "f1_now": 0.421,
        "links": LINKS,
        "images": (
            signals_chart(SIGNALS),
            contributors_chart("tags", "tag", TAGS),
            contributors_chart("words", "word", WORDS),
        ),
    }
    return DriftSummary(**summary | changes)


def training_summary(**changes):
    summary = {
        "key": "9f31c2",
        "site": "stackoverflow",
        "test_month": "2019-06",
        "promoted": True,
        "candidate": "hybrid",
        "version": "13",
        "version_before": "12",
        "challenger_version": None,
        "reason": "hybrid replaces version 12: F1@5 0.486 against 0.421 on the same 99 questions "
        "of 2019-06, better by 0.065 (0.031 to 0.099 at 95 %).",
        "rows": (
            CandidateScores(
                *("hybrid", True, 0.811, 0.569, 0.486, 0.448, 0.86),
                "the latest 9,000 of 66,000 questions, asked from 2019-05-28 to 2019-05-31, with "
                "1,204 tags used at least 5 times",
                *(0.643, 0.97),
            ),
            CandidateScores("bert", False, 0.773, 0.556, 0.471, 0.446, 0.86),
            CandidateScores("tfidf", False, 0.761, 0.508, 0.455, 0.409, 0.86),
            CandidateScores("champion, version 12", False, 0.702, 0.482, 0.421, 0.381, 0.70),
            CandidateScores("frequency", False, 0.246, 0.192, 0.194, None, 0.86),
        ),
        "thresholds": (
            ThresholdScores(0.25, 0.61, 0.68, 0.97),
            ThresholdScores(0.9, None, 0.0, 0.0),
        ),
        "failed": (),
        "drift_report_id": 7,
        "links": LINKS[:2],
    }
    return TrainingSummary(**summary | changes)


def rollback_summary(**changes):
    summary = {
        "key": "manual__2024",
        "site": "stackoverflow",
        "version": "12",
        "version_before": "13",
        "actor": "maria",
        "reason": "suggests swift for everything",
        "verified": "answers with version 12 after 2.1 s",
        "links": LINKS[:1],
    }
    return RollbackSummary(**summary | changes)


def ab_test_summary(**changes):
    summary = {
        "ab_test_id": 4,
        "site": "stackoverflow",
        "promoted": True,
        "champion_version": "12",
        "challenger_version": "13",
        "served_version": "13",
        "shared": "50% of the traffic",
        "days": 9.2,
        "reason": "the challenger is better: gain +0.041, between +0.012 and +0.070 over 812 units",
        "units": 812,
        "gain": 0.041,
        "gain_low": 0.012,
        "gain_high": 0.070,
        "links": LINKS[:1],
    }
    return AbTestSummary(**summary | changes)
