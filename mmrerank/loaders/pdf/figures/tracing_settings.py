"""The thresholds of figures inside pictures: how pixels become lines, areas and photographs."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DEFAULT_TRACING", "TracingSettings"]


@dataclass(frozen=True, slots=True)
class TracingSettings:
    """The thresholds of tracing, in pixels of a page drawn at `pixels` unless a comment says otherwise.

    A page is drawn so that an A4 page has about 70 pixels an inch: a pixel is a point there, and
    the thresholds of `FigureSettings` hold. `benchmarks/rasterised.py` measures what a change does.
    """

    pixels: int = 500_000
    """Of the page, width times height, whatever its size in points: scans may be of any."""
    max_side: int = 2000
    """Of the page's longer side: a strip of paper is not drawn longer."""
    paper_levels: int = 16
    """Of each colour: tones of one level count as one when the paper's is looked for."""
    paper_sample: int = 16
    """Of so many pixels of paper, one is enough for its tone."""
    min_contrast: int = 18
    """Of 255: what differs by less from the paper, in all colours, is paper, grain or JPEG noise."""
    grain_contrast: float = 5.0
    """Times the mean deviation of the paper: what differs by less is its grain."""
    shade_contrast: int = 64
    """Of 255: shades of the background and drawings behind the text of a slide differ by less."""
    max_pale_share: float = 0.1
    """Of the page: with more that differs by less than that, the background is shaded."""
    tile_step: int = 3
    """Of so many rows and columns one is looked at where the paper's shades are."""
    tile_side: int = 4
    """Of a tile, in these rows: 12 pixels of the page, with a line of text at most."""
    min_shaded_side: int = 100
    """Of the picture's shorter side: on a smaller one no shades are looked for."""
    max_tile_spread: float = 20.0
    """Of 255, between most pixels of a tile: with more there is something on the paper."""
    max_tile_change: float = 7.0
    """Of 255, from a tile to the next: shades of a background change slowly."""
    min_smooth_share: float = 0.15
    """Of the picture: less that changes slowly does not show the paper."""
    min_shading: float = 10.0
    """Of 255, between the darkest and the lightest paper: less is paper of one tone."""
    max_ink_share: float = 0.8
    """Of the page: with more that is not paper, the page has no paper: it is one picture."""
    max_letter_share: float = 0.2
    """Of the page's shorter side: OCR takes patterns in photographs for larger letters."""
    text_margin: float = 1.5
    """Around a line of text, so that no edge of its letters is left."""
    min_run: int = 12
    """A row or column of ink so long is a line; letters and curves have shorter ones."""
    min_solid: int = 7
    """Of an area's shorter side: thinner things are lines and strokes."""
    line_thickness: float = 3.5
    """Ink of a straight line over its length: a line of a skewed scan leaves its row, and is thin."""
    min_block_fill: float = 0.9
    """Of its box: an area that fills more is a rectangle."""
    min_photograph: int = 24
    """Of a photograph's shorter side; smaller ones are icons, and drawn like anything else."""
    min_photograph_fill: float = 0.5
    """Of its box: a photograph fills more, though its bright parts may be as pale as the paper."""
    photograph_levels: int = 8
    """Of each colour: JPEG noise and shading give an area of one tone no more than a few."""
    max_tone_share: float = 0.6
    """Of an area's pixels: where its three commonest tones have more, it is painted, not a photograph."""
    max_edge_tone_share: float = 0.8
    """Of an area's edge: one tone with more may be paper of its own, on which something is drawn."""
    min_paper_tone_share: float = 0.3
    """Of such an area: its paper shows on so much of it; the frame of a photograph does not."""
    min_paper_share: float = 0.02
    """Of the page: a smaller area is not looked into."""
    max_depth: int = 2
    """Areas within areas that are looked into: a panel on a slide's background, a chart on it."""
    min_stroke: int = 3
    """Pixels of ink: less is dust."""
    min_curve_side: float = 13.0
    """Of a curve's shorter side: letters that OCR did not read are smaller."""
    min_curves: int = 3
    """Of that size, in a box: a table has none."""
    min_drawn_strokes: int = 30
    """Things among the text of a captioned frame: with fewer it is a listing, no diagram."""
    min_cell_share: float = 0.25
    """Of a table's area: its text covers more; the labels of a chart cover less."""
    min_table_rows: int = 3
    """Rows of two lines or more, side by side: fewer are no table."""
    full_row_share: float = 0.6
    """Of its rows, the same: the axis of a chart has one number a row."""
    max_bar_share: float = 0.1
    """Of a table's area: filled areas without text in them, as bars are."""
    min_photograph_share: float = 0.2
    """Of its area: what photographs cover so much of is no table."""
    max_shadow_share: float = 0.1
    """Of the page's width or height: a narrower strip along an edge is the shadow of a scanner."""
    max_outline_gap: int = 7
    """In a line of a frame: grain and letters leave such gaps."""
    min_outline_share: float = 0.01
    """Of the page: smaller frames are boxes of a diagram, or cells."""
    max_outline_share: float = 0.5
    """Of the page: a larger frame goes around the page, and is left out."""
    min_outline_side: int = 30
    """Of a frame's shorter side."""
    outline_reach: int = 4
    """From a frame's side to the white in it: lines of skewed scans leave their row."""
    min_outline_side_share: float = 0.8
    """Of each side of a frame, along which there is white inside: corners may be round."""
    passing_reach: int = 4
    """Beyond a line of text: what goes on so far is a line of a drawing, no part of a letter."""
    min_passing_share: float = 0.95
    """Of its length, ink in such a line."""
    max_handwriting_share: float = 0.05
    """Of the page: signatures, stamps and notes are smaller."""
    max_handwriting_strokes: int = 40
    """Pieces of ink in one of them."""
    min_axis_share: float = 0.6
    """Of the width or height of a drawing: straight lines as long are axes and frames."""
    max_painted_share: float = 0.1
    """Of the ink of handwriting: what is thicker than a pen's stroke."""
    max_strokes: int = 20_000
    """Things on a page: more are handwriting, a screen of dots or grain, in which nothing is found."""


DEFAULT_TRACING = TracingSettings()
"""The settings that are used unless others are passed."""
