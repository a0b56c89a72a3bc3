"""A file as an index reads it: its chunks of text, and each of its figures as a chunk of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError, ImageError, InvalidInputError
from mmrerank.images.refs import GENERATED_CAPTIONS_KEY, IMAGES_KEY, RESULT_KEYS
from mmrerank.loaders.base import ATTACHMENT_KEY, BOX_KEY, PAGE_LABEL_KEY, Chunk
from mmrerank.loaders.figure_chunks import CITED_BY_KEY, KIND_KEY
from mmrerank.ocr.engine import has_ocr
from mmrerank.ocr.words import ImageReader, default_cache_dir, remove_unused_words
from mmrerank.progress import progress
from mmrerank.terminal import clean
from mmrerank.types import Image

__all__ = ["FileReader", "MetadataOf"]

MetadataOf = Callable[[Path], Mapping[str, str | int | float | bool]]
"""The caller's own metadata of a file, by its absolute path."""

_OUR_KEYS = {
    "source", "page", "position", "section", IMAGES_KEY, ATTACHMENT_KEY, BOX_KEY, PAGE_LABEL_KEY,
    KIND_KEY, CITED_BY_KEY, "not_rendered", "file", GENERATED_CAPTIONS_KEY, *RESULT_KEYS,
}  # fmt: skip

_IMAGES = (".png", ".jpg", ".jpeg", ".webp", ".gif")

_VERSION = 4  # raised when the same file gives other entries than before


class FileReader:
    """Reads files for an index, their images into `image_root`.

    `ocr`: read words in images, and pages without a text layer; None does so where OCR is
    installed. `metadata` gives the caller's own metadata of a file. `options` go to the loaders
    that have them.
    """

    def __init__(
        self,
        image_root: Path,
        *,
        ocr: bool | None,
        figures: bool,
        metadata: MetadataOf | None,
        options: Mapping[str, Any],
    ) -> None:
        self._metadata = metadata
        self._image_root, self._figures, self._options = image_root, figures, dict(options)
        self._ocr = has_ocr() if ocr is None else ocr
        self._words = ImageReader(default_cache_dir(), ocr=self._ocr)

    def facts(self, path: Path) -> dict[str, Any]:
        """All that the entries of a file depend on besides its content, as JSON.

        Raises `InvalidInputError` for metadata that cannot be used.
        """
        shown = {name: repr(value) for name, value in self._options.items() if name != "password"}
        own = self._own_metadata(path)
        facts = {"version": _VERSION, "ocr": self._ocr, "figures": self._figures, **shown}
        return {**facts, "metadata": own} if own else facts

    def _own_metadata(self, path: Path) -> dict[str, Any]:
        own = dict(self._metadata(path)) if self._metadata is not None else {}
        if taken := _OUR_KEYS & own.keys():
            raise InvalidInputError(f"the metadata key {min(taken)!r} is mmrerank's own")
        for name, value in own.items():
            if not isinstance(name, str) or not isinstance(value, (str, int, float)):
                raise InvalidInputError(
                    f"metadata is text, numbers and booleans by name, not {name!r}: {value!r}"
                )
        return own

    @staticmethod
    def remove_unused_words() -> None:
        """Remove words of images from the user's cache that nobody has used for long."""
        remove_unused_words(default_cache_dir())

    @contextlib.contextmanager
    def reading_ahead(
        self, paths: Iterable[Path], is_same: Callable[[Path], bool]
    ) -> Iterator[None]:
        """Within it, OCR reads the images among the files in several processes.

        Only images are looked at, and those for which `is_same` says that they are in the index as
        they are now are left out.

        Images that are converted when they are loaded are not read ahead: their words belong to the
        converted file. What cannot be read is left to the loader, which says why.
        """
        images: list[Image] = []
        for path in paths if self._ocr else ():
            if path.suffix.lower() in _IMAGES and not is_same(path):
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
        own = self._own_metadata(path)
        return [replace(chunk, extra={**own, **chunk.extra}) for chunk in chunks] if own else chunks
