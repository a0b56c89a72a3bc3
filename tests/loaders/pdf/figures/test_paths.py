"""Visible paths are read as a page shows them, and four lines make a frame."""

from __future__ import annotations

import pytest

from mmrerank.loaders.pdf.figures.path_reader import TooManyPathsError, read_paths
from mmrerank.loaders.pdf.figures.paths import DrawnPath, frames_of_lines
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings
from mmrerank.loaders.pdf.rotation import as_shown, turn_of

pymupdf = pytest.importorskip("pymupdf")

WHOLE = (0.0, 0.0, 612.0, 792.0)
SIDES = [(100, 100, 101, 200), (300, 100, 301, 200), (100, 100, 300, 101), (100, 199, 300, 200)]


@pytest.fixture
def page():
    with pymupdf.open() as document:
        yield document.new_page(width=612, height=792)


def paths(page, budget=100):
    return list(read_paths(page, WHOLE, budget, DEFAULT_SETTINGS))


def lines(boxes):
    return [DrawnPath(box, straight=True, frames=False) for box in boxes]


def test_rectangles_and_level_lines_are_straight_and_curves_are_not(page):
    page.draw_rect((100, 100, 300, 300))
    page.draw_line((100, 400), (300, 400))
    page.draw_line((100, 500), (300, 600))
    page.draw_bezier((100, 700), (150, 650), (200, 750), (250, 700))
    assert [path.straight for path in paths(page)] == [True, True, False, False]


def test_a_large_rectangle_is_a_frame_with_round_corners_or_without(page):
    page.draw_rect((100, 100, 300, 300))
    page.draw_rect((100, 400, 300, 600), radius=0.05)
    page.draw_rect((400, 100, 420, 120))
    page.draw_circle((450, 500), 90)
    assert [path.frames for path in paths(page)] == [True, True, False, False]


def test_white_areas_are_not_visible(page):
    page.draw_rect((100, 100, 300, 300), color=None, fill=(1, 1, 1))
    page.draw_rect((100, 400, 300, 600), color=None, fill=(0.9, 0.9, 0.9))
    assert [path.box[1] for path in paths(page)] == [400]


def test_more_paths_than_the_budget_raise(page):
    for x in range(4):
        page.draw_line((100, 100 + x), (200, 300))
    assert len(paths(page, budget=4)) == 4
    with pytest.raises(TooManyPathsError, match="more than 3 paths"):
        paths(page, budget=3)


def test_boxes_are_turned_with_their_page(page):
    assert turn_of(page) is None
    assert as_shown((1, 2, 3, 4), None) == (1, 2, 3, 4)
    page.set_rotation(90)
    assert as_shown((0, 0, 100, 200), turn_of(page)) == (592, 0, 792, 100)


def test_four_lines_that_meet_are_a_frame():
    sides = lines(SIDES)
    ((box, found),) = frames_of_lines(sides, DEFAULT_SETTINGS)
    assert box == (100, 100, 301, 200)
    assert set(found) == set(sides)


def test_three_lines_are_not_a_frame_and_neither_is_a_grid():
    assert frames_of_lines(lines(SIDES[:3]), DEFAULT_SETTINGS) == []
    assert frames_of_lines(lines(SIDES), FigureSettings(max_frame_lines=1)) == []
