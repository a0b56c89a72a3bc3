"""A caption without a figure and a figure without a caption that are right beside each other."""

from __future__ import annotations

import pymupdf
import pytest

from mmrerank.loaders.pdf.figures.find import find_regions
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.lone_captions import with_lone_captions
from mmrerank.loaders.pdf.figures.paths import read_images
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.page import Line, Region
from mmrerank.loaders.pdf.text.lines import make_block, read_blocks

WHOLE = (0.0, 0.0, 612.0, 792.0)
CAPTION = ("Figure 1. A belt.", 72, 400, 300, 412)
ABOVE = (100.0, 250.0, 300.0, 380.0)
BELOW = (100.0, 430.0, 300.0, 560.0)


def block(text, *box):
    return make_block([Line(box, text, 10.0)])


def labels(*regions, captions=(CAPTION,), owned=(), **parts):
    """What the regions are called from top to bottom; `owned` are regions with captions of their own."""
    alone = [block(*caption) for caption in captions]
    found = [Region(box, "vector") for box in regions]
    with_own = [Region(box, "vector", block(*caption)) for box, caption in owned]
    own = [region.caption for region in with_own]
    columns = parts.pop("columns", ((72.0, 540.0),))
    page = PageLayout(WHOLE, 10.0, columns, captions=(*alone, *own), **parts)
    regions = with_lone_captions(page, [*with_own, *found], DEFAULT_SETTINGS)
    return [r.label for r in sorted(regions, key=lambda region: region.box[1::-1])]


@pytest.mark.parametrize("box", [ABOVE, BELOW])
def test_the_region_right_above_or_below_gets_the_caption(box):
    assert labels(box) == ["figure 1"]


def test_between_two_regions_a_caption_stays_alone_unless_the_page_has_a_habit():
    assert labels(ABOVE, BELOW) == ["", ""]
    owned = [((100.0, 60.0, 300.0, 150.0), ("Figure 2. A hall.", 72, 160, 300, 172))]
    assert labels(ABOVE, BELOW, owned=owned) == ["figure 2", "figure 1", ""]
    owned = [((100.0, 60.0, 300.0, 150.0), ("Figure 2. A hall.", 72, 40, 300, 52))]
    assert labels(ABOVE, BELOW, owned=owned) == ["figure 2", "", "figure 1"]


def test_captions_under_each_picture_show_the_habit_themselves():
    second = ("Figure 2. A hall.", 72, 570, 300, 582)
    assert labels(ABOVE, BELOW, captions=(CAPTION, second)) == ["figure 1", "figure 2"]


def test_text_headings_captions_and_figures_between_keep_them_apart():
    box = (100.0, 200.0, 300.0, 330.0)
    assert labels(box) == ["figure 1"]
    assert labels(box, body=(block("prose", 72, 350, 540, 362),)) == [""]
    assert labels(box, labels=(Line((72, 350, 200, 366), "2 Belts", 16.0),)) == [""]
    assert labels(box, labels=(Line((72, 350, 540, 362), "a line of text " * 4, 10.0),)) == [""]
    assert labels(box, labels=(Line((150, 350, 200, 358), "months", 7.0),)) == ["figure 1"]
    table = ("Table 1. Belts.", 72, 350, 300, 362)
    assert labels(box, captions=(CAPTION, table)) == [""]


def test_text_beside_a_picture_does_not_keep_it_from_the_caption_under_both():
    beside = block("what the picture shows", 320, 260, 540, 370)
    assert labels(ABOVE, body=(beside,)) == ["figure 1"]


def test_far_away_only_a_large_region_that_is_alone_on_the_page_gets_it():
    assert labels((100.0, 60.0, 400.0, 200.0)) == ["figure 1"]
    assert labels((100.0, 160.0, 150.0, 200.0)) == [""]
    assert labels((100.0, 60.0, 400.0, 200.0), (100.0, 600.0, 300.0, 700.0)) == ["", ""]
    caption = ("Figure 1. A belt.", 72, 700, 300, 712)
    assert labels((100.0, 80.0, 400.0, 220.0), captions=(caption,)) == [""]


def test_a_caption_of_a_table_and_a_region_wanted_twice_stay_as_they_are():
    assert labels(ABOVE, captions=[("Table 1. Belts.", 72, 400, 300, 412)]) == [""]
    beside = ("Figure 2. A hall.", 320, 400, 540, 412)
    wide = (100.0, 250.0, 500.0, 380.0)
    assert labels(wide, captions=(CAPTION, beside)) == [""]


def test_a_caption_in_the_margin_belongs_to_the_region_beside_it():
    caption = ("Figure 1. A belt.", 320, 300, 500, 360)
    assert labels(ABOVE, captions=(caption,)) == ["figure 1"]
    far = ("Figure 1. A belt.", 360, 300, 500, 360)
    assert labels(ABOVE, captions=(far,)) == [""]
    assert labels(ABOVE, captions=(caption,), columns=((72.0, 305.0), (315.0, 540.0))) == [""]


def test_a_few_lines_that_are_no_paragraph_may_stand_between():
    box = (100.0, 250.0, 300.0, 370.0)
    assert labels(box, body=(block("Note: of new belts", 72, 380, 300, 392),)) == ["figure 1"]
    assert labels(box, body=(block("Wear over time", 150, 380, 250, 392),)) == ["figure 1"]
    assert labels(box, body=(block("Belts wear.", 72, 380, 300, 392),)) == [""]
    lines = tuple(block("Wear of belts", 150, y, 250, y + 5) for y in (371, 377, 383, 389))
    assert labels(box, body=lines) == [""]


def test_a_row_of_regions_is_one_where_the_caption_is_centred_on_it():
    left, right = (72.0, 250.0, 292.0, 380.0), (320.0, 250.0, 540.0, 380.0)
    caption = ("Figure 1. Belts.", 250, 400, 362, 412)
    assert labels(left, right, captions=(caption,)) == ["figure 1"]
    under_left = ("Figure 1. Belts.", 130, 400, 242, 412)
    assert labels(left, right, captions=(under_left,)) == ["figure 1", ""]
    beside = block("prose", 295, 260, 318, 370)
    named = labels(left, right, captions=(caption,), body=(beside,))
    assert sorted(named) == ["", "figure 1"]


def test_on_a_page_the_pictures_beside_lists_get_the_captions_under_them():
    with pymupdf.open() as document:
        page = document.new_page(width=612, height=792)
        pixels = pymupdf.Pixmap(pymupdf.csRGB, (0, 0, 90, 60), False)
        pixels.set_rect(pixels.irect, (40, 90, 160))
        for number, top in ((1, 100), (2, 300)):
            page.insert_image((78, top, 258, top + 130), pixmap=pixels)
            for line in range(4):
                text = "which holds the belt in its place whatever the load"
                page.insert_text((280, top + 30 + 14 * line), text, fontsize=10)
            page.insert_text((230, top + 155), f"Figure {number}: A wheel of the robot", fontsize=9)
        images = [box for box, _ in read_images(page, WHOLE)]
        regions = find_regions(page, read_blocks(page), images, body_size=10.0)
        assert [region.label for region in regions] == ["figure 1", "figure 2"]
