"""Ranked chunks with the facts of their images: what a prompt is made of, in every framework."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrerank.images.refs import BEST_IMAGE_KEY, GENERATED_CAPTIONS_KEY
from mmrerank.loaders.base import ATTACHMENT_KEY, BOX_KEY
from mmrerank.loaders.boxes import Box, read_box
from mmrerank.ocr.words import loader_facts
from mmrerank.result_metadata import hit_metadata
from mmrerank.types import Image

if TYPE_CHECKING:
    from mmrerank.index.hits import Hit

__all__ = ["Box", "Chunk", "ChunkImage", "hit_chunk", "read_chunk"]

_SOURCE_KEYS = ("source", "file_path", "path", "file_name", "filename")

_PAGE_KEYS = ("page", "page_number", "page_label")

_LABEL = re.compile(r"[^\W\d_]+ [\w.\-]{1,20}")  # "figure 3", "table B.2", as the loaders write it


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkImage:
    """An image of a chunk, and what its loader wrote beside it.

    `ref` is its reference in the chunk's metadata, `label` its number in the caption ("Figure 3";
    "" without one), `page` counts from 1, `box` is (x0, y0, x1, y1) in points from the page's top
    left. `is_best` marks the image that scored best. `generated_caption` is what the model
    `generated_by` said of the image; it is not the document's text.
    """

    image: Image
    ref: str
    label: str = ""
    page: int | None = None
    box: Box | None = None
    caption: str = ""
    kind: str = ""
    is_best: bool = False
    generated_caption: str = ""
    generated_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A ranked chunk: its text, where it comes from, and its images.

    `attachment` is the file attached to the mail `source` that `page` and `box` are in.
    """

    text: str
    source: str = ""
    attachment: str = ""
    page: int | str | None = None
    section: str = ""
    kind: str = "text"
    box: Box | None = None
    images: tuple[ChunkImage, ...] = ()


def read_chunk(
    text: str, metadata: Mapping[str, Any], images: Sequence[tuple[str, Image]] = ()
) -> Chunk:
    """A chunk from its text, metadata and images with their references.

    Metadata is that of our loaders or of others: missing facts are left out. What a loader wrote
    beside an image is read from there.
    """
    source = _first(metadata, _SOURCE_KEYS)
    best = metadata.get(BEST_IMAGE_KEY)
    generated = _generated_captions(metadata)
    return Chunk(
        text=text,
        source=source,
        attachment=_first(metadata, (ATTACHMENT_KEY,)),
        page=_page(metadata),
        section=_first(metadata, ("section",)),
        kind=_first(metadata, ("kind",)) or "text",
        box=read_box(metadata.get(BOX_KEY)),
        images=tuple(
            _chunk_image(image, ref, source, generated.get(ref, ("", "")), is_best=ref == best)
            for ref, image in images
        ),
    )


def hit_chunk(hit: Hit, image_root: Path) -> Chunk:
    """A result of an index as a chunk; `image_root` is the index's own."""
    metadata = {
        **hit_metadata(hit, reranked=False),
        "source": hit.source,
        "page": hit.page,
        "kind": hit.kind,
    }
    images = [(one.path, Image(path=image_root / one.path, root=image_root)) for one in hit.images]
    return read_chunk(hit.text, metadata, images)


def _generated_captions(metadata: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Captions and the names of their models, by reference; what is not in the form is left out."""
    value = metadata.get(GENERATED_CAPTIONS_KEY)
    try:
        said = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        return {}
    if not isinstance(said, dict):
        return {}
    return {
        ref: (str(one["caption"]), str(one.get("model") or ""))
        for ref, one in said.items()
        if isinstance(one, dict) and isinstance(one.get("caption"), str)
    }


def _chunk_image(
    image: Image, ref: str, source: str, generated: tuple[str, str], *, is_best: bool
) -> ChunkImage:
    facts = loader_facts(image, source or None)
    label = str(facts.get("label") or "")
    page = facts.get("page")
    return ChunkImage(
        image=image,
        ref=ref,
        label=label[:1].upper() + label[1:] if _LABEL.fullmatch(label) else "",
        page=page if isinstance(page, int) and page > 0 else None,
        box=read_box(facts.get("box")),
        caption=str(facts.get("caption") or ""),
        kind=str(facts.get("kind") or ""),
        is_best=is_best,
        generated_caption=generated[0],
        generated_by=generated[1],
    )


def _first(metadata: Mapping[str, Any], keys: Sequence[str]) -> str:
    """The first text under one of the keys."""
    values = (metadata.get(key) for key in keys)
    return next((value for value in values if isinstance(value, str) and value.strip()), "")


def _page(metadata: Mapping[str, Any]) -> int | str | None:
    """The page as the metadata has it: a number, or the document's own label."""
    for key in _PAGE_KEYS:
        value = metadata.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip():
            return value
    return None
