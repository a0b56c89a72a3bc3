"""A path that runs past a caption holds the lines of several figures: it is cut at the caption."""

from __future__ import annotations

from mmrerank.loaders.boxes import overlap
from mmrerank.loaders.pdf.figures.caption_cuts import cut_at_captions
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.figures.text_layout import read_text_layout
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import make_block


def block(text, *box):
    return make_block([Line(box, text, 10.0)])


CAPTION = block("Figure 1. A belt.", 150, 300, 250, 312)
BOTH = DrawnPath((100.0, 100.0, 300.0, 500.0), straight=False, frames=False)


def cut(path, *captions):
    text = read_text_layout((0.0, 0.0, 612.0, 792.0), captions, 10.0, DEFAULT_SETTINGS)
    paths, strips = cut_at_captions([path], text, DEFAULT_SETTINGS)
    return [piece.box for piece in paths], strips


def test_a_path_past_a_caption_is_cut_above_and_below_and_a_strip_keeps_the_pieces_apart():
    boxes, [strip] = cut(BOTH, CAPTION)
    assert boxes == [(100, 100, 300, 300), (100, 312, 300, 500)]
    assert strip[1::2] == (300, 312)
    assert overlap(BOTH.box, strip)[::2] == (100, 300)


def test_two_captions_make_three_pieces():
    below = block("Figure 2. A hall.", 150, 400, 250, 412)
    boxes, strips = cut(BOTH, below, CAPTION)
    assert [box[1::2] for box in boxes] == [(100, 300), (312, 400), (412, 500)]
    assert len(strips) == 2


def test_frames_short_paths_and_bare_numbers_leave_paths_whole():
    frame = DrawnPath(BOTH.box, straight=True, frames=True)
    short = DrawnPath((100.0, 290.0, 300.0, 320.0), straight=False, frames=False)
    beside = DrawnPath((100.0, 100.0, 160.0, 500.0), straight=False, frames=False)
    for path in (frame, short, beside):
        assert cut(path, CAPTION) == ([path.box], [])
    assert cut(BOTH, block("Figure 1", 150, 300, 250, 312)) == ([BOTH.box], [])
    assert cut(BOTH) == ([BOTH.box], [])


def test_a_path_across_the_gap_between_two_captions_side_by_side_is_cut_there():
    wide = DrawnPath((100.0, 100.0, 500.0, 280.0), straight=False, frames=False)
    beside = block("Figure 2. A hall.", 350, 300, 450, 312)
    boxes, _ = cut(wide, CAPTION, beside)
    assert boxes == [(100, 100, 294, 280), (306, 100, 500, 280)]
    lower = block("Figure 2. A hall.", 350, 340, 450, 352)
    assert cut(wide, CAPTION, lower) == ([wide.box], [])


def strips_of(*captions):
    text = read_text_layout((0.0, 0.0, 612.0, 792.0), captions, 10.0, DEFAULT_SETTINGS)
    return cut_at_captions([], text, DEFAULT_SETTINGS)[1]


def test_the_figures_of_captions_side_by_side_are_kept_apart():
    left = block("Figure 1. A belt.", 100, 400, 250, 412)
    right = block("Figure 2. A belt.", 330, 402, 480, 414)
    under = block("Figure 3. A belt.", 330, 500, 480, 512)
    strips = [box for box in strips_of(left, right) if box[1] == 0]
    assert strips == [(284, 0, 296, 792)]
    apart = strips_of(left, under)
    assert not any(box[1] == 0 for box in apart)
