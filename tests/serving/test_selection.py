"""How many tags are suggested, which not, and what is said where none is."""

import numpy as np
import pytest

from include.candidates.suggested_set import SET_DEPTH
from include.tag_names import TagNames
from serving.payloads import AbTest
from serving.served_models import ServedModels
from tests.serving.conftest import WordModel, loaded_model

TITLE = "How do I use pandas with python?"


def ask(client, **options):
    response = client.post("/predict", json={"title": TITLE, **options})
    assert response.status_code == 200, response.json
    return response.json


def names(answer):
    return [item["tag"] for item in answer["tags"]]


def test_options_that_are_absent_change_nothing(client):
    answer = ask(client)

    assert names(answer) == ["pandas", "python", "flask", "regex", "sql"]
    assert "reason" not in answer


def test_excluded_tag_is_not_suggested_and_the_next_best_takes_its_place(client):
    assert names(ask(client, max_tags=2, exclude=["pandas"])) == ["python", "flask"]


def test_tag_is_excluded_however_it_is_written(client):
    assert names(ask(client, max_tags=1, exclude=["Pandas"])) == ["python"]


def test_excluded_tag_that_the_model_does_not_know_changes_nothing(client):
    assert names(ask(client, exclude=["питон"])) == names(ask(client))


def test_tags_below_min_score_are_not_suggested(client):
    answer = ask(client, min_score=0.5)

    assert names(answer) == ["pandas", "python"]
    assert "reason" not in answer


def test_min_score_may_be_reached_exactly(client):
    (best, *_) = ask(client)["tags"]

    assert names(ask(client, min_score=best["score"])) == ["pandas", "python"]


@pytest.mark.parametrize("k", [1, 25])
def test_max_tags_takes_precedence_over_k(client, k):
    assert len(ask(client, max_tags=3, k=k)["tags"]) == 3


def test_without_a_tag_that_is_good_enough_the_reason_names_the_best(client, recorder):
    answer = ask(client, min_score=0.95)

    assert answer["tags"] == []
    assert answer["reason"] == "no tag reaches min_score 0.95, best was pandas with 0.899"
    assert recorder.rows[0].tags == ()
    assert str(recorder.rows[0].prediction_id) == answer["prediction_id"]


def test_best_tag_of_the_reason_is_not_an_excluded_one(client):
    answer = ask(client, min_score=0.5, exclude=["pandas", "python"])

    assert answer["reason"] == "no tag reaches min_score 0.5, best was flask with 0.1"


def test_question_of_unknown_words_is_answered_with_a_reason(client):
    answer = ask(client, title="漢字", min_score=0.5)

    assert answer["tags"] == []
    assert answer["reason"] == "no tag reaches min_score 0.5, best was flask with 0.1"


def test_with_every_tag_excluded_the_reason_says_so(client):
    answer = ask(client, exclude=list(WordModel().vocabulary))

    assert answer["tags"] == []
    assert answer["reason"] == "every tag that the model knows is excluded"


def test_what_is_recorded_is_what_was_suggested(client, recorder):
    answer = ask(client, min_score=0.5, exclude=["python"])

    assert [tag for tag, _ in recorder.rows[0].tags] == names(answer) == ["pandas"]


def test_each_question_of_a_list_has_its_own_options(client):
    asked = [
        {"title": TITLE, "max_tags": 1},
        {"title": TITLE, "exclude": ["pandas"], "max_tags": 1},
        {"title": TITLE, "min_score": 1},
        {"title": TITLE},
    ]

    answers = client.post("/predict", json=asked).json

    assert [names(answer) for answer in answers[:3]] == [["pandas"], ["python"], []]
    assert len(answers[3]["tags"]) == 5
    assert ["reason" in answer for answer in answers] == [False, False, True, False]


def test_suggested_tags_alone_are_explained(client):
    answer = ask(client, min_score=0.5, exclude=["pandas"], explain=True)

    assert [(item["tag"], item["reasons"][0]["text"]) for item in answer["tags"]] == [
        ("python", "python")
    ]


def test_answer_without_tags_has_nothing_to_explain(client):
    assert ask(client, min_score=1, explain=True)["tags"] == []


def ab_test(*, shadow=False):
    challenger = loaded_model("8", WordModel(("go", "pandas", "python", "rust")))
    test = AbTest(5, "7", "8", 0.5, shadow)
    return ServedModels(champion=loaded_model("7"), challenger=challenger, ab_test=test)


