from datetime import UTC, datetime, timedelta

from include.jobs.drift.key_influence import capped_per_key, driving_key
from include.store.drift_references import AnsweredQuestion

START = datetime(2024, 1, 1, tzinfo=UTC)
NOBODY = frozenset()


def asked(*keys):
    return [
        AnsweredQuestion(START + timedelta(seconds=n), f"t{n}", "", (), key)
        for n, key in enumerate(keys)
    ]


def test_latest_questions_of_a_key_are_kept_up_to_the_limit():
    rows = asked("a", "a", "b", "a")

    assert capped_per_key(rows, 2, NOBODY) == rows[1:]


def test_trusted_key_and_service_without_keys_have_no_limit():
    rows = asked("own", "own", None, None)

    assert capped_per_key(rows, 1, frozenset({"own"})) == rows


def test_key_that_alone_is_the_reason_of_an_alarm_is_found():
    rows = asked(*["a"] * 10, *["b"] * 10)

    assert driving_key(rows, NOBODY, lambda left: any(r.key_name == "b" for r in left)) == "b"


def test_alarm_of_several_keys_has_no_driving_key():
    assert driving_key(asked("a", "b", "c"), NOBODY, lambda left: True) is None


def test_trusted_key_is_not_left_out():
    assert driving_key(asked("own", "own"), frozenset({"own"}), lambda left: bool(left)) is None
