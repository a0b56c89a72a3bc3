"""Rules, tinted areas, frames and backdrops are told from drawings."""

from __future__ import annotations

from mmrerank.loaders.pdf.figures.backgrounds import (
    find_panels,
    split_rules,
    without_backdrops,
    without_backgrounds,
)
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.figures.text_layout import read_text_layout
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import make_block

WHOLE = (0.0, 0.0, 612.0, 792.0)
WORDS = "Belts of rubber carry the parts from one hall to the next."
ROWS = [Line((72, 100 + 12 * row, 540, 110 + 12 * row), WORDS, 10.0) for row in range(12)]
TEXT = read_text_layout(WHOLE, [make_block(ROWS)], 10.0, DEFAULT_SETTINGS)


def path(*box, frames=False):
    return DrawnPath(box, straight=True, frames=frames)


def test_lines_as_long_as_a_column_are_rules():
    rule, short, thick = path(72, 90, 540, 91), path(72, 90, 200, 91), path(72, 300, 540, 400)
    side = path(50, 50, 51, 700)
    rules, others = split_rules([rule, short, thick, side], TEXT, DEFAULT_SETTINGS)
    assert (rules, others) == ([rule, side], [short, thick])


def test_images_behind_the_page_or_behind_text_are_backdrops():
    page, tint, photograph = (0, 0, 612, 790), (60, 90, 552, 500), (72, 400, 540, 700)
    images = [page, tint, photograph]
    assert without_backdrops(images, TEXT, DEFAULT_SETTINGS) == [photograph]


def test_frames_around_text_or_a_picture_are_panels():
    around_text = path(60, 90, 552, 260, frames=True)
    around_picture = path(90, 390, 310, 610, frames=True)
    empty = path(400, 400, 540, 600, frames=True)
    pictures = [(100, 400, 300, 600)]
    panels = find_panels([around_text, around_picture, empty], pictures, TEXT, DEFAULT_SETTINGS)
    assert panels == {path.box: [path] for path in (around_text, around_picture)}


def test_panels_bands_at_the_edge_and_frames_of_pictures_are_backgrounds():
    panel = path(60, 90, 552, 260, frames=True)
    band = path(0, 0, 612, 60)
    shadow, picture = path(95, 395, 305, 605), (100, 400, 300, 600)
    bar = path(400, 400, 420, 600)
    left = without_backgrounds(
        [panel, band, shadow, bar], {panel.box: [panel]}, [picture], WHOLE, DEFAULT_SETTINGS
    )
    assert left == [bar]
