"""Shaded paper becomes paper of one tone."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("scipy")

from mmrerank.loaders.pdf.figures.paper import with_even_paper
from mmrerank.loaders.pdf.figures.tracing import traced
from mmrerank.loaders.pdf.figures.tracing_settings import DEFAULT_TRACING

ROWS, COLUMNS = 600, 800


def shaded(low, high):
    """A page that goes from one colour on the left to another on the right."""
    share = np.linspace(0, 1, COLUMNS)[None, :, None]
    row = np.array(low) + share * (np.array(high) - np.array(low))
    return np.repeat(row, ROWS, axis=0).astype(np.uint8)


GROUNDS = [
    ((160, 190, 255), (255, 250, 230)),
    ((10, 20, 60), (90, 20, 80)),
    ((150,) * 3, (230,) * 3),
]


@pytest.mark.parametrize(("low", "high"), GROUNDS)
def test_shades_of_paper_go(low, high):
    even = with_even_paper(shaded(low, high), DEFAULT_TRACING)
    assert np.ptp(even.reshape(-1, 3).astype(int), axis=0).max() < 6


@pytest.mark.parametrize(("low", "high"), GROUNDS)
def test_bars_on_shaded_paper_are_all_that_is_drawn(low, high):
    pixels = shaded(low, high)
    bars = [(100.0, 200.0, 140.0, 500.0), (600.0, 300.0, 640.0, 500.0)]
    for x0, y0, x1, y1 in bars:
        pixels[int(y0) : int(y1), int(x0) : int(x1)] = (230, 120, 20) if low[0] < 50 else 40
    drawing = traced(pixels, [])
    assert not drawing.images
    assert sorted(path.box for path in drawing.paths) == bars


def test_grain_of_a_scan_does_not_hide_its_shades():
    noise = np.random.default_rng(1).normal(0, 3, (ROWS, COLUMNS, 1))
    pixels = np.clip(shaded((150,) * 3, (230,) * 3) + noise, 0, 255).astype(np.uint8)
    even = with_even_paper(pixels, DEFAULT_TRACING).astype(int)
    assert abs(even[:, :100].mean() - even[:, -100:].mean()) < 4


def test_paper_of_one_tone_stays_as_it_is():
    pixels = shaded((250, 250, 248), (250, 250, 248))
    pixels[100:400, 300:700] = (40, 90, 160)
    assert with_even_paper(pixels, DEFAULT_TRACING) is pixels


def test_a_picture_without_paper_stays_as_it_is():
    pixels = np.random.default_rng(1).integers(0, 256, (ROWS, COLUMNS, 3), dtype=np.uint8)
    assert with_even_paper(pixels, DEFAULT_TRACING) is pixels


@pytest.mark.parametrize("size", [(1, 1), (5, 900), (13, 13)])
def test_tiny_pictures(size):
    pixels = np.full((*size, 3), 255, dtype=np.uint8)
    assert with_even_paper(pixels, DEFAULT_TRACING).shape == (*size, 3)
