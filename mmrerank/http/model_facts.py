"""What the models that several servers can serve read, by their names."""

from __future__ import annotations

from typing import NamedTuple

from mmrerank.types import Modalities

__all__ = ["Reads", "reads"]


class Reads(NamedTuple):
    """What a model takes, and its images: the pixels it reads and the tokens they become."""

    modalities: Modalities
    max_pixels: int = 602_112
    tokens_per_image: int = 768
    takes_instruction: bool = False


# Text and image at once would be served too, but m0 was not trained for it: each is scored alone.
_M0 = Reads(Modalities(image=True, query_image=True))

_QWEN3_VL = Reads(
    Modalities(
        image=True,
        text_and_image=True,
        several_images=True,
        query_image=True,
        query_text_and_image=True,
        query_several_images=True,
    ),
    max_pixels=1800 * 32 * 32,
    tokens_per_image=1800,
    takes_instruction=True,
)

_QWEN3 = Reads(Modalities(), takes_instruction=True)


def reads(model: str) -> Reads:
    """What `model` reads; a model of another family is taken to read text only."""
    name = model.lower()
    if "jina-reranker-m0" in name:
        return _M0
    if "qwen3-vl-reranker" in name:
        return _QWEN3_VL
    return _QWEN3 if "qwen3-reranker" in name else Reads(Modalities())
