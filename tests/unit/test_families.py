"""Adding a family of candidates takes one file and one row."""

import json
from importlib import import_module

import pytest

from include.candidates.encoders import ENCODERS
from include.families import BY_NAME, FAMILIES
from tests.added_family import project_with_added_family, run_python

PROGRAM = """
import json
from pathlib import Path
import numpy as np
from include import names
from include.candidates.catalogue import load_candidate, make_candidate, save_candidate
from include.docs import settings_page
from include.jobs.drift.models import MonitoredModel
from include.jobs.drift.reference_data import References
from include.jobs.training.plan import CandidateSpec, TrainedCandidate
from include.jobs.training.selection import cheapest_first
from include.registry.requirements import model_requirements
from include.settings import Settings
from include.text.prepared import PreparedText

class Lengths:
    name, dimensions = "use:lengths", 2
    def encode(self, texts):
        return np.array([[1.0, len(text.title) % 2] for text in texts], np.float32)

asked = []
def encoders(name):
    asked.append(name)
    return Lengths()

texts = [PreparedText("ab" * (n % 3), "", "") for n in range(30)]
tags = [("a",) if n % 2 else ("b",) for n in range(30)]
candidate = make_candidate("added", {"penalty": 2}, encoders).fit(texts, tags, ["a", "b"])
save_candidate(candidate, Path("model"), {})
loaded = load_candidate(Path("model"), encoders)
asked.clear()
references = References(None, encoders, site="s", seed=1)
model = MonitoredModel(version="1", candidate=loaded, training_months=("2020-01",), min_tag_count=1,
                       as_of=False)
vectors = references.vectors(model, tuple(texts))
trained = [
    TrainedCandidate(CandidateSpec(name), name, {}, False) for name in ("use", "added", "tfidf")
]
print(json.dumps({
    "cheapest first": cheapest_first(trained),
    "names": names.CANDIDATES,
    "settings": names.DEFAULT_CANDIDATES,
    "parameters": loaded.get_params(),
    "drift signal": [asked, vectors.shape],
    "requirements": [line.split("==")[0] for line in model_requirements("added")],
    "documentation": settings_page(),
}))
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict:
    project = project_with_added_family(tmp_path_factory.mktemp("project"))
    return json.loads(run_python(project, PROGRAM))


def test_it_is_among_the_names_and_trained_by_default(seen):
    names = [row.name for row in FAMILIES]
    expected = [names[0], "added", *names[1:]]
    assert seen["names"] == expected
    assert "added" in seen["settings"]


def test_it_is_made_saved_and_loaded_with_its_parameters(seen):
    assert seen["parameters"]["penalty"] == 2.0


def test_its_serving_cost_breaks_ties(seen):
    assert seen["cheapest first"] == ["tfidf", "added", "use"]


def test_its_requirements_are_logged_with_the_model(seen):
    assert seen["requirements"][-1] == "packaging"


def test_its_encoder_gives_a_drift_signal(seen):
    assert seen["drift signal"] == [["use"], [30, 2]]


def test_it_is_in_the_generated_documentation(seen):
    assert "`frequency,added,tfidf," in seen["documentation"]


def test_the_row_names_an_existing_class_of_that_name():
    for row in FAMILIES:
        module = import_module(f"include.candidates.{row.module}")
        assert getattr(module, row.class_name).name == row.name
        assert getattr(module, row.parameters_class)()


def test_names_are_distinct():
    assert len(BY_NAME) == len(FAMILIES)


def test_encoders_of_a_family_exist():
    assert {encoder for row in FAMILIES for encoder in row.encoders} <= set(ENCODERS)
