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


def test_calibration_is_drawn_by_slice_if_one_is_large_enough(tmp_path):
    rng = np.random.default_rng(0)
    scores = np.sort(rng.random((80, 2)))[:, ::-1]
    true = [("a",) if hit else ("b", "c") for hit in rng.random(80) < scores[:, 0]]
    ranking = Ranking([["a", "b"]] * 80, scores.tolist())
    masks = {"short": np.arange(80) < 40, "code_heavy": np.arange(80) >= 45}
    evaluation = evaluate(ranking, true, {"a", "b", "c"}, masks=masks)

    draw_evaluation(evaluation, "tfidf on 2019-03 of devops", tmp_path)

    assert evaluation.slice_calibration["short"].ece > 0
    assert len(colours_of(tmp_path / "calibration_by_slice.png")) >= 2


def colours_of(path: Path) -> set[tuple[int, ...]]:
    """The saturated colours of a picture that fill at least a hundred pixels."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB")).reshape(-1, 3).astype(int)
    saturated = pixels[np.ptp(pixels, axis=1) > 60]
    colours, counts = np.unique(saturated, axis=0, return_counts=True)
    return {tuple(colour) for colour, count in zip(colours, counts, strict=True) if count >= 100}


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


@pytest.mark.parametrize("length", [5, 30, 300])
def test_labels_of_any_length_leave_room_for_the_bars(tmp_path, length):
    path, name = tmp_path / "candidates.png", "m" * length
    figures, interval = dict.fromkeys((1, 3, 5), 1.0), BootstrapInterval(1.0, 1.0, 1.0, 1.0, 5)
    draw_comparison({name: figures}, {name: interval}, "a title", path)

    bars = pixels_of(path, BLUE)
    assert bars.sum(axis=1).max() > 0.3 * bars.shape[1]
    assert not bars[:, -10:].any()
