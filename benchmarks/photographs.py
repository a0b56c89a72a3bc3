"""Photograph-like images from a fixed seed: texture at every scale, edges, sensor noise, words."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator

import numpy as np
from PIL import Image as Pillow
from PIL import ImageDraw

SIZE = (4000, 3000)
MODEL_PIXELS = 602_112
TEXT_HEIGHT = 12  # pixels, once the image is as small as the model reads it
LINES = [
    "The bearing of turbine four was replaced",
    "after the inspection on the second Monday",
    "Torque at the coupling reached its limit",
    "Spare parts are kept in the north hall",
]


def photograph(number: int) -> bytes:
    """A JPEG of 12 megapixels at quality 92 with 4:2:0, as cameras write them."""
    random = np.random.default_rng(number)
    picture = Pillow.fromarray(_scene(random))
    _write(picture)
    noisy = np.asarray(picture, dtype=np.float32)
    noisy = noisy + random.normal(0, 4, noisy.shape).astype(np.float32)  # the sensor
    buffer = io.BytesIO()
    Pillow.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def photographs(count: int) -> Iterator[bytes]:
    """The first `count` photographs, one at a time: they are large."""
    return (photograph(number) for number in range(count))


def _scene(random: np.random.Generator) -> np.ndarray:
    """Noise of every octave, strong where it is coarse, as natural images have it."""
    width, height = SIZE
    total = np.zeros((height, width, 3), dtype=np.float32)
    for octave in range(2, 11):
        cells = (2**octave * height // width + 2, 2**octave + 2, 3)
        coarse = random.normal(0, 1, cells).astype(np.float32)
        channels = [
            np.asarray(Pillow.fromarray(coarse[:, :, c]).resize(SIZE, Pillow.Resampling.BICUBIC))
            for c in range(3)
        ]
        total += np.stack(channels, axis=2) * (90 / 2 ** (octave - 2)) ** 0.9
    return (128 + total).clip(0, 255).astype(np.uint8)


def _write(picture: Pillow.Image) -> None:
    """Printed words on a light sheet, and an edge around it."""
    scale = math.sqrt(SIZE[0] * SIZE[1] / MODEL_PIXELS)
    size = round(TEXT_HEIGHT * scale)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((300, 300, 2300, 300 + 2 * size * (len(LINES) + 1)), fill=(236, 233, 222))
    for i, line in enumerate(LINES):
        draw.text((380, 300 + size + 2 * size * i), line, fill=(35, 35, 40), font_size=size)
