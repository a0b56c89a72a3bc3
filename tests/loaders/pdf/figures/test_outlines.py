"""Frames of thin lines in a picture."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("scipy")

from mmrerank.loaders.pdf.figures.outlines import find_outlines, without_outlines
from mmrerank.loaders.pdf.figures.tracing import traced
from mmrerank.loaders.pdf.figures.tracing_settings import DEFAULT_TRACING

WHOLE = (600, 800)  # rows, columns


def framed(*boxes):
    """A mask with the frames of these boxes, lines of two pixels."""
    ink = np.zeros(WHOLE, dtype=bool)
    for x0, y0, x1, y1 in boxes:
        ink[y0:y1, x0:x1] = True
    for x0, y0, x1, y1 in boxes:
        ink[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2] = False
    return ink


def outlines_of(ink):
    return find_outlines(ink, float(ink.size), DEFAULT_TRACING)


def near(box, other):
    return max(abs(one - two) for one, two in zip(box, other, strict=True)) < 4


def test_two_frames_side_by_side():
    boxes = [(100, 100, 300, 300), (320, 100, 520, 300)]
    found = outlines_of(framed(*boxes))
    assert len(found) == 2
    assert all(near(*pair) for pair in zip(sorted(found), boxes, strict=True))


def test_a_frame_has_gaps_and_round_corners():
    ink = framed((100, 100, 400, 300))
    ink[100:102, 150:154] = ink[200:205, 398:400] = False
    ink[100:104, 100:104] = False
    (found,) = outlines_of(ink)
    assert near(found, (100, 100, 400, 300))


def test_no_frame_is_found_where_one_side_is_open():
    ink = framed((100, 100, 400, 300))
    ink[110:290, 395:400] = False
    assert outlines_of(ink) == []


def test_cells_of_a_table_are_no_frames():
    ink = framed((100, 100, 400, 300))
    ink[200:202, 100:400] = ink[100:300, 250:252] = True
    assert outlines_of(ink) == []


def test_a_circle_is_no_frame():
    y, x = np.mgrid[: WHOLE[0], : WHOLE[1]]
    distance = np.hypot(y - 300, x - 400)
    assert outlines_of((distance > 120) & (distance < 123)) == []


def test_what_is_drawn_inside_stays():
    ink = framed((100, 100, 400, 300))
    ink[200:202, 150:350] = True
    left = without_outlines(ink, outlines_of(ink), DEFAULT_TRACING)
    assert left.sum() == 2 * 200


def test_a_frame_is_one_path():
    pixels = np.full((*WHOLE, 3), 255, dtype=np.uint8)
    pixels[framed((100, 100, 400, 300))] = 0
    (path,) = traced(pixels, []).paths
    assert path.frames
    assert path.outline
    assert near(path.box, (100, 100, 400, 300))


def test_a_frame_around_the_page_is_left_out():
    pixels = np.full((*WHOLE, 3), 255, dtype=np.uint8)
    pixels[framed((20, 20, 780, 580))] = 0
    assert traced(pixels, []).paths == ()
