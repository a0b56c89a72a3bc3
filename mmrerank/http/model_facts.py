"""What the models that self-hosted servers run can read, by their names."""

from __future__ import annotations

from typing import NamedTuple

from mmrerank.types import MULTIMODAL, Modalities

__all__ = ["ModelFacts", "model_facts"]


class ModelFacts(NamedTuple):
    """What a model takes; of an image, the pixels it reads and the tokens they become."""

    modalities: Modalities
    max_pixels: int = 602_112
    tokens_per_image: int = 768
    takes_instruction: bool = False


# A server would accept text and image in one item, but m0 was trained to score each alone.
_M0 = ModelFacts(Modalities(image=True, query_image=True))

_QWEN3_VL = ModelFacts(
    MULTIMODAL,
    max_pixels=1800 * 32 * 32,
    tokens_per_image=1800,
    takes_instruction=True,
)

_QWEN3 = ModelFacts(Modalities(), takes_instruction=True)


def model_facts(model: str) -> ModelFacts:
    """The facts of `model`; one of an unknown family is assumed to read text only."""
    name = model.lower()
    if "jina-reranker-m0" in name:
        return _M0
    if "qwen3-vl-reranker" in name:
        return _QWEN3_VL
    return _QWEN3 if "qwen3-reranker" in name else ModelFacts(Modalities())