def test_both_variants_of_an_ab_test_obey_the_options(make_app):
    client = make_app(ab_test()).test_client()
    options = {"title": TITLE, "exclude": ["python"], "max_tags": 2}

    answers = client.post("/predict", json=[options | {"client": str(n)} for n in range(40)]).json

    assert {(answer["variant"], *names(answer)) for answer in answers} == {
        ("champion", "pandas", "flask"),
        ("challenger", "pandas", "go"),
    }


def test_shadow_answer_obeys_the_options_of_the_shown_one(make_app, recorder):
    client = make_app(ab_test(shadow=True)).test_client()

    ask(client, exclude=["python"], min_score=0.5)

    assert [[tag for tag, _ in row.tags] for row in recorder.rows] == [["pandas"], ["pandas"]]


def test_no_more_is_ranked_than_the_answer_and_the_choice_need(make_app):
    depths = []

    class Watched(WordModel):
        def rank(self, texts, k):
            depths.append(k)
            return super().rank(texts, k)

    client = make_app(ServedModels(champion=loaded_model(model=Watched()))).test_client()
    ask(client)
    ask(client, max_tags=20, exclude=["sql", "go"])

    assert depths == [SET_DEPTH, 22]


class FixedScores(WordModel):
    """Gives every text the same scores."""

    def __init__(self, **scores):
        super().__init__(tuple(sorted(scores)))
        self._scores = np.array([scores[tag] for tag in self.vocabulary], dtype=np.float32)

    def score(self, texts):
        return np.tile(self._scores, (len(texts), 1))


def client_with(make_app, **scores):
    model = loaded_model(model=FixedScores(**scores))
    return make_app(ServedModels(champion=model)).test_client()


def test_probable_tags_are_suggested_outright_and_the_others_offered(client):
    answer = ask(client)

    assert answer["suggested"] == ["pandas", "python"]
    assert names(answer)[2:] == ["flask", "regex", "sql"]


def test_without_a_probable_tag_none_is_suggested_and_the_reason_names_the_best(make_app):
    answer = ask(client_with(make_app, flask=0.2399, sql=0.1))

    assert (answer["suggested"], names(answer)) == ([], ["flask", "sql"])
    assert answer["reason"] == "no tag is probable enough: flask has 0.239, 0.25 is needed"


def test_chosen_tags_leave_fewer_to_suggest(make_app):
    client = client_with(make_app, flask=0.45, sql=0.4, python=0.3, regex=0.3)

    assert len(ask(client, exclude=["c#", "go", "rust"])["suggested"]) < len(
        ask(client)["suggested"]
    )


def test_question_with_five_chosen_tags_gets_no_more(client):
    answer = ask(client, exclude=["c#", "go", "rust", "html", "css"])

    assert answer["suggested"] == []
    assert answer["reason"] == "the tags already chosen are probably enough"


@pytest.mark.parametrize("options", [{"max_tags": 1}, {"min_score": 0.9}])
def test_only_returned_tags_are_suggested(client, options):
    answer = ask(client, **options)

    assert set(answer["suggested"]) <= set(names(answer))
    assert len(answer["suggested"]) <= 1


def test_tag_is_as_suggested_in_a_list_as_alone(client):
    batch = client.post("/predict", json=[{"title": TITLE}, {"title": "sql"}]).json

    assert [answer["suggested"] for answer in batch] == [["pandas", "python"], ["sql"]]


def test_how_many_tags_are_suggested_outright_is_recorded(client, recorder):
    answer = ask(client)

    assert len(answer["suggested"]) == 2
    assert recorder.rows[-1].suggested_count == 2


def test_a_challenger_in_shadow_is_recorded_with_its_own_set(make_app, recorder):
    test = AbTest(1, "7", "8", 0.5, shadow=True)
    served = ServedModels(
        champion=loaded_model(),
        challenger=loaded_model("8", WordModel(("flask", "sql"))),
        ab_test=test,
    )
    ask(make_app(served).test_client())

    counts = {row.shadow: row.suggested_count for row in recorder.rows}
    assert counts == {False: 2, True: 0}


def test_a_synonym_that_was_chosen_excludes_its_canonical_tag(make_app):
    live = ServedModels(champion=loaded_model()).renamed(TagNames({"py": "python", "sql": None}))
    asked = ask(make_app(live).test_client(), exclude=["py"])

    assert names(asked) == ["pandas", "flask", "regex"]


def test_a_tag_is_suggested_and_explained_by_its_canonical_name(make_app, recorder):
    live = ServedModels(champion=loaded_model()).renamed(TagNames({"python": "py"}))
    answer = ask(make_app(live).test_client(), explain=True)

    assert names(answer)[:2] == ["pandas", "py"]
    assert recorder.rows[-1].tags[1][0] == "py"
