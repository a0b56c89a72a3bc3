"""CLIP and models of its form: texts and images in one space, each up to a short length.

https://github.com/openai/CLIP, https://github.com/facebookresearch/MetaCLIP and
https://github.com/OFA-Sys/Chinese-CLIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from mmrerank.retrieval.local_embedder import Tensors
from mmrerank.retrieval.two_towers import Towers, TwoTowerEmbedder

if TYPE_CHECKING:
    from PIL.Image import Image as PILImage

__all__ = ["CLIPEmbedder", "ChineseCLIPEmbedder"]

_WIDEST = 16  # times as wide as high: what is wider is cut to this before it is scaled

_CHINESE_LENGTH = 52  # tokens, as Chinese-CLIP was trained; its text tower has room for more


class CLIPEmbedder(TwoTowerEmbedder):
    """CLIP and MetaCLIP 2: vectors of texts of up to 77 tokens (longer ones are cut) and of images.

    Of an image only the square in its middle is seen, as the models were trained: of a wide figure
    or a page the rest is lost. `SiglipEmbedder` sees all of it. Texts of most CLIPs are English;
    MetaCLIP 2 reads 300 languages. Raises as `LocalEmbedder`.
    """

    towers: ClassVar = {
        "clip": Towers("CLIPModel", "CLIPImageProcessorPil"),
        "metaclip_2": Towers("MetaClip2Model", "CLIPImageProcessorPil"),
    }

    def _pixels(self, picture: PILImage) -> Tensors:
        return super()._pixels(_middle(picture))


class ChineseCLIPEmbedder(CLIPEmbedder):
    """As `CLIPEmbedder`, for Chinese-CLIP: Chinese texts of up to 52 tokens."""

    towers: ClassVar = {
        "chinese_clip": Towers("ChineseCLIPModel", "ChineseCLIPImageProcessorPil"),
    }

    def _longest(self, config: Any) -> int:
        return min(_CHINESE_LENGTH, super()._longest(config))


def _middle(picture: PILImage) -> PILImage:
    """The middle of a very wide or high picture.

    The processor scales the short edge to 224 pixels before it cuts: a line of 60,000 x 1 pixels
    would have 3 thousand million of them.
    """
    width, height = picture.size
    if max(width, height) <= _WIDEST * min(width, height):
        return picture
    half_width = min(width, _WIDEST * height) / 2
    half_height = min(height, _WIDEST * width) / 2
    box = (
        int(width / 2 - half_width),
        int(height / 2 - half_height),
        int(width / 2 + half_width),
        int(height / 2 + half_height),
    )
    return picture.crop(box)
