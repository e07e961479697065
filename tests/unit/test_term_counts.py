"""Term counts as matrices: the same counts as one question at a time, however they are split."""

import numpy as np
import pytest

from include.candidates.term_counts import TermCounts, count_terms, count_texts, stack_counts
from include.candidates.terms import term_counts
from include.errors import FixInputError
from include.text.prepared import PreparedText

TEXTS = (
    PreparedText("Merge two dicts", "I have two dicts, see docker-compose.", "mergeDicts(a, b)"),
    PreparedText("Docker Docker", "docker docker", ""),
    PreparedText("", "", ""),
    PreparedText("C++ templates", "templates of templates in C++", "std::vector<int> v;"),
)


def rows_of(counts: TermCounts, title_weight: float) -> list[dict[str, float]]:
    matrix = counts.matrix(title_weight)
    return [
        {counts.terms[c]: v for c, v in zip(row.indices, row.data.tolist(), strict=True)}
        for row in (matrix[[i]] for i in range(matrix.shape[0]))
    ]


def test_matrix_holds_the_counts_of_each_question() -> None:
    rows = rows_of(count_texts(TEXTS), 3.0)

    assert rows == [term_counts(text, 3.0) for text in TEXTS]


def test_terms_and_columns_are_sorted() -> None:
    counts = count_texts(TEXTS)

    assert list(counts.terms) == sorted(counts.terms)
    for first, last in zip(counts.starts, counts.starts[1:], strict=False):
        assert (np.diff(counts.columns[first:last]) > 0).all()


def test_stacked_parts_equal_all_texts_counted_at_once() -> None:
    parts = [count_texts(TEXTS[:1]), count_texts(TEXTS[1:3]), count_texts(TEXTS[3:])]

    stacked = stack_counts(lambda: iter(parts), 1)

    assert rows_of(stacked, 2.0) == rows_of(count_texts(TEXTS), 2.0)


def test_rare_terms_are_left_out_by_their_frequency_over_all_parts() -> None:
    parts = [count_texts(TEXTS[:1]), count_texts(TEXTS[1:])]

    counts = stack_counts(lambda: iter(parts), 2)

    assert "docker" in counts.terms  # once in each part
    assert "vector" not in counts.terms
    assert counts.question_frequency().min() >= 2


def test_no_frequent_term_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(FixInputError, match="train on more months"):
        count_terms(TEXTS[:1], 2)


def test_selected_rows_keep_their_counts_in_the_requested_order() -> None:
    counts = count_texts(TEXTS)

    selected = counts.rows(np.array([3, 0]))

    assert rows_of(selected, 3.0) == [term_counts(TEXTS[i], 3.0) for i in (3, 0)]


def test_stored_counts_are_taken_instead_of_counting_again() -> None:
    stored = count_texts(TEXTS[:2])

    class Stored(tuple[PreparedText, ...]):
        def term_counts(self, min_questions: int) -> TermCounts:
            return stored

    assert count_terms(Stored(TEXTS), 1) is stored
