"""Tokens, lemmas and keywords."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.candidates.terms import MAX_CODE_CHARACTERS, code_terms, pre_tokenize, terms_of, words
from include.text.prepared import PreparedText
from include.text.stop_words import STOP_WORDS
from include.text.tokens import (
    MAX_LENGTH,
    keywords,
    lemma,
    tokenize,
    tokenize_code,
)

TECHNOLOGIES = [
    "c++", "c#", "f#", ".net", "node.js", "vue.js", "asp.net", "asp.net-mvc", "asp.net-core-mvc",
    "objective-c", "rxjs6", "python-3.x", "c#-4.0", "c++11", "visual-c++", "socket.io", "g++",
    "ruby-on-rails-3.2", "docker-compose", "user_id", "rx.net", "oauth-2.0", "t-sql", ".net-core",
]  # fmt: skip


SENTENCES = ["{}", "I use {}.", "({})", "{}, or not", "is it {}?", "“{}”"]


def test_a_technology_stays_one_token_in_any_sentence() -> None:
    split = [
        sentence.format(name)
        for name in TECHNOLOGIES
        for sentence in SENTENCES
        if name not in tokenize(sentence.format(name.upper()))
    ]
    assert split == []


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("First one. Second", ["first", "one", "second"]),
        ("well - then", ["well", "then"]),
        ("the end...", ["the", "end"]),
        ("a/b and c:d", ["a", "b", "and", "c", "d"]),
        ("issue#12", ["issue", "12"]),
        ("network .netrc", ["network", "netrc"]),
        ("don't", ["don", "t"]),
        ("https://x.org/y", ["https", "x.org", "y"]),
        ("Größe naïve 東京", ["größe", "naïve", "東京"]),
        ("", []),
    ],
)
def test_text_is_split_into_words(text: str, tokens: list[str]) -> None:
    assert tokenize(text) == tokens


def test_parts_follow_their_compound() -> None:
    assert tokenize("asp.net-mvc c++ .net", parts=True) == [
        "asp.net-mvc", "asp", "net", "mvc", "c++", ".net",
    ]  # fmt: skip


def test_keys_and_hashes_are_left_out() -> None:
    assert tokenize("key " + "a1" * 40 + " end") == ["key", "end"]


@pytest.mark.parametrize(
    ("code", "tokens"),
    [
        ("flatMap", ["flatmap", "flat", "map"]),
        ("HTTPServerError2", ["httpservererror2", "http", "server", "error"]),
        ("user_name", ["user_name", "user", "name"]),
        ("MAX_SIZE", ["max_size", "max", "size"]),
        ("rxjs6", ["rxjs6", "rxjs"]),
        ("x = 10", []),
        ("a.b.subscribe()", ["subscribe"]),
        ("__init__", ["__init__"]),
    ],
)
def test_identifiers_are_followed_by_their_parts(code: str, tokens: list[str]) -> None:
    assert tokenize_code(code) == tokens


def test_identifiers_can_be_returned_without_parts() -> None:
    assert tokenize_code("flatMap(user_name)", parts=False) == ["flatmap", "user_name"]


@given(st.text())
def test_tokens_are_lower_case_without_spaces(text: str) -> None:
    for token in tokenize(text, parts=True) + tokenize_code(text):
        assert token
        assert not any(character.isspace() for character in token)
        assert token == token.lower()


def test_nltk_needs_no_download() -> None:
    import nltk

    nltk.data.path[:] = []  # even where a developer has corpora
    assert tokenize("c++") == ["c++"]


@pytest.mark.parametrize("name", ["kubernetes", "jenkins", "redis", "aws", "ios", "css", "c++"])
def test_names_are_their_own_lemmas(name: str) -> None:
    assert lemma(name) == name


def test_keywords_contain_no_stop_words_or_numbers() -> None:
    text = PreparedText("How can I use the 3 pods?", "x 10.0.0.1 queries", "code()")
    assert keywords(text) == ["pod", "query"]


def test_no_stop_word_is_a_technology() -> None:
    assert not STOP_WORDS & {"go", "r", "c", "rest", "spring", "express", "swift"}


# NLTK's engine counts combining marks and emoji selectors as letters, Python's does not: 8 of 8,503
# real posts have such a word. A capital I with a dot becomes one in lower case.
PLAIN = st.characters(max_codepoint=0x2FF, exclude_categories=["No"], exclude_characters="\u0130")


@given(st.one_of(st.text(PLAIN), st.text("aB1.#+-_'/ .nNeEtT")))
def test_both_engines_find_the_same_words(text: str) -> None:
    assert [word for word in words(text) if len(word) <= MAX_LENGTH] == tokenize(text)
    assert [term for token in pre_tokenize(text) for term in terms_of(token)] == tokenize(
        text, parts=True
    )
    assert code_terms(text) == tokenize_code(text[:MAX_CODE_CHARACTERS])
