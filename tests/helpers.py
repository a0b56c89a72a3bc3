"""What more than one test file uses."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image as Pillow
from PIL import ImageDraw

DATA = Path(__file__).parent / "data"


def png(text: str = "", size: tuple[int, int] = (400, 120), color: str = "white") -> bytes:
    """A PNG with words on it, large enough for OCR."""
    picture = Pillow.new("RGB", size, color)
    ImageDraw.Draw(picture).text((15, 30), text, fill="black", font_size=32)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
