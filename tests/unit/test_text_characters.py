"""Characters that look the same, and scripts without spaces between words."""

from __future__ import annotations

import unicodedata
from html import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.candidates.terms import PreTokens, pre_tokenize, terms_of, words
from include.text.characters import normalize, separate_scripts
from include.text.prepare import prepare
from include.text.tokens import MAX_LENGTH, tokenize

NOT_ONE_WORD_IN_LOWER_CASE = "\u0130"  # its lower case has a combining mark


@given(st.text(), st.text())
def test_title_and_body_are_the_same_in_composed_and_decomposed_form(title, body):
    forms = {
        prepare(unicodedata.normalize(form, title), escape(unicodedata.normalize(form, body)))
        for form in ("NFC", "NFD")
    }
    assert len(forms) == 1


@given(st.text())
def test_normalizing_twice_changes_nothing_and_grows_at_most_threefold(text):
    once = normalize(text)
    assert normalize(once) == once
    assert len(once) <= 3 * len(text)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("con\u00adtain\u00ader", "container"),
        ("dock\u200ber", "docker"),
        ("\ufeffdocker\u2060", "docker"),
        ("\u200fdocker\u202c", "docker"),
        ("\uff24\uff4f\uff43\uff4b\uff45\uff52", "Docker"),
        ("\uff83\uff9e\uff70\uff80", "\u30c7\u30fc\u30bf"),  # half-width Katakana
        ("\ufb01le", "file"),
        ("cafe\u0301", "caf\u00e9"),
        ("\u2764\ufe0f", "\u2764"),
        ("Java\u2122", "Java\u2122"),
        ("x\u00b2", "x2"),
        ("\u00bd", "\u00bd"),
    ],
)
def test_title_is_read_as_it_looks(written, read):
    assert prepare(written, f"<p>{written}</p><pre>{written}</pre>") == prepare(
        read, f"<p>{read}</p><pre>{read}</pre>"
    )
    assert prepare(written, "").title == read


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Pythonで文字列を結合", ["python", "で", "文字", "字列", "を", "結合"]),
        ("使用Docker部署", ["使用", "docker", "部署"]),
        ("C#を使う、.NETで", ["c#", "を", "使", "う", ".net", "で"]),
        ("node.jsのバージョン", ["node.js", "の", "バージョン"]),
        ("データベース接続", ["データベース", "接続"]),
        ("한국어로 JSON을 파싱", ["한국어로", "json", "을", "파싱"]),
        ("ใช้git", ["ใช้", "git"]),
        ("हिन्दी में लिखें", ["हिन्दी", "में", "लिखें"]),
        ("தமிழ்", ["தமிழ்"]),
        ("größe “naïve” дом", ["größe", "naïve", "дом"]),
        ("京", ["京"]),
    ],
)
def test_words_of_any_script_are_found_by_both_engines(text, expected):
    assert tokenize(normalize(text)) == expected
    assert words(normalize(text)) == expected


def test_a_run_of_a_script_without_spaces_is_found_whatever_surrounds_it():
    assert "字列" in words("この文字列です")
    assert {"文字", "字列"} <= set(words("文字列"))


# Of characters in no word, such as fractions, each engine has its own view.
LETTERS = st.characters(
    exclude_categories=["No", "Cn", "Cs", "So", "Nl"], exclude_characters=NOT_ONE_WORD_IN_LOWER_CASE
)


@given(st.text(LETTERS))
def test_both_engines_find_the_same_words_in_any_script(text):
    text = normalize(text)
    assert [word for word in words(text) if len(word) <= MAX_LENGTH] == tokenize(text)
    assert [term for token in pre_tokenize(text) for term in terms_of(token)] == tokenize(
        text, parts=True
    )


@given(st.text())
def test_a_token_that_counts_as_one_word_is_one_word_of_its_own(text):
    tokens = PreTokens.of(text)
    assert [words(token) for token in tokens.alphanumeric] == [[t] for t in tokens.alphanumeric]
    assert sorted(tokens.all) == sorted([*tokens.alphanumeric, *tokens.with_symbols])


@given(st.text())
def test_separating_scripts_loses_no_character_and_grows_at_most_fourfold(text):
    separated = separate_scripts(text)
    assert set(text) - set(separated) == set()
    assert len(separated) <= 4 * len(text) + 2
