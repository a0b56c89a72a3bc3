"""Thresholds of charts without axes, diagrams, grids and logos; `FigureSettings` has all others."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ChartSettings"]


@dataclass(frozen=True, slots=True)
class ChartSettings:
    """Thresholds of charts of bars or dots, diagrams, grids and logos, as in `FigureSettings`."""

    # -- What may be a bar or a dot (paths) ------------------------------------------------------
    min_mark: float = 3.0
    """A filled box that is thinner is a line; others may be bars of a chart."""
    max_dot: float = 15.0
    """Of a dot in a chart: larger round things are drawings of their own."""
    max_dot_ratio: float = 1.3
    """Of a dot's longer side to its shorter one."""

    # -- Charts of bars or dots alone (charts, mark_rows) ----------------------------------------
    min_marks: int = 3
    """Bars or dots: fewer are no chart."""
    max_marks: int = 200
    """Bars or dots of one thickness: more are a pattern, a bar code or a screen of dots."""
    mark_tolerance: float = 1.0
    """Between the edges of two bars that stand on one line, touch or are equally thick."""
    mark_gap: float = 40.0
    """Between two rows of bars; headings of groups stand in wider ones."""
    mark_gap_ratio: float = 2.0
    """The same as a multiple of the thickness of the bars, if that is more."""
    panel_gap: float = 60.0
    """Between two bars in a row: charts are repeated side by side."""
    min_varying_rows: int = 2
    """Rows in which a bar ends where no other does: fewer are shaded headings of a table."""
    own_edges_share: float = 0.2
    """Of the edges in a row: fewer that vary are one ragged cell among those of a table."""
    varying_share: float = 0.34
    """Of the rows, the same: values may be equal, the edges of cells mostly are."""
    based_share: float = 0.8
    """Of the bars: so many start on a common line, or where another one ends."""
    mark_text_share: float = 0.5
    """Of the bars' area: where text covers more, they are shaded cells or marked words."""
    mark_words_share: float = 0.5
    """Times the number of bars: where more lines of words stand in them, they are cells."""
    number_reach: float = 30.0
    """Around the bars of a chart: its numbers stand so near."""
    numbered_share: float = 0.5
    """Of the rows: in so many of a chart without an axis there is a number."""
    min_axis_numbers: int = 3
    """Numbers above or below a chart that are an axis."""
    table_rows_share: float = 0.5
    """Of the rows: text or rules beside so many are the cells of a table."""
    max_chart_columns: int = 2
    """Texts in a row beside its bars: its name and a total; more are the cells of a table."""
    value_gap: float = 15.0
    """Between the end of a bar and its value."""
    same_chart_gap: float = 40.0
    """Between two groups of bars in one chart: a heading stands there."""
    same_chart_share: float = 0.5
    """Of the wider of the two: groups of one chart share so much width."""

    # -- Titles and notes of charts without axes (chart_zones) -----------------------------------
    max_chart_head: float = 110.0
    """Between the title of a chart and its first bar: a subtitle, a legend, column heads."""
    max_name_gap: float = 160.0
    """Between the bars of a chart and the names of its rows; points of a dot plot stand far out."""
    title_indent: float = 16.0
    """To the right of a chart's left edge: its title starts no farther in, as column heads do."""
    title_outdent: float = 80.0
    """To the left of it: names of rows may be short, and set at their bars."""
    title_width_share: float = 0.5
    """Of a chart's width: a title that covers more may be centred; column heads cover less."""
    max_subtitle_lines: int = 3
    """Lines of a subtitle between title and chart: more are body text."""
    max_axis_title: int = 60
    """Characters: a longer line under a chart is a note."""

    # -- Boxes that lines connect (diagrams) -----------------------------------------------------
    min_blocks: int = 3
    """Connected boxes: fewer are no diagram."""
    max_blocks: int = 60
    """Boxes on a page: more are a table or a form."""
    min_block_side: float = 12.0
    """Of a box: smaller ones hold no word."""
    max_block_share: float = 0.25
    """Of the page: larger boxes are frames around a diagram."""

    # -- Straight lines that are a table, not a drawing (uncaptioned) ---------------------------
    min_free_ends: float = 0.6
    """Times its straight paths: where they begin or end in fewer places, they are a grid."""
    max_cell_lines: float = 1.5
    """Times its straight paths: with more lines of text between them they are a table."""
    min_heat_colours: int = 8
    """Of filled boxes that touch: with so many they are a heat map, and no shaded table."""

    # -- Logos on every page (repeated) ----------------------------------------------------------
    max_logo_share: float = 0.05
    """Of the page: a larger drawing is no logo."""
    logo_edge_share: float = 0.15
    """Of the page's width and height: logos stand wholly so near to an edge."""
    max_sampled_pages: int = 5
    """Pages that are asked whether they draw the same."""
    min_repeated: int = 3
    """Pages of those: fewer that draw the same may be steps of one figure."""

    # -- Paths that run past a caption (caption_cuts) ----------------------------------------------
    cut_share: float = 0.3
    """Of a caption: no line of one figure runs through so much of it."""

    # -- Captions without a figure, beside a figure without a caption (lone_captions) --------------
    max_lone_gap: float = 0.4
    """Of the page's height, between a caption and a region that are alone on the page."""
    min_far_share: float = 0.03
    """Of the page: a smaller region far from a caption is a logo."""
    lone_width_share: float = 0.15
    """Of the narrower of the two: a caption may be centred under a picture and the text beside it."""
    max_lone_label: int = 40
    """Characters: longer lines between a caption and a region are text."""
    max_noted_gap: float = 60.0
    """Between a caption and a region with a title, a note or the name of an axis between them."""
    max_listing_gap: float = 36.0
    """Between a caption and the listing or table without lines at it: captions stand off."""
