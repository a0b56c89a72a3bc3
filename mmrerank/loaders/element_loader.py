"""The base of all loaders that read a document element by element: every format but PDF."""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypedDict, Unpack

from mmrerank.errors import DocumentError, ImageError, InvalidInputError, RerankError, warn
from mmrerank.images.decode import open_image
from mmrerank.images.encode import encode_image
from mmrerank.images.markers import with_markers
from mmrerank.loaders.base import Chunk, Figure, FigureKind, Origin, chunk_id
from mmrerank.loaders.captions import find_mentions
from mmrerank.loaders.elements import (
    Element,
    ElementChunk,
    add_captions,
    figures_by_label,
    link_figures,
    pack_elements,
)
from mmrerank.loaders.figure_chunks import with_figure_chunks
from mmrerank.loaders.saving import image_folder, save_facts, save_image
from mmrerank.loaders.splitting import Sizes
from mmrerank.loaders.table_text import Row, table_pieces
from mmrerank.ocr.words import ImageReader
from mmrerank.options import Configurable
from mmrerank.types import Image

__all__ = ["ElementLoader", "LoaderOptions"]

_MAX_PIXELS = 1_200_000  # more than rerankers look at is not saved
_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}


class LoaderOptions(TypedDict, total=False):
    """Keywords that all loaders but the PDF loader share."""

    chunk_size: int
    """Maximum size of a chunk in characters, or in tokens with `count_tokens`. Default: 1000."""

    count_tokens: Callable[[str], int] | None
    """Counts the tokens of a text. Default: None, which counts characters."""

    min_size: int
    """Images with fewer pixels on a side are left out as decoration. Default: 32; 1 for image files."""

    max_images_per_chunk: int | None
    """Keep only this many links of a chunk, the strongest. Default: None, which keeps all."""

    figure_chunks: bool | ImageReader
    """Give each figure a chunk of its own too (metadata `kind: "figure"`), with its caption and words.

    Any store then finds a figure by its words. True reads them by OCR if that is installed and the
    text layer lacks them; an `ImageReader` reads them as it is set up. Default False.
    """

    markers: bool
    """Put a marker into the text where an image stands (see `resolve_markers`). Default: False."""


class ElementLoader(Configurable, ABC):
    """Loads a file as chunks; a subclass reads its format's elements.

    Keywords are those of `LoaderOptions`, or of the `TypedDict` that a subclass names as `options`.
    Images are saved under `image_root`; those that cannot be shown are named in the chunk's
    metadata under `not_rendered`. The constructor raises
    `InvalidInputError` for a value that cannot be used and TypeError for an unknown keyword.
    """

    options: ClassVar[type] = LoaderOptions
    defaults: ClassVar[Mapping[str, Any]] = {
        "chunk_size": 1000,
        "count_tokens": None,
        "min_size": 32,
        "max_images_per_chunk": None,
        "figure_chunks": False,
        "markers": False,
    }
    one_chunk_per_page: ClassVar[bool] = False

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Unpack[LoaderOptions],
    ) -> None:
        settings: LoaderOptions = self.complete_options(options)
        if settings["chunk_size"] < 1:
            raise InvalidInputError(f"chunk_size is at least 1, not {settings['chunk_size']}")
        max_images = settings["max_images_per_chunk"]
        if max_images is not None and max_images < 0:
            raise InvalidInputError("max_images_per_chunk is None or at least 0")
        self.path = os.fspath(path)
        self.origin = Origin(self.path)
        self._root = Path(image_root)
        self._sizes = Sizes(settings["chunk_size"], settings["count_tokens"] or len)
        self._min_size = settings["min_size"]
        self._max_images = max_images
        self._markers = settings["markers"]
        self._figure_chunks = settings["figure_chunks"]

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
        yield from with_figure_chunks(self._chunks(), self._root, self._figure_chunks)

    def _chunks(self) -> Iterator[Chunk]:
        _check_file(self.path)
        image_folder(self._root)
        is_empty = True
        for chunk in self._document_chunks():
            is_empty = False
            yield chunk
        if is_empty:
            self.warn(
                f"has no text and no images of {self._min_size} pixels or more; it gives no chunks"
            )

    def _document_chunks(self) -> Iterator[Chunk]:
        elements = add_captions(self._read_elements())
        self._save_facts([element.figure for element in elements if element.figure])
        labelled = figures_by_label(elements)
        sizes = None if self.one_chunk_per_page else self._sizes
        for position, chunk in enumerate(pack_elements(elements, sizes)):
            yield self._chunk(chunk, position, labelled)

    def warn(self, message: str) -> None:
        """Issue a `RerankWarning` about the document."""
        warn(f"{self.origin}: {message}")

    def table_elements(self, rows: Sequence[Row], *, page: int = 0) -> Iterator[Element]:
        """A table as text, in pieces that fit a chunk; nothing for a table without text."""
        sizes = None if self.one_chunk_per_page else self._sizes
        yield from (Element(text, page=page) for text in table_pieces(rows, sizes))

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
            id=chunk_id(self.origin.source, position, "\0".join([text, *refs])),
            text=text,
            source=self.origin.source,
            page=chunk.page,
            position=position,
            links=links,
            section=chunk.section,
            extra={
                **self.origin.metadata,
                **({"not_rendered": missing} if chunk.not_rendered else {}),
            },
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
        """The element of an image, which is saved, or only named if it cannot be shown; None if tiny.

        Raises `ImageError` if it cannot be written.
        """
        try:
            encoded = encode_image(image, _MAX_PIXELS)
            width, height = open_image(Image.from_bytes(encoded.data)).size
        except ImageError as error:
            self.warn(f"an image is left out: {name}: {error.reason}")
            return Element(not_rendered=f"{name}: {error.reason}", page=page)
        if min(width, height) < self._min_size:
            return None
        ref = save_image(self._root, encoded.data, _SUFFIXES[encoded.media_type])
        box = (0.0, 0.0, float(width), float(height))
        source = self.origin.source
        return Element(figure=Figure(ref, source, page, box, kind, caption=caption), page=page)


def _check_file(path: str) -> None:
    try:
        usable = Path(path).is_file() and os.stat(path).st_size > 0
    except (OSError, ValueError) as error:  # no permission; a null character in the name
        raise DocumentError(path, f"cannot be opened ({error})") from error
    if not usable:
        exists = Path(path).exists()
        raise DocumentError(path, "is empty or not a regular file" if exists else "does not exist")
