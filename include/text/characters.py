"""One spelling of characters that mean the same, and borders between scripts. Pure."""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

import regex

_IGNORABLE: Final = dict.fromkeys(
    [
        0x00AD,  # soft hyphen
        0x034F,
        0x061C,
        *range(0x115F, 0x1161),
        *range(0x17B4, 0x17B6),
        *range(0x180B, 0x1810),
        *range(0x200B, 0x2010),  # zero-width space, joiners, marks of direction
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        0x3164,
        *range(0xFE00, 0xFE10),  # variation selectors
        0xFEFF,  # zero-width no-break space, the byte-order mark
        0xFFA0,
        *range(0xE0000, 0xE0FFF + 1),
    ]
)
"""Characters that are shown as nothing: the property Default_Ignorable_Code_Point."""

# Ligatures, raised and lowered digits, full-width and half-width forms.
_COMPATIBLE: Final = re.compile(
    "[\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\ufb00-\ufb06\uff01-\uffef]+"
)

# Scripts that put no spaces between words. Katakana and Hangul words are told apart by borders or
# spaces; the others are not, so that their runs become pairs of characters.
_PAIRED: Final = (
    "\u2e80-\u2fdf\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
    "|\u3041-\u309f"  # Hiragana
    "|\u0e01-\u0e3a\u0e40-\u0e4e"  # Thai
    "|\u0e81-\u0ecd\u0edc-\u0edf"  # Lao
    "|\u1000-\u103f\u1050-\u108f"  # Myanmar
    "|\u1780-\u17d3"  # Khmer
)
_WHOLE: Final = (
    "\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"  # Katakana
    "|\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"  # Hangul
)
_RUN: Final = re.compile(
    "|".join(
        [
            *(f"(?P<paired{i}>[{script}]+)" for i, script in enumerate(_PAIRED.split("|"))),
            *(f"[{script}]+" for script in _WHOLE.split("|")),
        ]
    )
)
_CHARACTER: Final = regex.compile(r"\X")
_SIMPLE: Final = re.compile("[\u3005-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")


def normalize(text: str) -> str:
    r"""
    Return ``text`` in Unicode form NFC, without invisible characters, in ordinary width.

    Titles that look the same are thus the same to every candidate. Of compatibility characters only
    the widths of East Asian text, ligatures of typeset Latin and raised digits are unified: the
    form NFKC would also turn ``Java™`` into ``JavaTM``, and one character into eighteen.

    Parameters
    ----------
    text : str
        Of any length; the result is at most three times as long.

    Examples
    --------
    >>> normalize("cafe\u0301 co\u00adpy \uff43#") == "caf\u00e9 copy c#"
    True

    References
    ----------
    .. [1] Unicode Standard Annex 15, Unicode Normalization Forms,
       https://www.unicode.org/reports/tr15/
    """
    if text.isascii():
        return text
    text = text.translate(_IGNORABLE)
    text = _COMPATIBLE.sub(lambda run: unicodedata.normalize("NFKC", run[0]), text)
    return unicodedata.normalize("NFC", text)


def separate_scripts(text: str) -> str:
    """
    Return ``text`` with spaces where scripts without spaces between words begin and end.

    A run of Han, Hiragana, Thai, Lao, Myanmar or Khmer becomes overlapping pairs of characters
    (with their marks), which find words of any length without a dictionary [1]_; a run of Katakana
    or Hangul stays whole.

    Examples
    --------
    >>> separate_scripts("Pythonで文字列を結合").split()
    ['Python', 'で', '文字', '字列', 'を', '結合']
    >>> separate_scripts("データベース接続 C#を使う").split()
    ['データベース', '接続', 'C#', 'を', '使', 'う']

    References
    ----------
    .. [1] C. D. Manning, P. Raghavan and H. Schütze, Introduction to Information Retrieval,
       section 2.2.1, https://nlp.stanford.edu/IR-book/
    """
    if text.isascii() or _RUN.search(text) is None:
        return text
    return _RUN.sub(_spaced, text)


def _spaced(run: re.Match[str]) -> str:
    if run.lastgroup is None:
        return f" {run[0]} "
    characters = list(run[0]) if _SIMPLE.fullmatch(run[0]) else _CHARACTER.findall(run[0])
    pairs = [first + second for first, second in pairwise(characters)]
    return f" {' '.join(pairs or characters)} "
