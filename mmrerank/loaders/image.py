"""Image files: a picture is a chunk, with the words in it where they are asked for."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmrerank.errors import DocumentError, ImageError
from mmrerank.images.check import check_image
from mmrerank.images.decode import MAX_BYTES, MAX_PIXELS, read_file
from mmrerank.loaders.elements import Element, FlowLoader
from mmrerank.loaders.pdf.text.ocr_paragraphs import scan_blocks
from mmrerank.ocr.words import ImageReader, default_cache_dir
from mmrerank.optional import require
from mmrerank.types import Image

__all__ = ["PictureLoader"]

_HEIF = (".heic", ".heif", ".avif")


class PictureLoader(FlowLoader):
    """Loads an image file (PNG, JPEG, WebP, TIFF, GIF's first frame, BMP; HEIC by an extra).

    It is turned upright and brought to RGB. `ocr=True` reads the words in it as the chunk's text.
    Other options as `FlowLoader`.
    """

    whole_pages = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        ocr: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(path, image_root=image_root, **{"min_size": 1, **options})
        self._reader = ImageReader(default_cache_dir()) if ocr else None

    def elements(self) -> Iterator[Element]:
        """The picture, and its words."""
        try:
            data = read_file(Path(self.path), MAX_BYTES)
            if self.path.lower().endswith(_HEIF):
                data = _from_heif(self.path, data)
            image = Image.from_bytes(data)
            check_image(image, decode=True)
            lines = self._reader.lines(image) if self._reader else []
        except ImageError as error:
            raise DocumentError(self.path, error.reason) from None
        text = "\n\n".join(block.text for block in scan_blocks(lines))
        yield Element(text, picture=self.picture(image, name=Path(self.path).name))


def _from_heif(path: str, data: bytes) -> bytes:
    """A PNG file of the first picture in a HEIC file, its pixels counted before they are decoded."""
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
