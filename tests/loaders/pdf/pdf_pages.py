"""What the tests of the PDF loader draw and load."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from mmrerank.loaders.base import Chunk
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.page import Block, Line

DATA = Path(__file__).parents[2] / "data"
PDF, DAMAGED = DATA / "pdf", DATA / "pdf-damaged"
PROSE = "Belts of rubber carry the parts from one hall to the next without any noise at all. "


def write(page, y, text, size=10.0, font="helv", x=72.0):
    """Text in a box of 450 points from `x`."""
    left = page.insert_textbox((x, y, x + 450, y + 90), text, fontsize=size, fontname=font)
    assert left >= 0, "the text does not fit its box"


def draw_curve(page):
    """A drawing at (100, 100)."""
    page.draw_bezier((100, 100), (200, 300), (250, 50), (300, 200))


def picture(size=(60, 40), color="red") -> bytes:
    """A PNG file of one colour."""
    data = io.BytesIO()
    Image.new("RGB", size, color).save(data, "PNG")
    return data.getvalue()


def load(path, root, **options) -> list[Chunk]:
    """The chunks of a file, read in this process unless `workers` says otherwise."""
    return PDFLoader(path, image_root=root, **{"workers": 0, **options}).load()


def kinds(chunk: Chunk) -> list[tuple[str, float, str, int]]:
    """Kind, score, label and page of each link."""
    return [(link.kind, link.score, link.figure.label, link.figure.page) for link in chunk.links]


def block(text, x=72.0, y=72.0, size=10.0, width=200.0) -> Block:
    """A block of one line."""
    return Block((x, y, x + width, y + 12.0), text, (line(text, x, y, size, width),))


def line(text, x=72.0, y=72.0, size=10.0, width=200.0, **flags) -> Line:
    """A line, 12 points high."""
    return Line((x, y, x + width, y + 12.0), text, size, **flags)


def texts(blocks: Sequence[Block]) -> list[str]:
    """The texts of blocks."""
    return [one.text for one in blocks]
