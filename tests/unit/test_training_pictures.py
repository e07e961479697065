"""Pictures are drawn also where there is little to draw; what they look like is for eyes."""

from include.evaluation.bootstrap import BootstrapInterval
from include.evaluation.evaluation import Ranking, evaluate
from include.jobs.training.plots import draw_comparison, draw_evaluation

PNG = b"\x89PNG\r\n"


def test_evaluation_of_one_question_is_drawn(tmp_path):
    evaluation = evaluate(Ranking([["a"]], [[0.5]]), [{"a"}], {"a"}, masks={})
    draw_evaluation(evaluation, "a title", tmp_path)
    files = sorted(tmp_path.iterdir())
    assert [path.name for path in files] == [
        "calibration.png",
        "precision_recall_by_k.png",
        "tags.png",
    ]
    assert all(path.read_bytes().startswith(PNG) for path in files)


def test_comparison_of_one_candidate_is_drawn(tmp_path):
    path = tmp_path / "new" / "candidates.png"
    interval = BootstrapInterval(0.2, 0.1, 0.3, 1.0, 5)
    draw_comparison({"tfidf": {1: 0.1, 3: 0.2, 5: 0.2}}, {"tfidf": interval}, "a title", path)
    assert path.read_bytes().startswith(PNG)
