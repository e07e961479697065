"""Pictures show their figures, also where there is little to draw."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from include.evaluation.bootstrap import BootstrapInterval
from include.evaluation.evaluation import Ranking, evaluate
from include.jobs.training.plots import draw_comparison, draw_evaluation

BLUE, ORANGE = (0x2A, 0x6F, 0xB0), (0xD9, 0x78, 0x2D)


def pixels_of(path: Path, colour: tuple[int, int, int]) -> np.ndarray:
    """Where a picture has a colour: booleans of shape (height, width)."""
    with Image.open(path) as picture:
        return (np.asarray(picture.convert("RGB")) == colour).all(axis=2)


def test_evaluation_of_one_question_is_drawn(tmp_path):
    evaluation = evaluate(Ranking([["a"]], [[0.5]]), [{"a"}], {"a"}, masks={})
    draw_evaluation(evaluation, "a title", tmp_path)

    assert pixels_of(tmp_path / "precision_recall_by_k.png", ORANGE).any()
    assert pixels_of(tmp_path / "tags.png", ORANGE).any()
    assert pixels_of(tmp_path / "calibration.png", BLUE).any()


def test_bars_of_a_comparison_are_as_long_as_the_f1_of_each_candidate(tmp_path):
    path = tmp_path / "new" / "candidates.png"
    means = {"tfidf": 0.3, "linear": 0.6}
    draw_comparison(
        {name: dict.fromkeys((1, 3, 5), mean) for name, mean in means.items()},
        {name: BootstrapInterval(mean, mean, mean, 1.0, 5) for name, mean in means.items()},
        "a title",
        path,
    )

    # Rows of pixels through a bar; the legend's swatch is shorter
    lengths = pixels_of(path, BLUE).sum(axis=1)
    rows = np.flatnonzero(lengths > 100)
    bars = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    upper, lower = (lengths[bar].max() for bar in (bars[0], bars[-1]))
    assert upper / lower == pytest.approx(2, abs=0.03)
