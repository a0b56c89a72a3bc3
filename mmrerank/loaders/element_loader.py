"""The base of all loaders that read a document element by element: every format but PDF."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import ClassVar, TypedDict, Unpack

from mmrerank.errors import DocumentError, ImageError, InvalidInputError, RerankError, warn
from mmrerank.images.decode import open_image
from mmrerank.images.encode import encode_image
from mmrerank.images.refs import with_markers
from mmrerank.loaders.base import Chunk, Figure, FigureKind, chunk_id
from mmrerank.loaders.captions import find_mentions
from mmrerank.loaders.elements import (
    Element,
    ElementChunk,
    add_captions,
    figures_by_label,
    link_figures,
    pack_elements,
)
from mmrerank.loaders.saving import image_folder, save_facts, save_image
from mmrerank.loaders.splitting import Sizes
from mmrerank.types import Image

__all__ = ["ElementLoader", "LoaderOptions"]

_MAX_PIXELS = 1_200_000  # more than rerankers look at is not saved
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


class LoaderOptions(TypedDict, total=False):
    """Keywords that all loaders but the PDF loader share, each with its default."""

    chunk_size: int
    """Maximum size of a chunk in characters, or in tokens with `count_tokens`; 1000."""

    count_tokens: Callable[[str], int] | None
    """Counts the tokens of a text; None to count characters."""

    min_size: int
    """Images with fewer pixels on a side are decoration and left out; 32, image files 1."""

    max_images_per_chunk: int | None
    """Keep only so many links of a chunk, the strongest; None for all."""

    markers: bool
    """Put a marker into the text where an image stands (see `resolve_markers`); False."""


class ElementLoader(ABC):
    """Loads a file as chunks; a subclass reads its format's elements.

    Keywords are those of `LoaderOptions`. Images are saved under `image_root`; those that cannot
    be shown are named in the chunk's metadata under `not_rendered`. The constructor raises
    `InvalidInputError` for a value that cannot be used and TypeError for an unknown keyword.
    """

    options: ClassVar[type] = LoaderOptions
    """The `TypedDict` of the keywords that this loader takes."""

    default_min_size: ClassVar[int] = 32
    one_chunk_per_page: ClassVar[bool] = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Unpack[LoaderOptions],
    ) -> None:
        if unknown := sorted(options.keys() - self.options.__annotations__.keys()):
            raise TypeError(f"{type(self).__name__} has no keyword {unknown[0]!r}")
        chunk_size = options.get("chunk_size", 1000)
        if chunk_size < 1:
            raise InvalidInputError(f"chunk_size is at least 1, not {chunk_size}")
        max_images = options.get("max_images_per_chunk")
        if max_images is not None and max_images < 0:
            raise InvalidInputError("max_images_per_chunk is None or at least 0")
        self.path = os.fspath(path)
        self._root = Path(image_root)
        self._sizes = Sizes(chunk_size, options.get("count_tokens") or len)
        self._min_size = options.get("min_size", self.default_min_size)
        self._max_images = max_images
        self._markers = options.get("markers", False)

    @abstractmethod
    def elements(self) -> Iterator[Element]:
        """The document's parts in reading order; images are saved on the way."""

    def load(self) -> list[Chunk]:
        """All chunks of the document, in reading order; raises what `lazy_load` raises."""
        return list(self.lazy_load())

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one.

        Raises `DocumentError` for a file that cannot be read, `InvalidInputError` for an
        `image_root` that is not a folder, `ImageError` if an image cannot be written, and
        `MissingDependencyError`.
        """
        _check_file(self.path)
        image_folder(self._root)
        elements = add_captions(self._read_elements())
        self._save_facts([element.figure for element in elements if element.figure])
        labelled = figures_by_label(elements)
        sizes = None if self.one_chunk_per_page else self._sizes
        for position, chunk in enumerate(pack_elements(elements, sizes)):
            yield self._chunk(chunk, position, labelled)

    def _read_elements(self) -> list[Element]:
        try:
            return list(self.elements())
        except RerankError:
            raise
        except Exception as error:  # parsers raise many kinds on damaged files
            raise DocumentError(self.path, f"cannot be read ({error})") from error

    def _save_facts(self, figures: list[Figure]) -> None:
        """Save what is known of each image; of equal images, what is known of the first."""
        for figure in {figure.ref: figure for figure in reversed(figures)}.values():
            save_facts(self._root, figure)

    def _chunk(self, chunk: ElementChunk, position: int, labelled: Mapping[str, Figure]) -> Chunk:
        text = chunk.text
        mentioned = [(end, labelled[label]) for end, label in find_mentions(text, labelled)]
        links = tuple(link_figures(chunk.figures, mentioned)[: self._max_images])
        refs = [link.figure.ref for link in links]
        if self._markers:
            placed = [(at, figure.ref) for at, figure in [*chunk.figures, *mentioned]]
            text = with_markers(text, [(at, ref) for at, ref in placed if ref in refs])
        missing = json.dumps(chunk.not_rendered, ensure_ascii=False)
        return Chunk(
            id=chunk_id(self.path, position, "\0".join([text, *refs])),
            text=text,
            source=self.path,
            page=chunk.page,
            position=position,
            links=links,
            section=chunk.section,
            extra={"not_rendered": missing} if chunk.not_rendered else {},
        )

    def image_element(
        self,
        image: Image,
        *,
        name: str,
        caption: str = "",
        page: int = 0,
        kind: FigureKind = "raster",
    ) -> Element | None:
        """An image of the document, saved; named if it cannot be shown; None if it is tiny.

        Raises `ImageError` if it cannot be written.
        """
        try:
            encoded = encode_image(image, _MAX_PIXELS)
            width, height = open_image(Image.from_bytes(encoded.data)).size
        except ImageError as error:
            warn(f"{self.path}: an image is left out: {name}: {error.reason}")
            return Element(not_rendered=f"{name}: {error.reason}", page=page)
        if min(width, height) < self._min_size:
            return None
        ref = save_image(self._root, encoded.data, _SUFFIXES[encoded.media_type])
        box = (0.0, 0.0, float(width), float(height))
        return Element(figure=Figure(ref, self.path, page, box, kind, caption=caption), page=page)


def _check_file(path: str) -> None:
    try:
        usable = Path(path).is_file() and os.stat(path).st_size > 0
    except (OSError, ValueError) as error:  # no permission; a null character in the name
        raise DocumentError(path, f"cannot be opened ({error})") from error
    if not usable:
        exists = Path(path).exists()
        raise DocumentError(path, "is empty or not a regular file" if exists else "does not exist")
