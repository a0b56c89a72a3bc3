"""Strips, images on images and rows of icons become one picture."""

from __future__ import annotations

from mmrerank.loaders.pdf.figures.pictures import merged_pictures, merged_strips
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS

ICON_AREA = 2500.0


def test_thin_strips_with_the_same_sides_are_one_picture():
    strips = [(100, y, 400, y + 50) for y in (100, 150, 200)]
    upright = [(x, 500, x + 40, 700) for x in (100, 140)]
    assert sorted(merged_strips([*strips, *upright], DEFAULT_SETTINGS)) == [
        (100, 100, 400, 250),
        (100, 500, 180, 700),
    ]


def test_photographs_side_by_side_stay_apart():
    photographs = [(100, 100, 300, 250), (100, 250, 300, 400)]
    assert sorted(merged_strips(photographs, DEFAULT_SETTINGS)) == photographs


def test_an_image_on_another_is_one_with_it():
    images = [(100, 100, 300, 300), (250, 250, 320, 320), (400, 100, 500, 200)]
    merged = merged_pictures(images, ICON_AREA, (), DEFAULT_SETTINGS)
    assert sorted(merged) == [(100, 100, 320, 320), (400, 100, 500, 200)]


def test_icons_in_a_row_are_one_picture_unless_a_gutter_runs_between():
    icons = [(100, 100, 140, 140), (160, 100, 200, 140)]
    gutter = (145, 50, 155, 700)
    assert merged_pictures(icons, ICON_AREA, (), DEFAULT_SETTINGS) == [(100, 100, 200, 140)]
    assert sorted(merged_pictures(icons, ICON_AREA, [gutter], DEFAULT_SETTINGS)) == icons


def test_long_bars_of_two_charts_are_no_row_of_icons():
    bars = [(100, 100, 120, 230), (100, 350, 120, 480)]
    assert sorted(merged_pictures(bars, 5000.0, (), DEFAULT_SETTINGS)) == bars
