"""Image files: an image is a chunk, with the words that OCR reads in it if `ocr` is set."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Unpack

from mmrerank.errors import DocumentError, ImageError
from mmrerank.images.check import check_image
from mmrerank.images.decode import MAX_BYTES, MAX_PIXELS, read_file
from mmrerank.loaders.element_loader import ElementLoader, LoaderOptions
from mmrerank.loaders.elements import Element
from mmrerank.ocr.words import ImageReader, default_cache_dir
from mmrerank.optional import require
from mmrerank.types import Image

__all__ = ["ImageLoader", "ImageOptions"]

_HEIF = (".heic", ".heif", ".avif")


class ImageOptions(LoaderOptions, total=False):
    """Keywords of the image loader."""

    ocr: bool
    """Read the words in the image by OCR, as the text of the chunk. Default: False."""


class ImageLoader(ElementLoader):
    """Loads an image file (PNG, JPEG, WebP, TIFF, GIF's first frame, BMP; HEIC with an extra).

    The saved image is upright and in RGB. Keywords are those of `ImageOptions`.
    """

    options: ClassVar[type] = ImageOptions
    defaults: ClassVar[ImageOptions] = {"min_size": 1, "ocr": False}
    one_chunk_per_page: ClassVar[bool] = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Unpack[ImageOptions],
    ) -> None:
        shared: LoaderOptions = options
        super().__init__(path, image_root=image_root, **shared)
        self._reader = ImageReader(default_cache_dir()) if options.get("ocr") else None

    def elements(self) -> Iterator[Element]:
        """The image, and its words. Raises `DocumentError` for an image that cannot be read."""
        try:
            image = self._open()
            text = self._words(image)
        except ImageError as error:
            raise DocumentError(self.path, error.reason) from None
        element = self.image_element(image, name=Path(self.path).name) or Element()
        yield replace(element, text=text)

    def _open(self) -> Image:
        data = read_file(Path(self.path), MAX_BYTES)
        if self.path.lower().endswith(_HEIF):
            data = _from_heif(self.path, data)
        image = Image.from_bytes(data)
        check_image(image, decode=True)
        return image

    def _words(self, image: Image) -> str:
        """The paragraphs that OCR reads in the image; "" without `ocr`."""
        if self._reader is None:
            return ""
        from mmrerank.loaders.pdf.text.ocr_paragraphs import scan_blocks

        return "\n\n".join(block.text for block in scan_blocks(self._reader.lines(image)))


def _from_heif(path: str, data: bytes) -> bytes:
    """The first image of a HEIC file as PNG; its pixels are counted before they are decoded."""
    heif = require("pillow_heif")
    try:
        file = heif.open_heif(io.BytesIO(data))
        _check_size(path, *file.size)
        buffer = io.BytesIO()
        file.to_pillow().convert("RGB").save(buffer, "PNG")
    except DocumentError:
        raise
    except Exception as error:  # libheif's own errors on damaged files
        raise DocumentError(path, f"cannot be read as HEIC ({error})") from error
    return buffer.getvalue()


def _check_size(path: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise DocumentError(path, f"has {width} x {height} pixels; the limit is {MAX_PIXELS}")
