"""Labelled pages as scans and slides show them: each page one picture, without text.

`rasterise(path, labels, target)` draws the labelled pages of a PDF as JPEG images of 100 to 200
pixels an inch. Every second page is a scan: grey paper with grain, turned by up to half a degree.
The labels are turned with the page. What is drawn depends on the file's name only.

`ground` puts all pages of a file on another ground: "light" and "dark" are shaded as slides are,
from one colour to another; "uneven" is a grey print that the lamp of a scanner lights from one
side, with the other side of the sheet showing through.
"""

from __future__ import annotations

import io
import math
import random
from pathlib import Path
from typing import Literal

import numpy as np
import pymupdf
from PIL import Image, ImageFilter

RESOLUTIONS = (100, 130, 150, 200)
WHOLE = 0.85  # of the page: a label that is larger is the page itself
Box = tuple[float, float, float, float]
Ground = Literal["", "light", "dark", "uneven"]


def rasterise(path: Path, labels: list[dict], target: Path, ground: Ground = "") -> list[dict]:
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
            if ground:
                image = _on_ground(image, ground, chance)
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


def _on_ground(image: Image.Image, ground: Ground, chance: random.Random) -> Image.Image:
    """The page on a shaded ground; on a dark one, what is dark is light."""
    height, width = image.height, image.width
    across, down = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    direction = chance.uniform(0, 2 * math.pi)
    slope = (math.cos(direction) * across + math.sin(direction) * down + 1.5) / 3.0
    slope = np.clip(slope, 0, 1)[:, :, None]
    if ground == "uneven":
        behind = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        behind = np.asarray(behind.filter(ImageFilter.GaussianBlur(1.5)), dtype=float)
        printed = np.asarray(image.convert("L"), dtype=float)[:, :, None].repeat(3, axis=2)
        paper = np.minimum(0.75 * printed + 64.0, 232.0) - 0.06 * (255.0 - behind)
        grain = np.random.default_rng(chance.randrange(2**32)).normal(0.0, 3.0, (height, width, 1))
        shaded = paper * (0.7 + 0.3 * slope) + grain
    else:
        low, high = (0, 90) if ground == "dark" else (165, 255)
        ends = [np.array([chance.uniform(low, high) for _ in range(3)]) for _ in range(2)]
        colours = ends[0] + slope * (ends[1] - ends[0])
        page = np.asarray(image, dtype=float)
        if ground == "dark":
            shaded = 255.0 - page * (255.0 - colours) / 255.0
        else:
            shaded = page * colours / 255.0
    return Image.fromarray(np.clip(shaded, 0, 255).astype(np.uint8))


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
