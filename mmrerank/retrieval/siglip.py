"""SigLIP and SigLIP 2: texts of up to 64 tokens and whole images in one space.

https://github.com/google-research/big_vision
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from mmrerank.local.checkpoint import Checkpoint
from mmrerank.optional import require
from mmrerank.retrieval.local_embedder import Tensors
from mmrerank.retrieval.two_towers import Towers, TwoTowerEmbedder

__all__ = ["SiglipEmbedder"]


class SiglipEmbedder(TwoTowerEmbedder):
    """SigLIP 2 (NaFlex or of a fixed size) and SigLIP: vectors of short texts and of whole images.

    NaFlex keeps an image's shape, in at most 256 patches of 16 x 16 pixels; the others squeeze it
    into a square. Texts are lower-cased and cut to 64 tokens, as the models were trained. SigLIP 2
    reads many languages. SigLIP of the first version needs the extra `siglip`. Raises as
    `LocalEmbedder`.
    """

    towers: ClassVar = {
        "siglip2": Towers("Siglip2Model", "Siglip2ImageProcessorPil"),
        "siglip": Towers("SiglipModel", "SiglipImageProcessorPil"),
    }

    def _size(self, config: Any) -> int:
        return int(config.vision_config.hidden_size)

    def _load_tokenizer(self, checkpoint: Checkpoint) -> Any:
        """SigLIP 2 has Gemma's vocabulary; the file may name Gemma's class, which keeps capitals."""
        transformers = require("transformers")
        path = checkpoint.file("tokenizer_config.json")
        kind = str(json.loads(path.read_text(encoding="utf-8")).get("tokenizer_class", ""))
        if kind.startswith(("Gemma", "Siglip2")):
            return checkpoint.component(transformers.Siglip2Tokenizer, "tokenizer.json")
        require("sentencepiece")
        return checkpoint.component(transformers.SiglipTokenizer, "spiece.model")

    def _tokenize(self, texts: Sequence[str]) -> Tensors:
        """Always the full length and no mask: the tower pools the last place, padding or not."""
        tokens = self._encode(self._tokenizer, texts, self.max_length, padding="max_length")
        return {"input_ids": tokens["input_ids"]}
