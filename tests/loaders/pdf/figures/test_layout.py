"""The passes over a page sort text and drawings into what may be a figure and what bounds one."""

from __future__ import annotations

import pytest

from mmrerank.loaders.pdf.figures.components import Component
from mmrerank.loaders.pdf.figures.layout import (
    bold_heads,
    find_barriers,
    find_pictures,
    label_lines,
    prose_outside,
    read_layout,
    without_decoration,
)
from mmrerank.loaders.pdf.figures.paths import DrawnPath, PageDrawing
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.figures.text_layout import read_text_layout
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import make_block

pytest.importorskip("scipy")

WHOLE = (0.0, 0.0, 612.0, 792.0)


def prose(x0, y0, x1, lines=4):
    words = "Belts of rubber carry the parts from one hall to the next."
    rows = (y0 + 12 * row for row in range(lines))
    return make_block([Line((x0, y, x1, y + 10), words, 10.0) for y in rows])


TEXT = prose(72, 100, 540)
CAPTION = make_block([Line((72, 500, 300, 510), "Figure 1. A belt.", 10.0)])


def text(*blocks):
    return read_text_layout(WHOLE, blocks, 10.0, DEFAULT_SETTINGS)


def block(text, *box):
    return make_block([Line(box, text, 10.0)])


def path(*box, straight=True):
    return DrawnPath(box, straight=straight, frames=False)


def test_a_page_is_sorted_into_captions_body_labels_and_drawings():
    number = make_block([Line((200, 412, 210, 420), "10", 7.0)])
    curve = path(200, 300, 400, 400, straight=False)
    page = read_layout(
        WHOLE, [TEXT, number, CAPTION], 10.0, PageDrawing(paths=(curve,)), DEFAULT_SETTINGS
    )
    assert (page.captions, page.body, page.labels) == ((CAPTION,), (TEXT,), number.lines)
    assert page.drawings == (Component((200, 300, 400, 400), shapes=1, ends=4),)
    assert page.frames == ()


def test_a_frame_around_prose_is_a_frame_and_not_a_drawing():
    frame = DrawnPath((60, 90, 552, 160), straight=True, frames=True)
    page = read_layout(WHOLE, [TEXT], 10.0, PageDrawing(paths=(frame,)), DEFAULT_SETTINGS)
    assert (page.drawings, page.panels, page.frames) == ((), (frame.box,), (frame.box,))


def test_pictures_are_cut_back_from_text():
    (picture,) = find_pictures([(100, 142, 300, 400)], text(TEXT), DEFAULT_SETTINGS)
    assert picture == (100, 148, 300, 400)


def test_barriers_are_lines_gutters_and_the_white_around_frames():
    columns = [prose(72, 100, 300, lines=8), prose(320, 100, 540, lines=8)]
    frame = DrawnPath((100, 300, 200, 400), straight=True, frames=True)
    boxes = find_barriers([frame], text(*columns), DEFAULT_SETTINGS)
    assert len(boxes) == 16 + 1 + 4
    assert boxes[0] == (72, 98, 300, 112)
    assert boxes[16][1::2] == (0, 792)
    assert boxes[17] == (94, 294, 206, 300)


def test_underlines_and_ornaments_are_decoration_and_drawings_are_not():
    underline = Component((72, 111, 150, 112), straight=1)
    area_behind_text = Component((60, 90, 552, 160), straight=1)
    drawing = Component((200, 300, 400, 400), shapes=9)
    parts = [underline, area_behind_text, drawing]
    assert without_decoration(parts, text(TEXT), DEFAULT_SETTINGS) == [drawing]


def test_of_a_text_box_the_images_are_left():
    image = (72.0, 150.0, 120.0, 190.0)
    box = Component((60, 90, 552, 200), straight=9, images=(image,))
    left = without_decoration([box], text(TEXT), DEFAULT_SETTINGS)
    assert left == [Component(image, images=(image,))]


def test_prose_within_a_drawing_is_part_of_it():
    drawing = Component((60, 90, 552, 200), shapes=9)
    other = prose(72, 400, 540)
    assert prose_outside([drawing], text(TEXT, other), DEFAULT_SETTINGS) == [other]


def test_the_caption_of_a_panel_stays_in_one_piece():
    rows = [Line((72, y, 200, y + 10), words, 9.0) for y, words in ((300, "(a) A"), (312, "belt"))]
    panel = make_block(rows)
    assert [line.box for line in label_lines([panel])] == [panel.box]
    plain = make_block(rows[1:])
    assert list(label_lines([plain])) == rows[1:]


def test_a_sentence_beside_a_drawing_is_part_of_it_and_a_paragraph_is_not():
    drawing = Component((120, 300, 170, 400), shapes=9)
    sentence, paragraph = prose(190, 340, 400, lines=1), prose(72, 420, 540, lines=1)
    page = text(TEXT, sentence, paragraph)
    assert prose_outside([drawing], page, DEFAULT_SETTINGS) == [TEXT, paragraph]
    long = prose(190, 310, 400, lines=5)
    assert prose_outside([drawing], text(TEXT, long), DEFAULT_SETTINGS) == [TEXT, long]


def test_a_map_with_much_text_on_it_is_a_drawing():
    roads = [path(60 + i, 90, 552, 160 - i % 9, straight=False) for i in range(120)]
    page = read_layout(WHOLE, [TEXT], 10.0, PageDrawing(paths=tuple(roads)), DEFAULT_SETTINGS)
    assert len(page.drawings) == 1
    few = PageDrawing(paths=tuple(roads[:9]))
    assert read_layout(WHOLE, [TEXT], 10.0, few, DEFAULT_SETTINGS).drawings == ()


def test_bold_lines_at_the_top_of_a_block_may_be_a_title():
    title = Line((72, 100, 200, 110), "Belts are quieter now", 10.0, bold=True)
    under = Line((72, 112, 200, 122), "% who say so", 8.0)
    heads = [Line((x, 130, x + 40, 140), "Men", 8.0, bold=True) for x in (72, 150)]
    blocks = [make_block([title, under]), make_block(heads), make_block([title])]
    assert [block.text for block in bold_heads(blocks)] == [title.text, title.text]
    assert next(iter(bold_heads(blocks[2:]))) is blocks[2]
