"""From image files to the features that stand for an image in a prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mmrerank.images.decode import open_image, read_bytes
from mmrerank.images.facts import digest, named
from mmrerank.local.cache.entry import CacheEntry
from mmrerank.local.cache.keys import Keys
from mmrerank.local.cache.memory import StateCache
from mmrerank.local.prompt.prompt import ImagePart, Prompt
from mmrerank.types import Image

__all__ = ["CallFeatures", "ImageFeatures", "VisionCache", "VisionTower"]


@dataclass(frozen=True, slots=True)
class ImageFeatures:
    """The tower's output for an image: `tokens` (n, hidden), `deepstack` the same for each layer.

    `genuine` is False if the file has changed since its digest was computed.
    """

    tokens: Tensor
    deepstack: tuple[Tensor, ...] = ()
    genuine: bool = True

    def cut(self, begin: int, end: int) -> ImageFeatures:
        """The features of the image's tokens `begin` to `end`."""
        if (begin, end) == (0, self.tokens.shape[0]):
            return self
        deepstack = tuple(layer[begin:end] for layer in self.deepstack)
        return ImageFeatures(self.tokens[begin:end], deepstack, self.genuine)


class VisionCache:
    """The tower's output for images, cached across calls; the key depends on the files' bytes."""

    def __init__(self, cache: StateCache, keys: Keys) -> None:
        self._cache, self._keys = cache, keys

    def get(self, parts: Iterable[ImagePart]) -> dict[ImagePart, ImageFeatures]:
        """The features of those images that are cached."""
        keys = {part: self._key(part) for part in parts}
        entries = self._cache.get_all(list(keys.values()), "vision")
        return {part: _features(entries[key]) for part, key in keys.items() if key in entries}

    def put(self, part: ImagePart, features: ImageFeatures) -> None:
        """Cache features, copied into one tensor (1 + deepstack layers, tokens, hidden)."""
        stacked = torch.stack((features.tokens, *features.deepstack))
        self._cache.put(self._key(part), CacheEntry({"features": stacked}), "vision")

    def _key(self, part: ImagePart) -> str:
        return self._keys.vision(part.digest, part.height, part.width)


def _features(entry: CacheEntry) -> ImageFeatures:
    tokens, *deepstack = entry.tensors["features"]
    return ImageFeatures(tokens, tuple(deepstack))


class VisionTower:
    """The vision tower of a checkpoint and its image processor (of PIL, not torchvision)."""

    def __init__(self, visual: Any, processor: Any, *, device: Any) -> None:
        self._visual, self._processor, self._device = visual, processor, device

    def features(self, parts: Sequence[ImagePart]) -> list[ImageFeatures]:
        """The features of each image, all computed in one pass.

        Raises `ImageError` for an image that cannot be read.
        """
        pixels, grids, genuine = zip(*(self._pixels(part) for part in parts), strict=True)
        grid = torch.cat(grids).to(self._device)
        out = self._visual(torch.cat(pixels).to(self._device, self._visual.dtype), grid_thw=grid)
        counts = [part.tokens for part in parts]
        tokens = out.pooler_output.split(counts)
        deep = [layer.split(counts) for layer in getattr(out, "deepstack_features", None) or ()]
        return [
            ImageFeatures(one, tuple(layer[i] for layer in deep), genuine[i])
            for i, one in enumerate(tokens)
        ]

    def _pixels(self, part: ImagePart) -> tuple[Tensor, Tensor, bool]:
        """Pixels (patches, values of a patch), the grid (1, 3), and whether the digest fits."""
        data = read_bytes(part.image)  # read once: what is hashed is what is decoded
        with named(part.image):
            picture = open_image(Image.from_bytes(data))
        picture = picture.resize((part.width, part.height), resample=3)  # 3: bicubic
        batch = self._processor(images=[picture], do_resize=False, return_tensors="pt")
        return batch["pixel_values"], batch["image_grid_thw"], digest(data) == part.digest


class CallFeatures:
    """The images' features during one call.

    Each image is read once and released after the last prompt that needs it. `budget` is the
    largest number of image tokens in one pass of the tower; a larger image is read alone.
    """

    def __init__(
        self,
        tower: VisionTower | None,
        prompts: Sequence[Prompt],
        budget: Callable[[], int],
        cache: VisionCache | None = None,
    ) -> None:
        self._tower, self._budget, self._cache = tower, budget, cache
        self._needed = [{placed.part for placed in prompt.images} for prompt in prompts]
        self._left = Counter(part for parts in self._needed for part in parts)
        self._known: dict[ImagePart, ImageFeatures] = {}
        self._changed: set[ImagePart] = set()

    def __getitem__(self, part: ImagePart) -> ImageFeatures:
        return self._known[part]

    def changed(self, prompt: int) -> bool:
        """Whether an image of this prompt has changed since its digest was computed."""
        return not self._changed.isdisjoint(self._needed[prompt])

    def read(self, prompts: Sequence[int]) -> None:
        """Read the images of these prompts that are not known yet. Raises `ImageError`."""
        wanted = {part for prompt in prompts for part in self._needed[prompt]} - set(self._known)
        if self._cache is not None:
            self._known |= self._cache.get(wanted)
            wanted -= set(self._known)
        for batch in _batches(sorted(wanted, key=lambda part: part.tokens), self._budget()):
            self._read(batch)

    def _read(self, batch: list[ImagePart]) -> None:
        assert self._tower is not None, "an image in the prompt of a model without images"
        for part, features in zip(batch, self._tower.features(batch), strict=True):
            self._known[part] = features
            if not features.genuine:
                self._changed.add(part)
            elif self._cache is not None:
                self._cache.put(part, features)

    def release(self, prompts: Sequence[int]) -> None:
        """Forget the images that no prompt but these needs."""
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
