"""Realistic facts for the mails' tests and for looking at them."""

from include.notify.facts import (
    AbTestFacts,
    DriftFacts,
    FigureRow,
    Link,
    MoverFact,
    RollbackFacts,
    SignalFact,
    TrainingFacts,
)
from include.notify.pictures import movers_picture, signals_picture

SIGNALS = (
    SignalFact("New tags", 0.142, 0.021, True),
    SignalFact("Tags that moved most", 7.92, 2.61, True),
    SignalFact("Keyword frequencies", 6.13, 2.74, True),
    SignalFact("Tag distribution", 0.061, 0.029, True),
    SignalFact("Recall out of reach", 0.201, 0.034, True),
    SignalFact("F1@5 on true tags", 0.102, 0.044, True),
    SignalFact("Vanished tags", 0.031, 0.034, False),
    SignalFact("Words never seen before", 0.018, 0.026, False),
    SignalFact("Suggested tags", 0.011, 0.018, False),
    SignalFact("Calibration of scores", 0.022, 0.038, False),
    SignalFact("Confidence", 0.061, 0.123, False),
    SignalFact("Share of code", 0.044, 0.122, False),
    SignalFact("Length of texts", 0.031, 0.115, False),
)
TAGS = (
    MoverFact("combine", 0.0, 0.174),
    MoverFact("swiftui", 0.0, 0.131),
    MoverFact("rxjs6", 0.261, 0.148),
    MoverFact("angular", 0.342, 0.255),
    MoverFact("ios13", 0.0, 0.022),
)
WORDS = (
    MoverFact("publisher", 0.004, 0.094),
    MoverFact("combine", 0.021, 0.187),
    MoverFact("@published", 0.0, 0.061),
    MoverFact("pipe", 0.288, 0.191),
)
LINKS = (
    Link("Drift report", "http://127.0.0.1:5000/#/experiments/3/runs/4b1e"),
    Link("Evidently", "http://127.0.0.1:8085"),
    Link("This check in Airflow", "http://127.0.0.1:8080/dags/monitor_drift/runs/manual__1"),
    Link("The retraining", "http://127.0.0.1:8080/dags/train_candidates/runs/drift-report-7"),
)


def drift_facts(**changes):
    facts = {
        "report_id": 7,
        "site": "stackoverflow",
        "window": "2019-06",
        "monthly": True,
        "reason": "6 of 13 signals passed their thresholds, most of all new tags (0.142 against "
        "0.021): combine (0.0% to 17.4%), swiftui (0.0% to 13.1%), rxjs6 (26.1% to 14.8%).",
        "since": "2019-06: the month before was quiet",
        "reference": "2018-12 to 2019-05 (551 questions)",
        "questions": 99,
        "model": "version 12 (hybrid)",
        "signals": SIGNALS,
        "tags": TAGS,
        "words": WORDS,
        "f1_before": 0.523,
        "f1_now": 0.421,
        "links": LINKS,
        "pictures": (
            signals_picture(SIGNALS),
            movers_picture("tags", "tag", TAGS),
            movers_picture("words", "word", WORDS),
        ),
    }
    return DriftFacts(**facts | changes)


def training_facts(**changes):
    facts = {
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
            FigureRow("hybrid", True, 0.811, 0.569, 0.448, 0.486, 0.86),
            FigureRow("bert", False, 0.773, 0.556, 0.446, 0.471, 0.86),
            FigureRow("tfidf", False, 0.761, 0.508, 0.409, 0.455, 0.86),
            FigureRow("champion, version 12", False, 0.702, 0.482, 0.381, 0.421, 0.70),
            FigureRow("frequency", False, 0.246, 0.192, 0.194, None, 0.86),
        ),
        "failed": (),
        "drift_report_id": 7,
        "links": LINKS[:2],
    }
    return TrainingFacts(**facts | changes)


def rollback_facts(**changes):
    facts = {
        "key": "manual__2024",
        "site": "stackoverflow",
        "version": "12",
        "version_before": "13",
        "actor": "maria",
        "reason": "suggests swift for everything",
        "verified": "answers with version 12 after 2.1 s",
        "links": LINKS[:1],
    }
    return RollbackFacts(**facts | changes)


def ab_test_facts(**changes):
    facts = {
        "ab_test_id": 4,
        "site": "stackoverflow",
        "promoted": True,
        "champion_version": "12",
        "challenger_version": "13",
        "live_version": "13",
        "shared": "50% of the traffic",
        "days": 9.2,
        "reason": "the challenger is better: gain +0.041, between +0.012 and +0.070 over 812 units",
        "units": 812,
        "gain": 0.041,
        "gain_low": 0.012,
        "gain_high": 0.070,
        "links": LINKS[:1],
    }
    return AbTestFacts(**facts | changes)
