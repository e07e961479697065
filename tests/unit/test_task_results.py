"""Results pass between tasks as JSON and come back equal."""

import json

import pytest

from include.errors import FixInputError
from include.task_results import CandidateRow, DriftAlarm, RollbackResult, TrainingResult

TRAINING = TrainingResult(
    run_id="abc",
    experiment_id="1",
    test_month="2024-03",
    candidate="tfidf",
    promoted=True,
    version="5",
    challenger_version=None,
    champion_before="4",
    reason="better",
    rows=[CandidateRow("tfidf", True, {"f1@5": 0.5, "rank_ms": None}, "run", True)],
    failed=["lda"],
    figures={"difference": {"mean": 0.01}},
    drift_report_id=7,
    note="**better**",
)
RESULTS = [TRAINING, DriftAlarm(3, "monitor_drift", "r"), RollbackResult(5, None, "3", "a", "b")]


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_result_is_equal_after_json(result):
    assert type(result).from_dict(json.loads(json.dumps(result.to_dict()))) == result


def test_missing_field_is_named():
    with pytest.raises(FixInputError, match="RollbackResult needs actor, reason"):
        RollbackResult.from_dict({"promotion_id": 1, "from_version": "2", "to_version": "3"})


def test_field_of_a_newer_version_is_ignored():
    assert DriftAlarm.from_dict({"report_id": 3, "colour": "red"}) == DriftAlarm(3)
