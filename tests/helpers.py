"""What more than one test file uses."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image as Pillow
from PIL import ImageDraw

from mmrerank.loaders.base import Chunk
from mmrerank.loaders.files import FileLoader

DATA = Path(__file__).parent / "data"

BARS = (0.5, 0.8, 0.3, 0.6, 0.7)


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


def bar_chart(
    values: Sequence[float] = BARS,
    *,
    title: str = "Load of the pumps",
    size: tuple[int, int] = (640, 400),
) -> Pillow.Image:
    """Bars of these heights, from 0 to 1."""
    picture = Pillow.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    width, height = size
    draw.line((60, 40, 60, height - 40, width - 20, height - 40), fill="black", width=2)
    draw.text((200, 8), title, fill="black", font_size=24)
    for i, value in enumerate(values):
        left = 80 + i * (width - 100) / len(values)
        top = height - 41 - value * (height - 100)
        draw.rectangle((left, top, left + 60, height - 41), fill="#3a76af")
    return picture


def load_file(path: str | os.PathLike[str], root: Path, **options: Any) -> list[Chunk]:
    """The chunks of a file of any format."""
    return FileLoader(path, image_root=root, **options).load()


def not_rendered(chunk: Chunk) -> list[str]:
    """The names of a chunk's images that cannot be shown."""
    return list(json.loads(chunk.metadata.get("not_rendered", "[]")))


def make_texts(folder: Path, count: int, word: str) -> Path:
    """A folder of short Markdown files that all speak of granite, and each of its own number."""
    folder.mkdir(exist_ok=True)
    for i in range(count):
        (folder / f"{i}.md").write_text(f"{word} {i}: granite of quarry {i}")
    return folder
