"""
The registered model as an MLflow pyfunc (models from code): titles and bodies to tags.

``mlflow.pyfunc.load_model("models:/tag-suggester@champion").predict(frame)`` and
``mlflow models serve -m models:/tag-suggester@champion`` run the copy of this file in
the logged model; the service reads the candidate's folder directly.
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class TagSuggester(PythonModel):
    """Suggests five tags with scores for each row, or as many as the parameter ``k``."""

    def load_context(self, context: PythonModelContext) -> None:
        """Load the candidate; ``bert_model`` of the logged configuration names its encoder."""
        candidate = Path(context.artifacts["candidate"])
        # The code that trained the model, before what else this machine may have
        sys.path.insert(0, str(candidate.parents[1] / "code" / "include.zip"))
        from include.candidates.catalogue import load_candidate
        from include.candidates.encoders import encoder_factory
        from include.text.prepare import prepare

        configured = (context.model_config or {}).get("bert_model")
        self._prepare = prepare
        self._candidate = load_candidate(candidate, encoder_factory(configured))

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: Any = None
    ) -> list[list[dict[str, Any]]]:
        """
        Return for each row of ``title`` and ``body`` (HTML) its tags with scores, best first.

        Parameters
        ----------
        context : PythonModelContext
            Unused; part of MLflow's interface.
        model_input : DataFrame
            Columns ``title`` and ``body``.
        params : dict or None
            ``k``: tags per row, 5 by default.
        """
        texts = [
            self._prepare(title, body)
            for title, body in zip(model_input["title"], model_input["body"], strict=True)
        ]
        ranked = self._candidate.rank(texts, int((params or {}).get("k", 5)))
        return [[{"tag": item.tag, "score": item.score} for item in row] for row in ranked]


set_model(TagSuggester())
