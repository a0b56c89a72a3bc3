"""Pieces that a text splitter cut from a loader's chunks: each keeps only its own images.

A splitter copies the metadata of a chunk, and with it all of its images, to each of its pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmrerank.images.markers import cut_markers, resolve_markers
from mmrerank.images.refs import IMAGES_KEY, read_refs, write_refs
from mmrerank.loaders.captions import find_caption, find_references
from mmrerank.loaders.figure_chunks import KIND_KEY
from mmrerank.ocr.words import loader_facts
from mmrerank.types import Image

__all__ = ["own_images"]

_CHUNK_KEYS = ("source", "page", "position", IMAGES_KEY)
"""What the pieces of one chunk share."""


def own_images(
    pieces: Sequence[tuple[str, Mapping[str, Any]]], image_root: Path | None
) -> list[tuple[str, dict[str, Any]]]:
    """Texts and metadata of pieces, with the images that belong to each, and without markers.

    An image belongs to the pieces with its marker. Of a chunk without any marker, and with an
    `image_root`, it belongs to those that name its figure by number or have its caption; one that
    none of the pieces names stays with all of them, so that nothing is lost.
    """
    chunks: dict[tuple[str, ...], list[int]] = {}
    for index, (_, metadata) in enumerate(pieces):
        key = tuple(str(metadata.get(name)) for name in _CHUNK_KEYS)
        chunks.setdefault(key, []).append(index)
    resolved = [resolve_markers(text, read_refs(m.get(IMAGES_KEY))) for text, m in pieces]
    for indices in chunks.values():
        texts, metadata = [pieces[index][0] for index in indices], pieces[indices[0]][1]
        if image_root is None or any(cut_markers(text) != text for text in texts):
            continue
        for index, own in zip(indices, _named(texts, metadata, image_root), strict=True):
            resolved[index] = resolved[index][0], own
    return [
        (text, _with_images(metadata, refs))
        for (text, refs), (_, metadata) in zip(resolved, pieces, strict=True)
    ]


def _with_images(metadata: Mapping[str, Any], refs: Sequence[str]) -> dict[str, Any]:
    kept = {key: value for key, value in metadata.items() if key != IMAGES_KEY}
    images = write_refs(refs)
    return {**kept, IMAGES_KEY: images} if images else kept


def _named(texts: Sequence[str], metadata: Mapping[str, Any], root: Path) -> list[list[str]]:
    """For each piece of a chunk, the images it names, and those that none of the pieces names."""
    refs = read_refs(metadata.get(IMAGES_KEY))
    if metadata.get(KIND_KEY) == "figure":  # all of its text is about its image
        return [refs] * len(texts)
    source = str(metadata.get("source", ""))
    labels = {ref: _label(ref, root, source) for ref in refs}
    known = [label for label in labels.values() if label]
    named = [set(find_references(text, known)) for text in texts]
    anywhere = set().union(*named)
    return [
        [ref for ref in refs if labels[ref] in own or labels[ref] not in anywhere] for own in named
    ]


def _label(ref: str, root: Path, source: str) -> str:
    """The number of a figure ("figure 3"), from its caption beside the image; "" without one."""
    facts = loader_facts(Image(path=root / ref, root=root), source)
    caption = find_caption(str(facts.get("caption") or ""))
    return caption.label if caption else ""
