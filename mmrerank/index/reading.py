"""A file as an index reads it: its chunks of text, and each of its figures as a chunk of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError, ImageError
from mmrerank.loaders.base import Chunk
from mmrerank.ocr.engine import has_ocr
from mmrerank.ocr.words import ImageReader, default_cache_dir, remove_unused_words
from mmrerank.progress import progress
from mmrerank.terminal import clean
from mmrerank.types import Image

__all__ = ["FileReader"]

_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif")

_VERSION = 3  # raised when the same file gives other entries than before


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

    @staticmethod
    def remove_unused_words() -> None:
        """Remove words of images from the user's cache that nobody has used for long."""
        remove_unused_words(default_cache_dir())

    @contextlib.contextmanager
    def reading_ahead(self, paths: Iterable[Path]) -> Iterator[None]:
        """Within it, OCR reads those of the files that are images in several processes.

        Images that are converted when they are loaded are not read ahead: their words belong to the
        converted file. What cannot be read is left to the loader, which says why.
        """
        images: list[Image] = []
        for path in paths if self._ocr else ():
            if path.suffix.lower() in _IMAGES:
                image = Image(path=path, root=path.parent)
                with contextlib.suppress(ImageError):
                    images += [] if self._words.is_known(image) else [image]
        with self._words.reading_ahead(images):
            yield

    def __call__(self, path: Path, *, show_progress: bool) -> list[Chunk]:
        """The chunks of a file, then its figures. Raises `RerankError`."""
        from mmrerank.loaders.files import FileLoader

        options = {"figure_chunks": self._words if self._figures else False, **self._options}
        if not self._ocr:
            options["ocr"] = False
        loader = FileLoader(path, image_root=self._image_root, **options)
        name = f"Loading {clean(path.name)}"
        chunks = list(progress(loader.lazy_load(), name, show=show_progress, unit="chunks"))
        if not chunks:
            raise DocumentError(str(path), "contains neither text nor images")
        return chunks
