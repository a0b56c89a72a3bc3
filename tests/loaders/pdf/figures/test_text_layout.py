"""The text of a page gives its columns, and the gutters between them."""

from __future__ import annotations

from mmrerank.loaders.pdf.figures.components import Component
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.figures.text_layout import captions_outside, read_text_layout
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import make_block

WHOLE = (0.0, 0.0, 612.0, 792.0)
WORDS = "Belts of rubber carry the parts to the next hall."


def column(x0, x1, lines):
    return make_block(
        [Line((x0, 100 + 12 * n, x1, 110 + 12 * n), WORDS, 10.0) for n in range(lines)]
    )


def test_two_columns_have_a_gutter_as_high_as_their_text():
    blocks = [column(72, 300, 8), column(320, 540, 8)]
    text = read_text_layout(WHOLE, blocks, 10.0, DEFAULT_SETTINGS)
    assert len(text.columns) == 2
    ((left, top, right, bottom),) = text.gutters
    assert 300 <= left < right <= 320
    assert (top, bottom) == (100, 194)


def test_a_few_lines_side_by_side_have_no_gutter():
    blocks = [column(72, 300, 2), column(320, 540, 2)]
    assert read_text_layout(WHOLE, blocks, 10.0, DEFAULT_SETTINGS).gutters == ()


def test_captions_and_labels_are_not_prose():
    caption = make_block([Line((72, 400, 300, 410), "Figure 1. " + WORDS, 10.0)])
    label = make_block([Line((72, 300, 90, 310), "10", 10.0)])
    prose = column(72, 540, 3)
    text = read_text_layout(WHOLE, [prose, label, caption], 10.0, DEFAULT_SETTINGS)
    assert (text.captions, text.prose, text.prose_lines) == ((caption,), (prose,), prose.lines)
    assert len(text.lines) == 5


def test_the_name_of_a_table_in_a_drawing_of_curves_is_a_label():
    bare = make_block([Line((162, 394, 184, 401), "Table 1", 6.0)])
    titled = make_block([Line((162, 404, 300, 411), "Table 2. Belts.", 6.0)])
    text = read_text_layout(WHOLE, [bare, titled], 10.0, DEFAULT_SETTINGS)
    circles = Component((150.0, 350.0, 332.0, 524.0), straight=1, shapes=4)
    lines = Component((150.0, 350.0, 332.0, 524.0), straight=9)
    assert captions_outside(text, [circles]) == (titled,)
    assert captions_outside(text, [lines]) == (bare, titled)
