"""Images on their way into a prompt: how many tokens they take, their pixels, their features."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from mmrerank.errors import ModelLoadError
from mmrerank.images import open_image
from mmrerank.local.batching import ImagePart, Prompt
from mmrerank.local.loading import Checkpoint

__all__ = ["CallFeatures", "ImageFeatures", "VisionTower", "load_tower"]


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """What the tower makes of an image: `tokens` (n, hidden), `deepstack` the same, a layer each."""

    tokens: Tensor
    deepstack: tuple[Tensor, ...] = ()

    def cut(self, begin: int, end: int) -> ImageFeatures:
        """The features of the image's tokens `begin` to `end`."""
        if (begin, end) == (0, self.tokens.shape[0]):
            return self
        return ImageFeatures(self.tokens[begin:end], tuple(x[begin:end] for x in self.deepstack))


class VisionTower:
    """The vision tower of a checkpoint and its image processor (of PIL, not torchvision)."""

    def __init__(self, visual: Any, processor: Any, *, device: Any) -> None:
        self._visual, self._processor, self._device = visual, processor, device

    def features(self, parts: Sequence[ImagePart]) -> list[ImageFeatures]:
        """The features of each image, all read in one pass."""
        pixels, grids = zip(*(self._pixels(part) for part in parts), strict=True)
        grid = torch.cat(grids).to(self._device)
        out = self._visual(torch.cat(pixels).to(self._device, self._visual.dtype), grid_thw=grid)
        counts = [part.tokens for part in parts]
        tokens = out.pooler_output.split(counts)
        deep = [layer.split(counts) for layer in getattr(out, "deepstack_features", None) or ()]
        return [
            ImageFeatures(one, tuple(layer[i] for layer in deep)) for i, one in enumerate(tokens)
        ]

    def _pixels(self, part: ImagePart) -> tuple[Tensor, Tensor]:
        """(patches, values of a patch) and the grid, (1, 3)."""
        picture = open_image(part.image).resize((part.width, part.height), resample=3)  # 3: bicubic
        made = self._processor(images=[picture], do_resize=False, return_tensors="pt")
        return made["pixel_values"], made["image_grid_thw"]


class CallFeatures:
    """The images' features for the length of one call.

    Each image is read once and let go of after the last prompt that needs it. `budget` is the most
    image tokens that the tower reads in one pass; a larger image is read alone.
    """

    def __init__(
        self, tower: VisionTower | None, prompts: Sequence[Prompt], budget: Callable[[], int]
    ) -> None:
        self._tower, self._budget = tower, budget
        self._needed = [{placed.part for placed in prompt.images} for prompt in prompts]
        self._left = Counter(part for parts in self._needed for part in parts)
        self._known: dict[ImagePart, ImageFeatures] = {}

    def __getitem__(self, part: ImagePart) -> ImageFeatures:
        return self._known[part]

    def read(self, prompts: Sequence[int]) -> None:
        """Have the features of all images of these prompts."""
        wanted = {part for prompt in prompts for part in self._needed[prompt]} - set(self._known)
        for batch in _batches(sorted(wanted, key=lambda part: part.tokens), self._budget()):
            assert self._tower is not None, "an image in the prompt of a model without images"
            self._known |= zip(batch, self._tower.features(batch), strict=True)

    def release(self, prompts: Sequence[int]) -> None:
        """These prompts are done."""
        for prompt in prompts:
            for part in self._needed[prompt]:
                self._left[part] -= 1
                if not self._left[part]:
                    self._known.pop(part, None)


def _batches(parts: list[ImagePart], budget: int) -> list[list[ImagePart]]:
    batches: list[list[ImagePart]] = []
    used = budget
    for part in parts:
        if used + part.tokens > budget:
            batches.append([])
            used = 0
        batches[-1].append(part)
        used += part.tokens
    return [batch for batch in batches if batch]


def load_tower(checkpoint: Checkpoint, visual: Any, device: Any) -> VisionTower:
    """The tower with the image processor that the checkpoint's preprocessor_config.json asks for."""
    checkpoint.file("preprocessor_config.json")
    try:
        processor = Qwen2VLImageProcessorPil.from_pretrained(
            checkpoint.name, revision=checkpoint.revision or "main"
        )
    except Exception as error:  # as with the weights: many kinds
        raise ModelLoadError(
            f"{checkpoint.model}: its preprocessor_config.json cannot be used: {error}"
        ) from error
    return VisionTower(visual, processor, device=device)
