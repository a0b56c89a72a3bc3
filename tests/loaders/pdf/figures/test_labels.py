"""Labels on and around a drawing are part of its figure; body text and headings are not."""

from __future__ import annotations

from mmrerank.loaders.boxes import overlap, part_inside
from mmrerank.loaders.pdf.figures.labels import box_with_labels
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import make_block

WHOLE = (0.0, 0.0, 612.0, 792.0)
CHART = (200.0, 200.0, 400.0, 300.0)


def box(labels=(), body=(), *, far=False):
    page = PageLayout(WHOLE, 10.0, ((72.0, 540.0),), (), tuple(body), tuple(labels))
    return box_with_labels(page, CHART, 12.0, DEFAULT_SETTINGS, far=far)


def holds(outer, inner):
    return part_inside(inner, outer) > 0.99


def test_a_drawing_without_labels_gets_a_margin():
    assert box() == (197, 197, 403, 303)


def test_a_label_takes_in_the_next_one():
    numbers = Line((250, 304, 350, 312), "0 10 20", 7.0)
    title = Line((270, 316, 330, 324), "Speed in m/s", 7.0)
    assert holds(box([numbers, title]), title.box)
    assert not holds(box([title]), title.box)


def test_a_long_line_that_runs_past_is_not_a_label():
    line = Line((390, 240, 540, 250), "text that runs past the chart", 10.0)
    assert box([line])[2] < 410


def test_a_page_number_is_not_a_label():
    chart_at_the_edge = (200.0, 650.0, 400.0, 760.0)
    number = Line((295, 765, 305, 775), "7", 7.0)
    page = PageLayout(WHOLE, 10.0, ((72.0, 540.0),), labels=(number,))
    assert not holds(box_with_labels(page, chart_at_the_edge, 12.0, DEFAULT_SETTINGS), number.box)


def test_the_names_of_rows_are_taken_in_for_a_captioned_figure_only():
    names = [Line((110, y, 150, y + 8), "belt seven", 8.0) for y in (210, 240, 270)]
    assert holds(box(names, far=True), names[0].box)
    assert not holds(box(names), names[0].box)
    assert not holds(box(names[:2], far=True), names[0].box)


def test_a_bold_title_is_taken_in_and_a_heading_is_not():
    title = Line((260, 176, 340, 186), "Old belt", 10.0, bold=True)
    heading = Line((202, 176, 340, 186), "2 Belts", 14.0, bold=True)
    assert holds(box([title], far=True), title.box)
    assert not holds(box([heading], far=True), heading.box)


def test_body_text_stops_a_figure():
    prose = make_block([Line((72, 304, 540, 314), "prose " * 12, 10.0)])
    label = Line((250, 318, 350, 326), "0 10 20", 7.0)
    figure = box([label], [prose])
    assert overlap(figure, prose.box) is None
    assert holds(figure, CHART)
