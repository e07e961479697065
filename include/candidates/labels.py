"""True tags as an indicator matrix, and the check of training data that every family makes."""

from collections.abc import Sequence, Sized

import numpy as np
from numpy.typing import NDArray

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


def label_matrix(tags: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> NDArray[np.float32]:
    """
    Return 1 where a question has a tag, else 0, shape (n, n_vocabulary).

    Examples
    --------
    >>> label_matrix([["b", "x"], []], ["a", "b"]).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    columns = {tag: column for column, tag in enumerate(vocabulary)}
    labels = np.zeros((len(tags), len(vocabulary)), dtype=np.float32)
    for row, names in enumerate(tags):
        for name in names:
            if name in columns:
                labels[row, columns[name]] = 1.0
    return labels
