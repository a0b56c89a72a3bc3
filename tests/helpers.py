"""What more than one test file uses."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

from PIL import Image as Pillow
from PIL import ImageDraw

from mmrerank.loaders.base import Chunk
from mmrerank.loaders.files import FileLoader

DATA = Path(__file__).parent / "data"


def png(text: str = "", size: tuple[int, int] = (400, 120), color: str = "white") -> bytes:
    """A PNG with words on it, large enough for OCR."""
    picture = Pillow.new("RGB", size, color)
    ImageDraw.Draw(picture).text((15, 30), text, fill="black", font_size=32)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def image_file(size: tuple[int, int] = (80, 60), color: str = "red", kind: str = "PNG") -> bytes:
    """An image file of one color."""
    buffer = io.BytesIO()
    Pillow.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def tall_png() -> bytes:
    """An image with transparency that is higher than JPEG can be; a few hundred bytes."""
    buffer = io.BytesIO()
    Pillow.new("RGBA", (1, 70_000)).save(buffer, "PNG")
    return buffer.getvalue()


def load_file(path: str | os.PathLike[str], root: Path, **options: Any) -> list[Chunk]:
    """The chunks of a file of any format."""
    return FileLoader(path, image_root=root, **options).load()


def not_rendered(chunk: Chunk) -> list[str]:
    """The names of a chunk's images that cannot be shown."""
    return list(json.loads(chunk.metadata.get("not_rendered", "[]")))
