"""Chains and cycles of synonyms end at one canonical tag."""

from hypothesis import given
from hypothesis import strategies as st

from include.tag_names import LikelyRename, TagNames, likely_renames, resolve_synonyms

TAGS = st.sampled_from("abcdefgh")
SYNONYMS = st.dictionaries(TAGS, TAGS)
RETIRED = st.sets(TAGS)


@given(SYNONYMS, RETIRED)
def test_a_canonical_tag_is_its_own_canonical_tag(synonyms, retired):
    names = resolve_synonyms(synonyms, retired)

    ends = {tag: names.of(tag) for tag in "abcdefgh"}
    assert all(end is None or names.of(end) == end for end in ends.values())
    assert all(tag != end for tag, end in names.canonical.items())


@given(SYNONYMS, RETIRED)
def test_a_synonym_is_called_what_its_replacement_is_called(synonyms, retired):
    names = resolve_synonyms(synonyms, retired)

    assert {tag: names.of(tag) for tag in synonyms} == {
        tag: names.of(other if tag != other else tag) for tag, other in synonyms.items()
    }


@given(SYNONYMS, RETIRED)
def test_a_tag_is_retired_only_if_its_chain_ends_at_a_retired_tag(synonyms, retired):
    names = resolve_synonyms(synonyms, retired)

    gone = {tag for tag in retired if synonyms.get(tag, tag) == tag}
    for tag in "abcdefgh":
        seen, end = set(), tag
        while end in synonyms and end not in seen:
            seen.add(end)
            end = synonyms[end]
        assert (names.of(tag) is None) == (end in gone)


@given(st.lists(st.tuples(TAGS, TAGS), unique_by=lambda pair: pair[0]), st.randoms())
def test_the_order_of_synonyms_does_not_matter(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)

    assert resolve_synonyms(dict(pairs), ()) == resolve_synonyms(dict(shuffled), ())


def test_tags_of_a_cycle_are_called_by_the_first_in_alphabetical_order():
    names = resolve_synonyms({"c": "b", "b": "d", "d": "c", "a": "c"}, ())

    assert {tag: names.of(tag) for tag in "abcd"} == {"a": "b", "b": "b", "c": "b", "d": "b"}


def test_a_question_with_both_names_keeps_one():
    names = TagNames({"golang": "go"})

    assert names.of_all(["golang", "json", "go"]) == ("go", "json")


def test_rename_is_likely_if_nearly_every_question_was_edited():
    few = LikelyRename("a", "b", 4, 4)
    some = LikelyRename("c", "d", 50, 90)
    most = LikelyRename("e", "f", 50, 60)

    assert likely_renames([few, some, most]) == [most]


def test_tags_that_are_edited_into_each_other_are_both_in_use():
    assert likely_renames([LikelyRename("a", "b", 9, 9), LikelyRename("b", "a", 8, 8)]) == []
