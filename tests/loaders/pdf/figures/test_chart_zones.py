"""A chart's figure reaches from its title to its note; column heads are no titles."""

from __future__ import annotations

from mmrerank.loaders.pdf.figures.chart_zones import chart_zone
from mmrerank.loaders.pdf.figures.layout import PageLayout
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import make_block

WHOLE = (0.0, 0.0, 612.0, 792.0)
BARS = (200.0, 200.0, 400.0, 300.0)
NAMES = tuple(Line((130, y, 190, y + 10), "Ages 30-49", 8.0) for y in (200, 230, 260, 290))
TITLE = make_block([Line((120, 150, 300, 162), "Belts are quieter now", 10.0, bold=True)])
HEAD = make_block([Line((200, 186, 240, 194), "Better", 8.0, bold=True)])
NOTE = Line((120, 310, 380, 318), "Note: All who were asked.", 7.0)


def zone(labels=NAMES, titles=(TITLE, HEAD), **parts):
    lines = (*labels, *(line for title in titles for line in title.lines))
    columns = ((72.0, 540.0),)
    page = PageLayout(WHOLE, 10.0, columns, labels=lines, titles=titles, charts=(BARS,), **parts)
    return chart_zone(page, BARS, DEFAULT_SETTINGS)


def test_names_and_heads_are_inside_and_the_title_is_the_caption():
    box, title = zone()
    assert title is TITLE
    assert box[0] <= 130 < 186 >= box[1] > 162
    assert box[3] < 310


def test_a_subtitle_is_inside_and_a_note_is_not():
    subtitle = Line((120, 166, 300, 174), "% who say so", 8.0)
    box, _ = zone((*NAMES, subtitle, NOTE))
    assert box[0] <= 120 < 162 < box[1] <= 166
    assert box[3] < 310


def test_column_heads_and_far_lines_are_no_titles():
    assert zone(titles=(HEAD,))[1] is None
    far = make_block([Line((120, 20, 300, 32), "Belts are quieter now", 10.0, bold=True)])
    assert zone(titles=(far,))[1] is None


def test_a_title_above_body_text_is_not_that_of_the_chart():
    body = make_block(
        [Line((120, y, 500, y + 9), "Belts carry parts to it.", 10.0) for y in (164, 168, 172, 176)]
    )
    assert zone(titles=(TITLE,), body=(body,))[1] is None
