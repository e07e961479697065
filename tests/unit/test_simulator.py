"""The simulator: determinism by seed, the shape of its questions, and its drift events."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from include.errors import FixInputError
from include.months import month_of, months_between
from include.questions import Question
from include.sandbox.events import (
    KINDS,
    Event,
    default_events,
    demo_events,
    read_events,
    write_events,
)
from include.sandbox.simulator import Simulation, simulate

LARGE = {"months": 6, "questions_per_month": 600, "first_month": "2023-01"}


def share_with_tags(simulation: Simulation, month: str, tags: tuple[str, ...]) -> float:
    asked = [q for q in simulation.questions if month_of(q.asked_at) == month]
    return sum(set(tags) <= set(q.tags) for q in asked) / len(asked)


def share_with_words(simulation: Simulation, month: str, words: tuple[str, ...]) -> float:
    asked = [q for q in simulation.questions if month_of(q.asked_at) == month]
    return sum(any(word in q.body_html for word in words) for q in asked) / len(asked)


def one_event(kind: str, share: float = 0.15) -> tuple[Simulation, Event]:
    simulation = simulate(seed=5, events=[Event("2023-04", kind, share)], **LARGE)
    return simulation, simulation.events[0]


@pytest.fixture(scope="module")
def simulation() -> Simulation:
    return simulate()


def test_same_seed_gives_the_same_questions_and_events(simulation):
    assert simulate() == simulation


def test_another_seed_gives_other_tags_volumes_and_event_months(simulation):
    other = simulate(seed=4)

    assert {t for q in other.questions for t in q.tags} != {
        t for q in simulation.questions for t in q.tags
    }
    assert len(other.questions) != len(simulation.questions)
    assert [e.month for e in other.events] != [e.month for e in simulation.events]


def test_default_span_is_twenty_months_of_varying_volume(simulation):
    counts = dict.fromkeys(months_between("2023-01", "2024-08"), 0)
    for question in simulation.questions:
        counts[month_of(question.asked_at)] += 1

    assert min(counts.values()) > 150
    assert max(counts.values()) < 400
    assert max(counts.values()) > 1.15 * min(counts.values())


def test_ids_and_times_ascend(simulation):
    keys = [(q.question_id, q.asked_at) for q in simulation.questions]

    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(keys))


def test_every_question_has_a_title_a_body_and_one_to_five_distinct_tags(simulation):
    assert all(
        q.title.strip()
        and q.body_html.startswith("<p>")
        and 1 <= len(set(q.tags)) == len(q.tags) <= 5
        for q in simulation.questions
    )


def test_bodies_hold_code_lists_links_and_inline_code(simulation):
    for part in ("<pre", "<li>", "<a href=", "</code> "):
        assert sum(part in q.body_html for q in simulation.questions) > 200, part


def test_every_template_slot_is_filled(simulation):
    slots = re.compile(r"\{(w|a|g|v|t|n|id|Id|x|w_id)\}")

    assert not [q.title for q in simulation.questions if slots.search(q.title + q.body_html)]


def test_tag_frequencies_have_a_head_of_thirty_to_sixty_tags_and_a_long_tail(simulation):
    counts: dict[str, int] = {}
    for question in simulation.questions:
        for tag in question.tags:
            counts[tag] = counts.get(tag, 0) + 1
    often = [tag for tag, count in counts.items() if count >= 40]

    assert 30 <= len(often) <= 60
    assert len(counts) > 1.5 * len(often)
    assert sum(counts[tag] for tag in often) > 0.85 * sum(counts.values())


def test_simulation_without_events_is_the_start_of_a_longer_one():
    short = simulate(months=3, events=())

    assert short.events == ()
    assert simulate(months=5, events=()).questions[: len(short.questions)] == short.questions


@pytest.mark.parametrize("months", [18, 20, 36])
def test_default_events_have_every_kind_and_leave_the_first_year_quiet(months):
    for seed in range(20):
        simulation = simulate(seed=seed, months=months, questions_per_month=5)

        assert {event.kind for event in simulation.events} == set(KINDS)
        assert simulation.events[0].month >= "2024-01"
        assert len({event.month for event in simulation.events}) == len(simulation.events)
        assert len(simulation.quiet_months) >= 12


def test_the_demo_has_two_events_with_quiet_months_around_the_later_one():
    events = demo_events("2023-01", 18)

    assert [(event.month, event.kind) for event in events] == [
        ("2023-10", "concept_change"),
        ("2024-05", "tag_born"),
    ]


def test_a_shorter_demo_keeps_the_events_within_its_months():
    assert [event.month for event in demo_events("2023-01", 12)] == ["2023-10"]


def test_born_tag_is_unused_before_its_month_and_has_its_share_from_then_on():
    simulation, event = one_event("tag_born")

    assert share_with_tags(simulation, "2023-03", event.tags) == 0
    assert share_with_words(simulation, "2023-03", event.new_words) < 0.02
    assert share_with_tags(simulation, "2023-04", event.tags) == pytest.approx(0.15, abs=0.05)
    assert share_with_tags(simulation, "2023-06", event.tags) == pytest.approx(0.15, abs=0.05)


def test_ended_tag_is_unused_from_its_month_on():
    simulation, event = one_event("tag_dies")

    assert share_with_tags(simulation, "2023-03", event.tags) == pytest.approx(0.15, abs=0.05)
    assert share_with_tags(simulation, "2023-04", event.tags) == 0


def test_renamed_vocabulary_replaces_words_and_keeps_the_tags():
    simulation, event = one_event("api_renamed", 0.25)
    removed = tuple(word for word in event.words if re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+){2}", word))

    assert share_with_words(simulation, "2023-03", removed) > 0.15
    assert share_with_words(simulation, "2023-04", removed) < 0.02
    assert share_with_words(simulation, "2023-04", event.new_words) > 0.2
    for month in ("2023-03", "2023-04"):
        assert share_with_tags(simulation, month, event.tags[:1]) > 0.15


def test_concept_change_keeps_the_words_and_moves_the_tags_to_existing_ones():
    simulation, event = one_event("concept_change")

    assert event.words == event.new_words == ()
    assert share_with_tags(simulation, "2023-03", event.tags) > 0.08
    assert share_with_tags(simulation, "2023-04", event.tags) < 0.01
    before = share_with_tags(simulation, "2023-03", event.new_tags)
    assert 0 < before < share_with_tags(simulation, "2023-04", event.new_tags) - 0.05


def test_size_of_an_event_follows_its_share():
    small, event = one_event("tag_born", 0.04)
    large, same = one_event("tag_born", 0.3)

    assert event.tags == same.tags
    assert share_with_tags(small, "2023-05", event.tags) < 0.08
    assert share_with_tags(large, "2023-05", event.tags) > 0.2


def test_events_are_read_as_written(tmp_path, simulation):
    write_events(simulation.events, tmp_path / "new" / "events.json")

    assert read_events(tmp_path / "new" / "events.json") == simulation.events


def test_event_outside_the_simulated_months_is_refused():
    with pytest.raises(FixInputError, match="2025-01 lies outside"):
        simulate(months=3, events=[Event("2025-01", "tag_born")])


def test_events_that_affect_nearly_all_questions_are_refused():
    events = [Event("2023-02", kind, 0.5) for kind in ("tag_dies", "api_renamed")]

    with pytest.raises(FixInputError, match="100%"):
        simulate(months=3, events=events)


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"months": 0}, {"months": 500}, {"questions_per_month": 0}]
)
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(FixInputError):
        simulate(**wrong)


def test_unknown_kind_and_impossible_share_are_refused():
    with pytest.raises(FixInputError, match="kind"):
        Event("2023-01", "meteor")
    with pytest.raises(FixInputError, match="share"):
        replace(Event("2023-01", "tag_born"), share=0.0)


def test_too_short_a_simulation_has_no_default_events():
    assert default_events(1, "2023-01", 12) == ()


def test_linear_model_reaches_half_but_not_nine_tenths():
    """F1@5 as DESIGN.md defines it; trained on a quiet year, tested on the month after."""
    simulation = simulate(seed=1, months=13, events=())
    train = [q for q in simulation.questions if month_of(q.asked_at) < "2024-01"]
    test = [q for q in simulation.questions if month_of(q.asked_at) == "2024-01"]

    assert 0.5 <= linear_f1_at_5(train, test) < 0.9


def linear_f1_at_5(train: list[Question], test: list[Question]) -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer

    from include.candidates.base import top_k, vocabulary_of

    def plain(question: Question) -> str:
        return f"{question.title} {question.title} {re.sub('<[^>]+>', ' ', question.body_html)}"

    vocabulary = vocabulary_of([q.tags for q in train], 5)
    labels = MultiLabelBinarizer(classes=vocabulary).fit_transform(
        [set(q.tags) & set(vocabulary) for q in train]
    )
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2)
    model = OneVsRestClassifier(LogisticRegression(C=10, solver="liblinear"))
    model.fit(vectorizer.fit_transform(map(plain, train)), labels)
    best = top_k(model.predict_proba(vectorizer.transform(map(plain, test))), 5)
    scores = []
    for question, columns in zip(test, best, strict=True):
        true = set(question.tags) & set(vocabulary)
        if true:
            hits = len(true & {vocabulary[column] for column in columns})
            precision, recall = hits / 5, hits / min(len(true), 5)
            scores.append(2 * precision * recall / (precision + recall) if hits else 0.0)
    return sum(scores) / len(scores)
