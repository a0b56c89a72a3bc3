"""Boxes are measured, merged and cut."""

from __future__ import annotations

from mmrerank.loaders.boxes import (
    area,
    connected_groups,
    covered_area,
    cut_back,
    grown,
    height,
    mostly_inside,
    overlap,
    part_inside,
    shared_height,
    shared_width,
    union,
    width,
)

BOX = (10.0, 20.0, 110.0, 70.0)


def test_a_box_is_measured_in_points():
    assert (width(BOX), height(BOX), area(BOX), area(None)) == (100, 50, 5000, 0)
    assert grown(BOX, 5, 10) == (5, 10, 115, 80)


def test_boxes_overlap_where_they_touch():
    assert union(BOX, (100, 0, 200, 30)) == (10, 0, 200, 70)
    assert overlap(BOX, (100, 0, 200, 30)) == (100, 20, 110, 30)
    assert overlap(BOX, (110, 0, 200, 70)) == (110, 20, 110, 70)
    assert overlap(BOX, (111, 0, 200, 70)) is None


def test_shared_width_and_height_are_negative_for_a_gap():
    assert shared_width(BOX, (100, 500, 200, 600)) == 10
    assert shared_width(BOX, (120, 20, 200, 70)) == -10
    assert shared_height(BOX, (500, 60, 600, 100)) == 10
    assert shared_height(BOX, (10, 75, 110, 90)) == -5


def test_the_part_of_a_box_in_another():
    assert part_inside(BOX, (60, 0, 200, 200)) == 0.5
    assert not mostly_inside(BOX, (60, 0, 200, 200))
    assert mostly_inside(BOX, (59, 0, 200, 200))
    assert part_inside((10, 20, 10, 70), BOX) == 0.0


def test_what_two_boxes_cover_counts_twice():
    assert covered_area(BOX, [(10, 20, 20, 30), (10, 20, 20, 30), (500, 0, 600, 10)]) == 200


def test_groups_are_connected_through_others():
    groups = connected_groups([1, 5, 3, 20, 4], lambda a, b: abs(a - b) <= 2)
    assert sorted(sorted(group) for group in groups) == [[1, 3, 4, 5], [20]]
    assert connected_groups([], lambda a, b: True) == []


def test_a_box_is_cut_back_if_enough_is_left():
    low = (0.0, 65.0, 200.0, 100.0)
    assert cut_back(BOX, [low], 0.75) == (10, 20, 110, 65)
    assert cut_back(BOX, [low], 0.95) == BOX
    assert cut_back(BOX, [(300, 0, 400, 10)], 0.75) == BOX
