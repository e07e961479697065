"""A sample of a test month's questions, the same wherever it is drawn."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from include.jobs.data.datasets import SampledFrom, TimeSplit
from include.jobs.data.observations import question_ids
from include.store.encoder_time import EncoderSample
from include.text.prepared import LabelledTexts


def sampling_order(questions: LabelledTexts) -> NDArray[np.intp]:
    """
    Return the positions of stored questions in the order in which they are drawn, shape (n,).

    It is that of the SHA-256 of their ids, which has nothing to do with time or tags. A larger
    sample contains the smaller ones, and an edited, new or deleted question leaves the others in
    their order, so that their vectors are used again.
    """
    digests = [hashlib.sha256(str(number).encode()).digest() for number in question_ids(questions)]
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.intp)


def with_test_sample(split: TimeSplit, decision: EncoderSample | None) -> TimeSplit:
    """
    Return a split that is tested on a sample; the split itself if all are to be tested.

    Parameters
    ----------
    split : TimeSplit
        With every question of the test month.
    decision : EncoderSample or None
        How many are tested; None for all.
    """
    if decision is None or decision.sample_count >= len(split.test):
        return split
    rows = np.sort(sampling_order(split.test)[: decision.sample_count])
    sample_id = hashlib.sha256(f"{split.test_id}\0{len(rows)}".encode()).hexdigest()[:32]
    return replace(
        split,
        test=split.test.take(rows),
        test_id=sample_id,
        sample=SampledFrom(split.test, decision),
    )
