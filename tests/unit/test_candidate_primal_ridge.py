"""The ridge regression on vectors: the same as with a kernel, without the kernel."""

import numpy as np
import pytest
import scipy.sparse as sp

from include.candidates.kernel_ridge import fit_kernel_ridge
from include.candidates.primal_ridge import fit_primal_ridge


@pytest.mark.parametrize("questions", [8, 200])
def test_weights_and_scores_without_the_question_are_those_of_the_kernel(questions):
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(questions, 20)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    labels = (rng.random((questions, 7)) < 0.2).astype(np.float32)

    by_kernel = fit_kernel_ridge(vectors @ vectors.T, labels, 0.7)
    found = fit_primal_ridge(vectors, sp.csr_array(labels), 0.7)
    rows = slice(-5, None)
    scores = found.scores_without_themselves(vectors[rows], labels[rows])

    assert found.mean == pytest.approx(by_kernel.mean)
    np.testing.assert_allclose(found.weights, vectors.T @ by_kernel.dual_coef, atol=1e-5)
    np.testing.assert_allclose(scores, by_kernel.loo_scores[rows], atol=1e-5)
