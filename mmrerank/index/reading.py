"""A file as an index reads it: its chunks of text, and each of its figures as a chunk of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError
from mmrerank.loaders.base import Chunk, Figure
from mmrerank.loaders.figure_chunks import figure_chunks
from mmrerank.ocr.engine import has_ocr
from mmrerank.ocr.words import ImageReader, default_cache_dir, is_readable
from mmrerank.progress import progress
from mmrerank.terminal import clean
from mmrerank.types import Image

__all__ = ["FileReader"]

_VERSION = 1  # raised when the same file gives other entries than before


class FileReader:
    """Reads files for an index, their images into `image_root`.

    `ocr`: read words in images, and pages without a text layer; None does so where OCR is
    installed. `options` go to the loaders that have them.
    """

    def __init__(
        self, image_root: Path, *, ocr: bool | None, figures: bool, options: Mapping[str, Any]
    ) -> None:
        self._image_root, self._figures, self._options = image_root, figures, dict(options)
        self._ocr = has_ocr() if ocr is None else ocr
        self._words = ImageReader(default_cache_dir(), ocr=self._ocr)

    def facts(self) -> dict[str, Any]:
        """All that the entries of a file depend on besides its content, as JSON."""
        shown = {name: repr(value) for name, value in self._options.items() if name != "password"}
        return {"version": _VERSION, "ocr": self._ocr, "figures": self._figures, **shown}

    def __call__(self, path: Path, *, show_progress: bool) -> list[Chunk]:
        """The chunks of a file, then its figures. Raises `RerankError`."""
        from mmrerank.loaders.files import FileLoader

        options = self._options if self._ocr else {**self._options, "ocr": False}
        loader = FileLoader(path, image_root=self._image_root, **options)
        name = clean(path.name)
        chunks = list(
            progress(loader.lazy_load(), f"Loading {name}", show=show_progress, unit="chunks")
        )
        if not chunks:
            raise DocumentError(str(path), "contains neither text nor images")
        if not self._figures:
            return chunks
        figures = {link.figure.ref: link.figure for chunk in chunks for link in chunk.links}
        words = {
            figure.ref: self._words_in(figure)
            for figure in progress(
                list(figures.values()), f"Reading words in images of {name}", show=show_progress
            )
        }
        return chunks + figure_chunks(chunks, lambda figure: words[figure.ref])

    def _words_in(self, figure: Figure) -> str:
        if is_readable(figure.words) or not self._ocr:
            return figure.words
        image = Image(path=self._image_root / figure.ref, root=self._image_root)
        read = " ".join(line.text for line in self._words.lines(image))
        return " ".join(part for part in (figure.words, read) if part)
