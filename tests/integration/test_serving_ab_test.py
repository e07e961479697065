"""A/B tests from start to verdict on real PostgreSQL, aliases over real HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import text

from include.errors import FixInputError
from include.evaluation.sequential import StoppingRule
from include.jobs.notifications import compose
from include.jobs.release import ab_testing as ab_test
from include.registry import Registry
from include.settings import Settings
from include.store.ab_tests import open_ab_test, read_paired_scores, read_units
from include.store.predictions import (
    Feedback,
    Prediction,
    copy_feedback,
    copy_predictions,
    feedback_line,
    prediction_line,
    uuid7_time,
)
from serving.prediction_ids import new_id
from tests.serving.stub_registry import StubRegistry

pytestmark = pytest.mark.integration

RULE = StoppingRule(min_units=50)
RIGHT, WRONG = (("python", 0.9), ("sql", 0.8)), (("go", 0.9), ("rust", 0.8))


@pytest.fixture
def mlflow(tmp_path):
    with StubRegistry() as registry:
        for version in ("1", "2", "3"):
            folder = tmp_path / version
            folder.mkdir()
            (folder / "candidate.json").write_text(version)
            registry.add(version, folder)
        registry.aliases["champion"] = "1"
        yield registry


@pytest.fixture
def registry(mlflow):
    return Registry(mlflow.url)


def start(engine, registry, **changes):
    asked = {"challenger_version": "2", "share": 0.5, "shadow": False, "actor": "test"}
    return ab_test.start(engine, registry, **{**asked, "reason": "to see", **changes})


def answer(ab_test_id, variant, tags, **changes):
    prediction_id = new_id()
    row = {
        "prediction_id": prediction_id,
        "asked_at": uuid7_time(prediction_id),
        "site": "sandbox",
        "title": "t",
        "body": "",
        "tags": tags,
        "model_version": "1" if variant == "champion" else "2",
        "candidate": "tfidf",
        "variant": variant,
        "latency_ms": 1.0,
        "ab_test_id": ab_test_id,
    }
    return Prediction(**{**row, **changes})


def store(engine, rows, feedback=(), truths=None):
    with engine.begin() as connection:
        copy_predictions(connection, [prediction_line(row) for row in rows])
        copy_feedback(connection, [feedback_line(row) for row in feedback])
        for question_id, tags in (truths or {}).items():
            connection.execute(
                text(
                    "INSERT INTO question_tags (site, question_id, asked_at, first_tags, "
                    "first_seen_at) VALUES ('sandbox', :id, now(), :tags, now())"
                ),
                {"id": question_id, "tags": list(tags)},
            )


def shared_traffic(
    engine, ab_test_id, *, right_champion, right_challenger, clients=400, told="site", key_name=None
):
    """Each client asks one question of the site; each version is right so often."""
    rng = np.random.default_rng(1)
    rows, feedback = [], []
    for client in range(clients):
        variant = "challenger" if rng.random() < 0.5 else "champion"
        chance = right_challenger if variant == "challenger" else right_champion
        tags = RIGHT if rng.random() < chance else WRONG
        rows.append(
            answer(
                ab_test_id,
                variant,
                tags,
                client=f"c{client}",
                question_id=client + 1 if told == "site" else None,
                key_name=key_name(client) if key_name else None,
            )
        )
        given = Feedback(
            new_id(),
            rows[-1].prediction_id,
            datetime.now(UTC),
            ("python", "sql"),
            "api",
            rows[-1].key_name,
        )
        feedback.append(given)
    if told == "site":
        truths = dict.fromkeys(range(1, clients + 1), ("python", "sql"))
        store(engine, rows, truths=truths)
    else:
        store(engine, rows, feedback)


def verdicts(engine):
    with engine.connect() as connection:
        return list(
            connection.execute(text("SELECT verdict FROM ab_verdicts ORDER BY judged_at")).scalars()
        )


def is_open(engine):
    with engine.connect() as connection:
        return open_ab_test(connection) is not None


def test_start_gives_the_challenger_its_alias(engine, registry, mlflow):
    start(engine, registry)

    assert mlflow.aliases == {"champion": "1", "challenger": "2"}
    assert is_open(engine)


def test_same_version_for_both_variants_is_rejected(engine, registry, mlflow):
    mlflow.aliases["challenger"] = "1"
    with pytest.raises(FixInputError, match="both version 1"):
        start(engine, registry, challenger_version=None)

    assert not is_open(engine)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"challenger_version": "9"}, "no version 9"),
        ({"challenger_version": None}, "alias challenger"),
        ({"share": 0.0}, "share"),
        ({"share": 1.0}, "share"),
    ],
)
def test_invalid_start_is_rejected(engine, registry, changes, fault):
    with pytest.raises(FixInputError, match=fault):
        start(engine, registry, **changes)

    assert not is_open(engine)


def test_second_test_is_rejected_while_one_is_open(engine, registry, mlflow):
    start(engine, registry)
    with pytest.raises(FixInputError, match="open already"):
        start(engine, registry, challenger_version="3")

    assert mlflow.aliases["challenger"] == "2"


def test_better_challenger_is_promoted(engine, registry, mlflow):
    ab_test_id = start(engine, registry)
    shared_traffic(engine, ab_test_id, right_champion=0.3, right_challenger=0.8)

    judgement = ab_test.judge(engine, registry, rule=RULE, actor="run")

    assert judgement.verdict == "promote"
    assert mlflow.aliases == {"champion": "2"}
    assert verdicts(engine) == ["promote"]
    assert not is_open(engine)


def test_worse_challenger_is_stopped(engine, registry, mlflow):
    ab_test_id = start(engine, registry)
    shared_traffic(engine, ab_test_id, right_champion=0.8, right_challenger=0.3)

    assert ab_test.judge(engine, registry, rule=RULE, actor="run").verdict == "stop"
    assert mlflow.aliases == {"champion": "1"}
    assert not is_open(engine)


def test_equal_versions_go_on_and_every_analysis_is_in_the_ledger(engine, registry):
    ab_test_id = start(engine, registry)
    shared_traffic(engine, ab_test_id, right_champion=0.5, right_challenger=0.5)

    for _ in range(2):
        assert ab_test.judge(engine, registry, rule=RULE, actor="run").verdict == "go_on"
    assert verdicts(engine) == ["go_on", "go_on"]
    assert is_open(engine)


def test_test_ends_after_its_maximum_duration(engine, registry):
    start(engine, registry)
    later = datetime.now(UTC) + timedelta(days=RULE.max_days)

    judgement = ab_test.judge(engine, registry, rule=RULE, actor="run", now=later)

    assert (judgement.verdict, is_open(engine)) == ("stop", False)


def test_sample_ratio_mismatch_stops_the_test(engine, registry):
    ab_test_id = start(engine, registry)
    rows = [answer(ab_test_id, "champion", RIGHT, client=f"c{n}") for n in range(300)]
    rows += [answer(ab_test_id, "challenger", RIGHT, client=f"d{n}") for n in range(60)]
    store(engine, rows)

    judgement = ab_test.judge(engine, registry, rule=RULE, actor="run")

    assert judgement.verdict == "stop"
    assert "sample ratio mismatch" in judgement.reason


def test_client_with_many_questions_counts_once(engine, registry):
    ab_test_id = start(engine, registry)
    store(engine, [answer(ab_test_id, "champion", RIGHT, client="busy") for _ in range(500)])

    figures = ab_test.judge(engine, registry, rule=RULE, actor="run").figures

    assert figures["split"]["champion"] == 1


def test_new_champion_voids_the_test(engine, registry, mlflow):
    start(engine, registry)
    mlflow.aliases["champion"] = "3"

    judgement = ab_test.judge(engine, registry, rule=RULE, actor="run")

    assert (judgement.verdict, judgement.reason) == ("stop", ab_test.CHAMPION_CHANGED)
    assert mlflow.aliases == {"champion": "3"}


def shadow_traffic(engine, ab_test_id, questions=120):
    """The challenger is right on every question, the champion on every other."""
    rows, feedback = [], []
    for question_id in range(1, questions + 1):
        tags = RIGHT if question_id % 2 else WRONG
        shown = answer(ab_test_id, "champion", tags, question_id=question_id)
        hidden = answer(
            ab_test_id,
            "challenger",
            RIGHT,
            question_id=question_id,
            shadow=True,
            answer_id=shown.prediction_id,
        )
        rows += [shown, hidden]
        accepted = tuple(tag for tag, _ in tags)
        feedback.append(
            Feedback(new_id(), shown.prediction_id, datetime.now(UTC), accepted, "page")
        )
    truths = dict.fromkeys(range(1, questions + 1), ("python", "sql"))
    store(engine, rows, feedback, truths)


def test_shadow_compares_both_on_the_same_questions(engine, registry, mlflow):
    ab_test_id = start(engine, registry, shadow=True)
    shadow_traffic(engine, ab_test_id)

    judgement = ab_test.judge(engine, registry, rule=RULE, actor="run")

    assert judgement.verdict == "promote"
    assert judgement.figures["gain"]["count"] == 120
    assert judgement.figures["split"] is None
    assert mlflow.aliases == {"champion": "2"}


def test_feedback_to_the_champions_answer_does_not_judge_the_shadow(engine, registry):
    ab_test_id = start(engine, registry, shadow=True)
    shadow_traffic(engine, ab_test_id, questions=4)

    with engine.connect() as connection:
        pairs = read_paired_scores(connection, ab_test_id)

    full = pytest.approx(2 * 2 / (5 + 2))
    scores = [(pair.champion, pair.challenger) for pair in pairs]
    assert scores == [(full, full), (0.0, full), (full, full), (0.0, full)]


def test_feedback_decides_nothing_by_default(engine, registry, mlflow):
    ab_test_id = start(engine, registry)
    shared_traffic(engine, ab_test_id, right_champion=0.3, right_challenger=0.8, told="feedback")

    result = ab_test.judge(engine, registry, rule=RULE, actor="run")

    assert (result.verdict, result.figures["gain"]["count"]) == ("go_on", 0)
    assert mlflow.aliases["champion"] == "1"


def test_feedback_decides_where_the_operator_says_so(engine, registry, mlflow):
    ab_test_id = start(engine, registry)
    shared_traffic(engine, ab_test_id, right_champion=0.3, right_challenger=0.8, told="feedback")

    trust = ab_test.Trust(feedback=True)
    result = ab_test.judge(engine, registry, rule=RULE, actor="run", trust=trust)

    assert result.verdict == "promote"
    assert mlflow.aliases == {"champion": "2"}


def test_key_with_invented_clients_does_not_decide(engine, registry, mlflow):
    ab_test_id = start(engine, registry)
    shared_traffic(
        engine,
        ab_test_id,
        right_champion=0.0,
        right_challenger=1.0,
        told="feedback",
        key_name=lambda client: "mallory",
    )

    trust = ab_test.Trust(feedback=True)
    result = ab_test.judge(engine, registry, rule=RULE, actor="run", trust=trust)

    assert result.verdict == "go_on"
    assert mlflow.aliases["champion"] == "1"


def test_feedback_of_another_key_does_not_count(engine, registry):
    ab_test_id = start(engine, registry)
    asked = answer(ab_test_id, "champion", RIGHT, client="c", key_name="ann")
    given = Feedback(
        new_id(), asked.prediction_id, datetime.now(UTC), ("python",), "api", "mallory"
    )
    store(engine, [asked], [given])

    with engine.connect() as connection:
        (unit,) = read_units(connection, ab_test_id, feedback=True)

    assert (unit.key_name, unit.score) == ("ann", None)


def test_same_client_of_two_keys_is_two_units(engine, registry):
    ab_test_id = start(engine, registry)
    store(
        engine,
        [answer(ab_test_id, "champion", RIGHT, client="c", key_name=key) for key in ("ann", "bob")],
    )

    with engine.connect() as connection:
        units = read_units(connection, ab_test_id)

    assert sorted(unit.key_name for unit in units) == ["ann", "bob"]


def test_person_promotes_the_challenger_of_an_open_test(engine, registry, mlflow):
    start(engine, registry)

    result = ab_test.promote_challenger(engine, registry, actor="ann", reason="I read 50 answers")

    assert result.reason == "promoted by ann: I read 50 answers"
    assert mlflow.aliases == {"champion": "2"}
    assert not is_open(engine)


def test_test_can_be_stopped_manually(engine, registry, mlflow):
    start(engine, registry)

    ab_test.stop(engine, registry, actor="ann", reason="enough")

    assert mlflow.aliases == {"champion": "1"}
    assert verdicts(engine) == ["stop"]
    with pytest.raises(FixInputError, match="no A/B test"):
        ab_test.stop(engine, registry, actor="ann", reason="again")


def test_without_an_open_test_there_is_nothing_to_judge(engine, registry):
    assert ab_test.judge(engine, registry, rule=RULE, actor="run") is None


def test_verdicts_cannot_be_changed(engine, registry):
    start(engine, registry)
    ab_test.stop(engine, registry, actor="ann", reason="enough")
    with pytest.raises(Exception, match="refuse_verdict_change"), engine.begin() as connection:
        connection.execute(text("UPDATE ab_verdicts SET verdict = 'promote'"))


@pytest.fixture
def settings(database_url, mlflow):
    return Settings(database_url=database_url, mlflow_tracking_uri=mlflow.url, site="sandbox")


def mail_about(settings):
    asked = ab_test.ended_test_mail(settings)
    return compose(settings, {"kind": "ab_test", "facts": asked.to_dict(), "run": "scheduled__1"})


def test_mail_of_a_won_test_has_the_gain_and_the_rollback_command(engine, registry, settings):
    ab_test_id = start(engine, registry)
    shared_traffic(engine, ab_test_id, right_champion=0.3, right_challenger=0.8)
    ab_test.judge(engine, registry, rule=RULE, actor="run")

    notice = mail_about(settings)

    subject = f"[sandbox] Version 2 won and is live after A/B test {ab_test_id}"
    assert notice.mail.subject == subject
    assert "Evaluated: 400 units" in notice.mail.text
    assert re.search(r"Gain in F1@5: \+0\.\d+, between \+0\.\d+ and \+0\.\d+", notice.mail.text)
    assert "tagkeeper rollback --to previous" in notice.mail.text
    assert "/dags/judge_ab_test/runs/scheduled__1" in notice.mail.text
    assert "/#/models/tag-suggester/versions/2" in notice.mail.text
    assert subject in notice.slack


def test_mail_of_a_manually_stopped_test_says_so(engine, registry, settings):
    start(engine, registry, shadow=True)
    ab_test.stop(engine, registry, actor="ann", reason="enough")

    text_part = mail_about(settings).mail.text

    assert text_part.startswith("Version 1 of sandbox stays after A/B test")
    assert "Stopped by ann: enough" in text_part
    assert "in the shadow of the champion's answers" in text_part
    assert "Gain in F1@5" not in text_part


def test_mail_of_a_test_that_a_new_champion_voided_names_the_new_one(
    engine, registry, mlflow, settings
):
    start(engine, registry)
    mlflow.aliases["champion"] = "3"
    ab_test.judge(engine, registry, rule=RULE, actor="run")

    assert mail_about(settings).mail.subject.startswith("[sandbox] Version 3 stays")


def test_mail_run_id_of_an_ended_test_is_stable(engine, registry, settings):
    ab_test_id = start(engine, registry)
    ab_test.stop(engine, registry, actor="ann", reason="enough")

    asked = [ab_test.ended_test_mail(settings) for _ in range(2)]

    assert [mail.mail_run_id for mail in asked] == [f"mail-ab-test-{ab_test_id}"] * 2


def test_open_test_sends_no_mail(engine, registry, settings):
    start(engine, registry)
    ab_test.judge(engine, registry, rule=RULE, actor="run")

    assert ab_test.ended_test_mail(settings) is None


def test_test_that_ended_days_ago_sends_no_mail(engine, registry, settings):
    start(engine, registry)
    ab_test.stop(engine, registry, actor="ann", reason="enough")
    later = datetime.now(UTC) + timedelta(days=3)

    assert ab_test.ended_test_mail(settings, now=later) is None
