"""Boxes that straight lines connect are a diagram; the cells of a table and a form are not."""

from __future__ import annotations

from mmrerank.loaders.pdf.figures.diagrams import find_diagrams
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS

WHOLE = (0.0, 0.0, 612.0, 792.0)


def boxes(*places):
    return [DrawnPath(place, straight=True, frames=False, outline=True) for place in places]


def lines(*places):
    return [DrawnPath(place, straight=True, frames=False) for place in places]


def diagrams(*paths):
    return find_diagrams(paths, WHOLE, DEFAULT_SETTINGS)


LEFT, RIGHT, BELOW = (100, 200, 180, 240), (240, 200, 320, 240), (240, 290, 320, 330)
ACROSS, DOWN = (180, 220, 240, 220), (280, 240, 280, 290)


def test_connected_boxes_are_one_diagram():
    assert diagrams(*boxes(LEFT, RIGHT, BELOW), *lines(ACROSS, DOWN)) == [(100, 200, 320, 330)]


def test_boxes_without_lines_between_them_are_none():
    assert diagrams(*boxes(LEFT, RIGHT, BELOW)) == []
    assert diagrams(*boxes(LEFT, RIGHT, BELOW), *lines(ACROSS)) == []


def test_a_frame_around_a_diagram_is_no_part_of_it():
    frame = (90, 190, 330, 340)
    found = diagrams(*boxes(frame, LEFT, RIGHT, BELOW), *lines(ACROSS, DOWN))
    assert found == [(100, 200, 320, 330)]


def test_cells_with_rules_along_their_edges_are_none():
    cells = [(x, y, x + 80, y + 20) for x in (100, 180, 260) for y in (200, 220, 240)]
    rules = [(100, y, 340, y) for y in (200, 220, 240, 260)]
    assert diagrams(*boxes(*cells), *lines(*rules)) == []
