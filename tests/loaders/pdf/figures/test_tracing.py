"""From the pixels of a picture to lines, areas and photographs."""

from __future__ import annotations

from dataclasses import replace

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("scipy")

from mmrerank.loaders.pdf.figures.masks import Thing
from mmrerank.loaders.pdf.figures.tracing import (
    find_ink,
    find_solids,
    is_photograph,
    traced,
)
from mmrerank.loaders.pdf.figures.tracing_settings import DEFAULT_TRACING

WHOLE = (600, 800)  # rows, columns


def paper(tone=(255, 255, 255)):
    return np.full((*WHOLE, 3), tone, dtype=np.uint8)


def tones(rows, columns):
    """Something with many tones."""
    return np.random.default_rng(1).integers(0, 256, (rows, columns, 3), dtype=np.uint8)


def inside(box, other):
    return other[0] <= box[0] and other[1] <= box[1] and box[2] <= other[2] and box[3] <= other[3]


def test_lines_are_straight_and_curves_are_not():
    pixels = paper()
    pixels[300:302, 100:500] = 0
    for x in range(200):
        pixels[100 + x // 2 : 102 + x // 2, 550 + x] = 0
    drawing = traced(pixels, [])
    assert not drawing.images
    level = [path for path in drawing.paths if path.straight and path.box[1] >= 299]
    assert [path.box for path in level] == [(100.0, 300.0, 500.0, 302.0)]
    assert any(not path.straight for path in drawing.paths if path.box[0] >= 540)


def test_a_line_of_a_skewed_scan_is_as_thin_as_it_is():
    pixels = paper()
    for x in range(400):
        pixels[300 + x // 100, 100 + x] = 0
    (path,) = traced(pixels, []).paths
    assert path.straight
    assert path.box[3] - path.box[1] < 2.0


def test_filled_rectangles_may_be_bars():
    pixels = paper()
    pixels[200:500, 100:140] = (20, 60, 180)
    (path,) = traced(pixels, []).paths
    assert path.straight
    assert path.marks == (path.box,) == ((100.0, 200.0, 140.0, 500.0),)


@pytest.mark.parametrize("tone", [(255, 255, 255), (20, 24, 60), (250, 246, 225)])
def test_a_photograph_is_found_on_light_and_dark_paper(tone):
    pixels = paper(tone)
    pixels[100:300, 200:500] = tones(200, 300)
    drawing = traced(pixels, [])
    assert drawing.images == ((200.0, 100.0, 500.0, 300.0),)
    assert not drawing.paths


def test_what_is_drawn_on_an_area_of_its_own_paper_is_traced_too():
    pixels = paper()
    pixels[100:400, 100:600] = (10, 10, 30)
    pixels[150:300, 200:400] = tones(150, 200)
    drawing = traced(pixels, [])
    assert drawing.images == ((200.0, 150.0, 400.0, 300.0),)
    assert [path.box for path in drawing.paths if path.frames] == [(100.0, 100.0, 600.0, 400.0)]
    flat = traced(pixels, [], replace(DEFAULT_TRACING, max_depth=0))
    assert not flat.images


def test_text_leaves_no_ink_on_paper_and_no_hole_in_an_area():
    pixels = paper()
    pixels[300:500, 100:700] = (200, 60, 60)
    for y in (100, 400):
        pixels[y : y + 10, 200:300:3] = 0
    text = [(200.0, 100.0, 300.0, 110.0), (200.0, 400.0, 300.0, 410.0)]
    ink = find_ink(pixels, text, DEFAULT_TRACING)
    assert not ink[90:120].any()
    assert ink[300:500, 100:700].all()


def test_grain_and_shades_of_the_background_are_no_ink():
    grain = np.random.default_rng(2).normal(225, 5, (*WHOLE, 1)).clip(0, 255)
    assert (
        find_ink(np.repeat(grain, 3, axis=2).astype(np.uint8), [], DEFAULT_TRACING).mean() < 0.001
    )
    shade = np.repeat(np.linspace(205, 255, WHOLE[1])[None, :, None], WHOLE[0], axis=0)
    shaded = np.repeat(shade, 3, axis=2).astype(np.uint8)
    assert not find_ink(shaded, [], DEFAULT_TRACING).any()


def test_a_page_without_paper_has_no_figures_inside():
    assert traced(tones(*WHOLE), []) == traced(paper(), [])


def test_too_many_strokes_leave_the_photographs():
    pixels = paper()
    pixels[::8, ::8] = 0
    pixels[1::8, ::8] = 0
    pixels[::8, 1::8] = 0
    pixels[100:300, 200:500] = tones(200, 300)
    few = replace(DEFAULT_TRACING, max_strokes=100)
    assert not traced(pixels, [], few).paths
    assert len(traced(pixels, [], few).images) == 1


def test_solids_are_thicker_than_lines():
    ink = np.zeros(WHOLE, dtype=bool)
    ink[100:103, 50:700] = True
    ink[200:230, 50:80] = True
    solids = find_solids(ink, DEFAULT_TRACING)
    assert solids.sum() == 900
    assert solids[200:230, 50:80].all()


def test_a_frame_of_one_tone_does_not_hide_a_photograph():
    part = tones(100, 150)
    part[:4] = part[-4:] = 0
    part[:, :4] = part[:, -4:] = 0
    ink = np.ones((100, 150), dtype=bool)
    thing = Thing((0.0, 0.0, 150.0, 100.0), 15000, (slice(0, 100), slice(0, 150)))
    assert is_photograph(part, ink, thing, DEFAULT_TRACING)
    part[20:80, 20:130] = (250, 250, 250)
    assert not is_photograph(part, ink, thing, DEFAULT_TRACING)
    small = Thing((0.0, 0.0, 150.0, 20.0), 3000, (slice(0, 20), slice(0, 150)))
    assert not is_photograph(part[:20], ink[:20], small, DEFAULT_TRACING)


def test_a_line_that_passes_through_text_stays_whole():
    pixels = paper()
    pixels[300:302, 100:500] = 0
    text = (200.0, 290.0, 400.0, 303.0)
    pixels[292:299, 205:395:3] = 0  # letters
    assert [path.box for path in traced(pixels, [text]).paths] == [(100.0, 300.0, 500.0, 302.0)]


def test_letters_and_underlines_of_a_line_of_text_go_with_it():
    pixels = paper()
    pixels[292:299, 205:395:3] = 0
    pixels[300:302, 202:398] = 0
    assert traced(pixels, [(200.0, 290.0, 400.0, 303.0)]).paths == ()


def test_text_beyond_the_edge_of_a_picture():
    pixels = paper()
    pixels[300:302, 100:500] = 0
    beyond = [
        (-50.0, -40.0, -10.0, -20.0),
        (900.0, 700.0, 950.0, 720.0),
        (780.0, 590.0, 900.0, 640.0),
    ]
    assert traced(pixels, beyond).paths == traced(pixels, []).paths
