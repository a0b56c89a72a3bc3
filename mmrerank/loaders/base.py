"""What every loader returns: chunks of text, and the figures that belong to them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmrerank.images.refs import IMAGES_KEY, write_refs
from mmrerank.loaders.boxes import Box

__all__ = [
    "ATTACHMENT_KEY",
    "BOX_KEY",
    "PAGE_LABEL_KEY",
    "SCORES",
    "Chunk",
    "Figure",
    "FigureKind",
    "Link",
    "LinkKind",
    "Origin",
    "chunk_id",
    "strongest",
]

PAGE_LABEL_KEY = "page_label"
"""Metadata: what the document itself calls the page ("iv"), where that is not its number."""

ATTACHMENT_KEY = "attachment"
"""Metadata: the name of a file attached to the mail that is the source. `page` and `box` are those
in the attached file. In a mail within a mail the names follow each other: "Fwd: Belts > report.pdf".
"""

BOX_KEY = "box"
"""Metadata: where on its page the text or figure is, as `mmrerank.loaders.boxes.write_box` has it."""

FigureKind = Literal["raster", "vector", "mixed", "text", "table", "page"]
"""What a figure is made of; "text" is a listing, "page" a scan or a page's own rendering."""

LinkKind = Literal["reference", "caption", "column", "section", "page"]
"""Why a figure belongs to a chunk: it is mentioned there, its caption is there, or it is near."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What chunks and figures name as their source: a path, or an `attachment` of the mail there.

    As text, it is how messages name the document.
    """

    source: str
    attachment: str = ""

    def __str__(self) -> str:
        if not self.attachment:
            return self.source
        return f"{self.source}: attachment {self.attachment!r:.200}"

    @property
    def metadata(self) -> dict[str, str]:
        """What the metadata of its chunks has besides `source`."""
        return {ATTACHMENT_KEY: self.attachment} if self.attachment else {}


@dataclass(frozen=True, slots=True)
class Figure:
    """An image of a document, saved under the image root.

    `ref` is its path relative to the image root, `page` counts from 1 (0 without pages), `box` is
    (x0, y0, x1, y1) in points from the page's top left (in pixels of the image in formats other
    than PDF), `label` is its number in the caption ("figure 3"; empty without a numbered caption),
    `words` its text layer, `context` the paragraphs around it (with `context=True`). A JSON file
    beside the image, of the same name, has the same facts.
    """

    ref: str
    source: str
    page: int
    box: Box
    kind: FigureKind
    caption: str = ""
    label: str = ""
    words: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Why a figure belongs to a chunk, and how surely: `score` from 0 to 1."""

    figure: Figure
    kind: LinkKind
    score: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document's text with the figures that belong to it, strongest link first.

    `page` counts from 1 (a slide is a page); it is 0 in formats without pages. `position` counts
    the document's chunks from 0, `section` is the heading that the chunk stands under. `extra` is
    flat metadata: `not_rendered` names images that cannot be shown, as a JSON list in a string.
    """

    id: str
    text: str
    source: str
    page: int
    position: int
    links: tuple[Link, ...] = ()
    section: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        """Flat metadata that every vector store takes; the image key is missing without images."""
        known: dict[str, Any] = {
            "source": self.source,
            **({"page": self.page} if self.page else {}),
            "position": self.position,
            **({"section": self.section} if self.section else {}),
            **self.extra,
        }
        images = write_refs([link.figure.ref for link in self.links])
        return {**known, IMAGES_KEY: images} if images else known


def chunk_id(source: str, position: int, content: str) -> str:
    """The id of a chunk: a hash of its path, position and content (text and image references)."""
    return hashlib.sha256(f"{source}\0{position}\0{content}".encode()).hexdigest()[:32]


def strongest(links: Iterable[Link]) -> list[Link]:
    """The links, highest score first, each image once: equal pixels are one image."""
    best: dict[str, Link] = {}
    for link in sorted(links, key=lambda link: -link.score):
        best.setdefault(link.figure.ref, link)
    return list(best.values())


SCORES: Mapping[LinkKind, float] = {
    "reference": 1.0,
    "caption": 0.9,
    "column": 0.5,
    "section": 0.4,
    "page": 0.3,
}
"""How surely a figure belongs to a chunk. A mention outweighs the page: two of three mentioned
figures are on another page."""
