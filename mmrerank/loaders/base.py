"""What every loader gives: chunks of text, and the figures that belong to them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal

from mmrerank.refs import IMAGES_KEY, write_refs

__all__ = ["Chunk", "Figure", "Link", "chunk_id", "source_id"]

LinkKind = Literal["reference", "caption", "column", "page"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of a document, saved under the image root.

    `ref` is its path relative to the image root, `page` counts from 1, `box` is
    (x0, y0, x1, y1) in points from the page's top left, `label` what the caption calls it
    ("figure 3"; empty where there is no numbered caption), `words` its text layer.
    The same facts stand in a JSON file of the same name beside the image.
    """

    ref: str
    source: str
    page: int
    box: tuple[float, float, float, float]
    kind: Literal["raster", "vector", "mixed", "page"]
    caption: str = ""
    label: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Why a figure belongs to a chunk, and how surely (0 to 1, strongest first in a chunk)."""

    figure: Figure
    kind: LinkKind
    score: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document's text with the figures that belong to it, strongest link first."""

    id: str
    text: str
    source: str
    page: int
    position: int
    links: tuple[Link, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        """Flat metadata that every vector store takes; no image key where there is no image."""
        known: dict[str, Any] = {
            "source": self.source,
            "page": self.page,
            "position": self.position,
            **self.extra,
        }
        images = write_refs([link.figure.ref for link in self.links])
        return {**known, IMAGES_KEY: images} if images else known


def chunk_id(source: str, position: int, content: str) -> str:
    """The same path, position and content (text and image references) give the same id."""
    return hashlib.sha256(f"{source}\0{position}\0{content}".encode()).hexdigest()[:32]


def source_id(source: str) -> str:
    """The id of a whole file, which its chunks name as their parent."""
    return hashlib.sha256(source.encode()).hexdigest()[:32]
