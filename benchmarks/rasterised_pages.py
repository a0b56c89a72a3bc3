"""Labelled pages as scans and slides show them: each page one picture, without text.

`rasterise(path, labels, target)` draws the labelled pages of a PDF as JPEG images of 100 to 200
pixels an inch. Every second page is a scan: grey paper with grain, turned by up to half a degree.
The labels are turned with the page. What is drawn depends on the file's name only.
"""

from __future__ import annotations

import io
import math
import random
from pathlib import Path

import numpy as np
import pymupdf
from PIL import Image

RESOLUTIONS = (100, 130, 150, 200)
WHOLE = 0.85  # of the page: a label that is larger is the page itself
Box = tuple[float, float, float, float]


def rasterise(path: Path, labels: list[dict], target: Path) -> list[dict]:
    """Write the pages of `labels` to the PDF `target`, and return the labels of that file.

    Labels of whole pages are left out: a page that is a picture is known as one.
    """
    chance = random.Random(path.stem)
    placed: list[dict] = []
    with pymupdf.open(path) as source, pymupdf.open() as drawn:
        for number in sorted({label["page"] for label in labels}):
            page = source[number - 1]
            size = (page.rect.width, page.rect.height)
            own = [label for label in labels if label["page"] == number]
            inner = [
                label for label in own if label["kind"] != "page" and _share(label, size) < WHOLE
            ]
            if not inner:
                continue
            angle = chance.uniform(-0.5, 0.5) if drawn.page_count % 2 else 0.0
            image = _pictured(page, chance.choice(RESOLUTIONS), angle, chance)
            data = io.BytesIO()
            image.save(data, "JPEG", quality=chance.randint(60, 90))
            new = drawn.new_page(width=size[0], height=size[1])
            new.insert_image(new.rect, stream=data.getvalue(), keep_proportion=False)
            placed += [
                {**label, "page": drawn.page_count, "box": _turned(label["box"], size, angle)}
                for label in inner
            ]
        if placed:
            drawn.save(target)
    return placed


def _share(label: dict, size: tuple[float, float]) -> float:
    x0, y0, x1, y1 = label["box"]
    return (x1 - x0) * (y1 - y0) / (size[0] * size[1])


def _pictured(page: pymupdf.Page, dpi: int, angle: float, chance: random.Random) -> Image.Image:
    """The page as an image; one that is turned has the paper and the grain of a scan."""
    pixels = page.get_pixmap(dpi=dpi)
    image = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
    if not angle:
        return image
    image = image.rotate(angle, Image.Resampling.BICUBIC, fillcolor=(250, 250, 248))
    generator = np.random.default_rng(chance.randrange(2**32))
    grain = generator.normal(0.0, 4.0, (image.height, image.width, 1))
    paper = np.asarray(image, dtype=float) * chance.uniform(0.92, 0.99) + grain
    return Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8))


def _turned(box: Box, size: tuple[float, float], angle: float) -> list[float]:
    """The box around a box that is turned with its page, counter-clockwise by `angle` degrees."""
    x0, y0, x1, y1 = box
    middle_x, middle_y = size[0] / 2, size[1] / 2
    cosine, sine = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    corners = [
        (
            middle_x + (x - middle_x) * cosine + (y - middle_y) * sine,
            middle_y - (x - middle_x) * sine + (y - middle_y) * cosine,
        )
        for x in (x0, x1)
        for y in (y0, y1)
    ]
    xs, ys = zip(*corners, strict=True)
    return [round(value, 1) for value in (min(xs), min(ys), max(xs), max(ys))]
