"""True tags as an indicator matrix, and the check of training data that every family makes."""

from collections.abc import Sequence, Sized

import numpy as np
import scipy.sparse as sp

from include.candidates.index_type import narrow_starts
from include.errors import FixInputError


def check_training_data(
    texts: Sized, tags: Sequence[Sequence[str]], vocabulary: Sequence[str]
) -> None:
    """Raise FixInputError unless the lengths agree and there are questions and tags."""
    if len(texts) != len(tags):
        raise FixInputError(f"{len(texts)} texts but tags of {len(tags)} questions")
    if not len(texts):
        raise FixInputError("no questions to train on: choose a longer training window")
    if not vocabulary:
        raise FixInputError(
            "no tag is used often enough: lower min_tag_count or train on more months"
        )


def label_matrix(tags: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> sp.csr_array:
    """
    Return 1 where a question has a tag, float32, shape (n, n_vocabulary), columns ascending.

    Examples
    --------
    >>> label_matrix([["b", "x"], []], ["a", "b"]).toarray().tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    column_of = {tag: column for column, tag in enumerate(vocabulary)}
    rows = [sorted({column_of[tag] for tag in row if tag in column_of}) for row in tags]
    starts = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([len(row) for row in rows], out=starts[1:])
    columns = np.fromiter((column for row in rows for column in row), np.int32, int(starts[-1]))
    ones = np.ones(len(columns), dtype=np.float32)
    return sp.csr_array((ones, columns, narrow_starts(starts)), shape=(len(tags), len(vocabulary)))
