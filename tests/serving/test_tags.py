"""GET /tags completes what somebody has typed of a tag."""

from dataclasses import replace

import pytest

from include.tag_names import TagNames
from serving.served_models import ServedModels
from serving.tag_index import TagIndex
from tests.serving.conftest import loaded_model

TAGS = ("docker", "docker-compose", "go", "kubernetes", "python", "python-3.x")
USES = {"docker": 50, "docker-compose": 80, "golang": 7, "go": 2, "python": 90, "python-3.x": 9}
NAMES = TagNames({"golang": "go", "homework": None, "k8s": "kubernetes", "vb": "vb.net"})


@pytest.fixture
def index() -> TagIndex:
    return TagIndex(TAGS, USES, NAMES)


def found(index: TagIndex, text: str, limit: int = 10) -> list[str]:
    return [each.tag for each in index.find(text, limit)]


def test_tags_that_begin_with_the_text_come_first_most_used_first(index):
    assert found(index, "docker") == ["docker-compose", "docker"]
    assert found(index, "o") == ["python", "docker-compose", "docker", "go", "python-3.x"]


def test_a_text_is_read_as_people_write_tags(index):
    assert found(index, "Docker Comp") == ["docker-compose"]


def test_a_synonym_finds_its_canonical_tag_and_says_so(index):
    (only,) = index.find("golan", 10)

    assert (only.tag, only.uses, only.synonym) == ("go", 9, "golang")


def test_a_tag_is_found_once_by_its_own_name_if_that_fits(index):
    (only,) = index.find("go", 10)

    assert (only.tag, only.synonym) == ("go", None)


def test_a_synonym_of_a_tag_that_the_model_does_not_know_is_not_found(index):
    assert found(index, "vb") == found(index, "homework") == []


def test_no_text_finds_the_most_used_tags(index):
    assert found(index, "", 2) == ["python", "docker-compose"]


def test_a_model_of_an_earlier_release_has_no_counts():
    (best, *_) = TagIndex(TAGS, {}, TagNames()).find("", 3)

    assert (best.tag, best.uses) == ("docker", 0)


def test_endpoint_answers_with_tags_and_their_uses(make_app):
    model = loaded_model()
    model = replace(model, description={"tag_uses": {"python": 3, "pandas": 5}})
    client = make_app(ServedModels(champion=model)).test_client()

    assert client.get("/tags?text=p").json == {
        "tags": [{"tag": "pandas", "uses": 5}, {"tag": "python", "uses": 3}]
    }
    assert len(client.get("/tags?limit=1").json["tags"]) == 1


def test_endpoint_says_what_the_site_says_of_a_tag_with_its_licence(make_app):
    served = ServedModels(champion=loaded_model(), tag_descriptions={"python": "A language."})
    client = make_app(served).test_client()

    described = {"tag": "python", "uses": 0, "description": "A language."}
    found = {key: value for key, value in described.items() if value}
    assert client.get("/tags?text=pyth").json == {"tags": [found], "licence": "CC BY-SA"}
    assert client.get("/tags?tag=pandas").json == {"tags": [{"tag": "pandas"}]}


def test_endpoint_returns_named_tags_that_the_model_knows_in_their_order(client):
    answer = client.get("/tags?tag=python&tag=no-such-tag&tag=pandas&text=zzz")

    assert [each["tag"] for each in answer.json["tags"]] == ["python", "pandas"]


def test_a_synonym_is_described_as_its_canonical_tag():
    index = TagIndex(TAGS, USES, NAMES, {"go": "A language."})

    assert index.find("golan", 1)[0].description == "A language."


@pytest.mark.parametrize(
    "query",
    ["tag=a" + "&tag=a" * 25, "limit=0", "limit=26", "limit=x", "limit=²", "text=" + "x" * 36],
)
def test_endpoint_names_the_wrong_parameter(client, query):
    answer = client.get(f"/tags?{query}")

    assert answer.status_code == 400
    assert answer.json["field"] == query.partition("=")[0]


def test_without_a_model_no_tag_is_found(make_app):
    client = make_app(ServedModels()).test_client()

    assert client.get("/tags?text=py").json == {"tags": []}


def test_counts_are_not_repeated_in_the_description_of_the_model(make_app):
    model = replace(loaded_model(), description={"tag_uses": {"python": 3}})
    answer = make_app(ServedModels(champion=model)).test_client().get("/model")

    assert answer.json["champion"]["description"] == {}
