"""Pages that are one picture: drawn as usual, then saved as an image, with the lines that OCR reads."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
from pdf_pages import write
from PIL import Image

from mmrerank.ocr.engine import ReadLine

SLIDE = (960.0, 540.0)

PHOTO = (60.0, 330.0, 260.0, 480.0)

A4 = (595.0, 842.0)

PAPER_CHART = (72.0, 220.0, 420.0, 420.0)

CHART = (500.0, 150.0, 880.0, 420.0)


def as_picture(
    path: Path, draw: Callable[[Any], None], size: tuple[float, float] = SLIDE
) -> list[ReadLine]:
    """Write a PDF with one page, a picture of what `draw` draws; the lines of text in it."""
    with pymupdf.open() as drawn, pymupdf.open() as target:
        page = drawn.new_page(width=size[0], height=size[1])
        draw(page)
        whole = page.rect
        new = target.new_page(width=size[0], height=size[1])
        new.insert_image(whole, stream=page.get_pixmap(dpi=100).tobytes("jpg"))
        target.save(path)
        return lines_of(page)


def lines_of(page: Any) -> list[ReadLine]:
    """The lines of text of a page, as OCR gives them."""
    width, height = page.rect.width, page.rect.height
    return [
        ReadLine(
            tuple(np.divide(line["bbox"], (width, height, width, height)).tolist()),
            "".join(span["text"] for span in line["spans"]),
        )
        for block in page.get_text("dict")["blocks"]
        for line in block.get("lines", ())
    ]


def draw_chart(page: Any, box: tuple[float, float, float, float] = CHART) -> None:
    """Axes, two curves and numbers, all within the box."""
    x0, y0, x1, y1 = box
    left, bottom = x0 + 18, y1 - 20
    page.draw_line((left, y0), (left, bottom), width=1.5)
    page.draw_line((left, bottom), (x1, bottom), width=1.5)
    for series, color in enumerate([(0.8, 0.2, 0.1), (0.1, 0.3, 0.8)]):
        points = [
            (left + (x1 - left) * i / 10, bottom - (bottom - y0) * (0.1 * i * (0.9 - 0.3 * series)))
            for i in range(11)
        ]
        page.draw_polyline(points, color=color, width=2)
    for i in range(5):
        write(page, bottom - (bottom - y0 - 10) * i / 4, str(10 * i), x=x0)
        write(page, y1 - 16, f"{2018 + i}", x=left + (x1 - left - 25) * i / 4)


def photograph(size: tuple[int, int] = (300, 225)) -> bytes:
    """The PNG file of something with many tones."""
    across, down = size
    y, x = np.mgrid[0:down, 0:across]
    waves = [127 + 127 * np.sin(x / (9 + 4 * c) + y / (31 - 6 * c)) for c in range(3)]
    data = Image.fromarray(np.stack(waves, axis=2).astype(np.uint8))
    file = io.BytesIO()
    data.save(file, "PNG")
    return file.getvalue()


def draw_slide(page: Any) -> None:
    """A title, bullets, a photograph under them and a chart beside."""
    write(page, 60, "What the belts of the hall carry", size=28, x=60)
    for row in range(4):
        write(page, 140 + 45 * row, f"Belt {row + 1} carries parts to hall {row + 3}", 16, x=60)
    page.insert_image(PHOTO, stream=photograph())
    draw_chart(page)


def draw_paper(page: Any) -> None:
    """A page of an article: paragraphs, a chart with a numbered caption, a mention below it."""
    for row in range(8):
        write(
            page, 80 + 14 * row, "Belts carry parts from one hall to the next hall, and so they", 12
        )
    draw_chart(page, PAPER_CHART)
    write(page, 440, "Figure 3: Parts carried by year", 12)
    for row in range(8):
        write(
            page, 500 + 14 * row, "As Figure 3 shows, belts of the older hall carry more parts", 12
        )
