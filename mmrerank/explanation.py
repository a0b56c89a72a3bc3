"""What made a score: words of the query and of the document, and cells of its images."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "METHODS",
    "ExplainedPart",
    "Explanation",
    "ImageMap",
    "ImageWord",
    "Method",
    "WordWeight",
]

Box = tuple[float, float, float, float]

Method = Literal["integrated_gradients", "leave_one_out", "bm25"]

METHODS: tuple[Method, ...] = ("integrated_gradients", "leave_one_out", "bm25")


@dataclass(frozen=True, slots=True, kw_only=True)
class WordWeight:
    """A word of a text: `text[start:end]` in characters, and what it added to the score."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageWord:
    """A word that was read in an image, and what it added to the score.

    `image` is an index in `Content.images`. `box` is (x0, y0, x1, y1) in pixels of the upright
    image, from its top left: the line that the word is in. None if the place is not known.
    """

    image: int
    text: str
    weight: float
    box: Box | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageMap:
    """What the cells of an image added to the score.

    `image` is an index in `Content.images`; `weights` has a tuple for each of `rows`, from the top,
    with a number for each of `columns`. `width` and `height` are those of the upright image file
    in pixels. The model mixes neighbouring cells, so a cell is a hint at a place, not an outline.
    """

    image: int
    rows: int
    columns: int
    width: int
    height: int
    weights: tuple[tuple[float, ...], ...]

    def box(self, row: int, column: int) -> Box:
        """The place of a cell, (x0, y0, x1, y1) in pixels of the image."""
        tall, wide = self.height / self.rows, self.width / self.columns
        return (column * wide, row * tall, (column + 1) * wide, (row + 1) * tall)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainedPart:
    """A part of a document that was scored on its own, and its `share` in the document's score.

    `share` is by how much the document's score changes for each unit that the part's score changes: 1
    for the best part and 0 for the others under `max_score`. Only parts with a share are explained.
    """

    kind: Literal["text", "image"]
    score: float
    share: float
    image: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What made the score of one document.

    `score` is the document's score as `Reranker.score` returns it. Weights explain `output`, which
    is on the model's own scale: the logit of a local model, the score itself for `bm25`. `baseline`
    is the output for the same prompt with all of the document blurred to one mean (0 for `bm25`).
    The weights of the document, its images and their words add up to `output - baseline - gap`: a
    `gap` that is large beside `output - baseline` says that the weights are not exact. So do those
    of the query with `query_baseline` and `query_gap`. These are None for `leave_one_out`, whose
    weights do not add up to anything: each is what the output loses without that word alone.

    `query` and `document` have words in the order of the text, `query_images` and `images` a map
    for each image that was explained, `query_image_words` and `image_words` the words that were
    read in images, strongest first. `parts` is empty for a document that was scored as a whole.
    """

    model: str
    method: Method
    score: float
    output: float
    baseline: float | None = None
    gap: float | None = None
    query_baseline: float | None = None
    query_gap: float | None = None
    query: tuple[WordWeight, ...] = ()
    document: tuple[WordWeight, ...] = ()
    query_images: tuple[ImageMap, ...] = ()
    images: tuple[ImageMap, ...] = ()
    query_image_words: tuple[ImageWord, ...] = ()
    image_words: tuple[ImageWord, ...] = ()
    parts: tuple[ExplainedPart, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The same as plain data, which `json.dumps` takes."""
        return dataclasses.asdict(self)
