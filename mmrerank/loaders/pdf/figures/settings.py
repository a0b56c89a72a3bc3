"""Every threshold of figure finding, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from mmrerank.loaders.pdf.figures.chart_settings import ChartSettings

__all__ = ["DEFAULT_SETTINGS", "FigureSettings"]


@dataclass(frozen=True, slots=True)
class FigureSettings(ChartSettings):
    """The thresholds of figure finding, grouped by pass in the order in which the passes run.

    Lengths are in points (1/72 inch) and areas in square points unless a comment says otherwise;
    a `share` is a part of something, 0 to 1. `benchmarks/figures.py` measures what a change does.
    """

    # -- All passes ------------------------------------------------------------------------------
    inside_share: float = 0.9
    """Of its area: a box with more than this in another counts as inside it; edges are ragged."""
    max_page_share: float = 0.85
    """Of the page (width and height, or area): more is a background, a page frame or a scan."""
    min_side: float = 20.0
    """Of a figure: smaller things are bullets, icons and rules."""
    min_area: float = 1200.0
    """Of a figure: about 35 by 35 points, the size of a small icon."""
    max_frame_paths: int = 4
    """Paths: so few may be the frame of a photograph, or decoration; a drawing has more."""
    table_text_share: float = 0.1
    """Of straight lines' box: where text covers more, the lines are those of a table."""
    rule_thickness: float = 2.5
    """A straight path that is thinner is a line, not an area."""
    column_tolerance: float = 5.0
    """Lines and figures start or end so far outside the column that they belong to."""
    min_cut_kept: float = 0.75
    """Of its area: a drawing is cut back from text only if so much of it stays."""

    # -- Images and paths as the page draws them (paths) -----------------------------------------
    min_image_pixels: int = 16
    """Of an image's longer side: smaller ones are bullets. Strips may be thin one way."""
    hiding_image_share: float = 0.5
    """Of the page: an image of this size hides the text that was drawn before it."""
    min_counted_bytes: int = 300_000
    """Of compressed content: a page with less is drawn without counting its paths first."""
    max_detailed_paths: int = 20_000
    """On a page: what is drawn after so many is a map or a drawing, of which the outline counts."""
    path_tile: float = 12.0
    """Side of a tile in which such paths are merged: finer than the gap between two figures."""
    white: float = 0.98
    """Of full brightness in every colour channel: such a fill is invisible on paper."""
    straight_tolerance: float = 1.0
    """A line that leaves the horizontal or vertical by less is straight."""
    min_outline_share: float = 0.01
    """Of the page: smaller rectangles are bars and boxes of a drawing, not frames."""
    max_outline_items: int = 16
    """Lines and curves of one path: a rounded frame has no more; more are a drawing."""
    max_corner_share: float = 0.15
    """Of a frame's shorter side: how far a round corner may reach."""
    max_corner: float = 20.0
    """How far a round corner may reach, however large its frame."""
    min_frame_line: float = 30.0
    """Shorter lines are ticks, not the side of a frame."""
    max_frame_lines: int = 60
    """Vertical or horizontal lines on a page: more are a table or the grid of a chart."""
    corner_gap: float = 3.0
    """Between the ends of two lines that meet in a corner of a frame."""

    # -- The page as it looks (render) -----------------------------------------------------------
    preview_scale: float = 0.5
    """Pixels a point: enough to tell ink from paper."""
    preview_white: int = 250
    """Of 255: paler pixels are paper; scans and JPEG files are not pure white."""
    preview_tone: int = 12
    """Of 255: pixels that differ by less have one tone."""
    plain_page_share: float = 0.85
    """Of the pixels: a page with so many of one tone is paper or tinted, not a picture."""

    # -- Pages that are a picture, images in strips, clipped images (find) -----------------------
    max_scan_characters: int = 200
    """Of visible text on an image that fills the page: up to the title of a cover."""
    max_photograph_characters: int = 1000
    """Of visible text on a photograph that fills the page, if nothing else is drawn on it."""
    drawn_on_share: float = 0.1
    """Of a page that is a picture: figures up to this area are its logos."""
    preview_image_share: float = 0.01
    """Of the page: only larger images are worth drawing the page once to see what shows of them."""
    max_strip: float = 90.0
    """Thickness of the strips into which programs cut large images; photographs are thicker."""
    max_strip_share: float = 0.25
    """Of its length: a strip may be thicker than `max_strip` where it is long."""
    strip_tolerance: float = 2.0
    """Between the edges of two strips of one image."""

    # -- Images that are pictures (layout) -------------------------------------------------------
    backdrop_share: float = 0.3
    """Of the page: a smaller image is a picture, however much text stands on it."""
    backdrop_text_share: float = 0.15
    """Of a large image: where text covers more, the image is a coloured area behind it."""
    icon_share: float = 0.005
    """Of the page: images smaller than this may be the parts of one diagram."""
    icon_gap: float = 1.25
    """Times an icon's side: icons of one diagram stand no farther apart."""
    image_overlap_share: float = 0.3
    """Of the smaller image: two that overlap more are one picture."""
    text_margin: float = 2.0
    """Above and below a line of text: boxes of drawings touch it without belonging to it."""
    min_column_lines: int = 10
    """Lines of body text on a page: fewer do not show where its columns are."""
    gutter_cut_kept: float = 0.65
    """As `min_cut_kept`, at the white between columns: faded images reach far into it."""

    # -- Rules, frames and backgrounds, which are not drawings (layout) --------------------------
    rule_page_share: float = 0.7
    """Of the page's width or height: a longer thin line is a rule."""
    rule_column_share: float = 0.9
    """Of the width of the column that a thin line starts in: a longer one is a rule."""
    panel_picture_share: float = 0.01
    """Of the page: a frame around an image of this size holds a picture; less may be a bar."""
    min_panel_share: float = 0.02
    """Of the page: a smaller tinted area is part of a drawing."""
    min_panel_lines: int = 3
    """Lines of text that make a tinted area or a frame a text box."""
    panel_text_share: float = 0.1
    """Of a tinted area: labels of a diagram cover less than its text would."""
    max_number_characters: int = 5
    """Lines up to this length may be the numbers and points of a chart."""
    band_ratio: float = 8.0
    """Times as long as wide: such a band with a line of text in it is a title bar."""
    bleed: float = 3.0
    """From the edge of the page: nearer things run off it."""
    min_bleeding_share: float = 0.02
    """Of the page: larger areas that run off it on two sides are bands and backgrounds."""
    max_edge_ratio: float = 1.5
    """Times the area of an image: a path around it up to this size is its frame or shadow."""
    level_share: float = 0.5
    """Of the lower one's height: captions that share more stand side by side."""
    gutter_margin: float = 6.0
    """Figures stick out of their column, and frames touch their neighbours, by this much."""

    # -- Paths and images that touch are one component (components) ------------------------------
    cell: float = 3.0
    """Side of a grid cell: the precision with which paths touch."""
    max_cells: int = 1000
    """Cells a side: posters get larger cells, so that the grid stays small."""
    reach: int = 2
    """Cells: boxes nearer than twice this belong together; bars of a chart stand apart."""
    small_image_share: float = 0.01
    """Of the page: smaller images may be the bars or points of a chart."""
    mark_margin: float = 15.0
    """Around an image: arrows and letters that mark it stand so near."""
    max_table_curves: float = 0.05
    """Times its straight paths: a table has no more paths of other shapes."""

    # -- Components that are strokes, ornaments or text boxes (layout) ---------------------------
    stroke_margin: float = 4.0
    """Around a block of text: underlines and fraction bars lie within."""
    min_rule: float = 100.0
    """A thin component that is longer is a rule wherever it stands."""
    max_label_characters: int = 20
    """Longer lines of text are not labels."""
    text_box_share: float = 0.25
    """Of a component: where body text covers more, it is a text box."""
    max_text_box_shapes: int = 100
    """Paths that are not straight: a component with more is a map or a drawing with text on it."""
    min_map_shapes: int = 15
    """Paths that are not straight, without images: with more, they may be the regions of a map."""
    text_photograph_share: float = 0.4
    """As `text_box_share`, of a map or of what is mostly image: captions stand on photographs."""
    photograph_share: float = 0.5
    """Of a component: images that cover this much make it mostly image."""
    body_in_drawing_share: float = 0.8
    """Of a block: prose that lies so far in a drawing is part of it, not an obstacle."""

    max_sentence_lines: int = 3
    """Lines of a sentence that is a label in a drawing: more are body text."""
    sentence_gap: float = 40.0
    """Between a drawing and a sentence at its side that is part of it."""

    # -- Drawings, listings and frames of captions (captioned) -----------------------------------
    max_caption_gap: float = 150.0
    """Between a caption and its figure: charts leave wide white margins."""
    max_part_gap: float = 100.0
    """Between two parts of a figure."""
    nearer_ratio: float = 3.0
    """Times the white: captions may well stand nearer to the next figure than to their own."""
    obstacle_width: float = 2.0
    """Of the caption's width: text that shares less stands beside it, not in the way."""
    zone_height_share: float = 0.6
    """Of its height: what is in a caption's zone by less belongs to something else."""
    zone_caption_share: float = 0.5
    """Of the caption's width: a drawing over this much of it may have its middle elsewhere."""
    max_line_gap: float = 26.0
    """Between a caption and a listing, or between two of its lines: an empty line."""
    heading_ratio: float = 1.15
    """Times the size of body text: a line in larger type is a heading and ends a listing."""
    stacked_frame_gap: float = 12.0
    """Between two framed parts of one listing, or its title bar and its frame."""
    max_frame_gap: float = 40.0
    """Between a caption and a framed listing."""
    frame_gap_tolerance: float = 5.0
    """A caption may reach into its listing's frame by this much."""
    frame_width_share: float = 0.5
    """Of the narrower of the two: a caption and its frame share more width than this."""

    max_rule_gap: float = 14.0
    """Between a caption and the rule above or below it that bounds its figure."""
    max_float_share: float = 0.6
    """Of the page's height: more text beside a caption is the text of the page."""
    ragged_share: float = 0.1
    """Of a column's width: a line that ends nearer to the column's edge is full."""
    max_full_lines: float = 0.3
    """Of the lines of a listing; most lines of a paragraph are full."""

    # -- Drawings without a caption (uncaptioned) ------------------------------------------------
    same_figure_share: float = 0.02
    """Of the smaller box: drawings that overlap more are one figure."""
    same_photograph_share: float = 0.5
    """The same for two photographs, which layouts set over each other's edges."""
    letterhead_share: float = 0.1
    """Of the page's height: what lies wholly in its top or bottom is a logo, not a figure."""
    row_edge: float = 2.0
    """Between the tops, and the bottoms, of the charts of one row."""
    row_width_share: float = 0.1
    """Of its width: charts of one row are equally wide but for this."""
    max_multiples_gap: float = 30.0
    """Between two charts of one row: with more white each is a figure of its own."""
    min_frame_fill: float = 0.25
    """Of a frame: a figure that fills more of it is what the frame is drawn around."""

    # -- Labels that belong to a drawing (labels) ------------------------------------------------
    label_reach: float = 12.0
    """Around a drawing with a caption: labels stand so near."""
    free_label_reach: float = 8.0
    """Around one without a caption, where nothing else confirms that it is a figure."""
    label_rounds: int = 3
    """The numbers at an axis, then its title, then the second line of that."""
    stop_margin: float = 1.0
    """Above and below text that a figure must not run into."""
    region_margin: float = 3.0
    """Around a figure, so that strokes are not cut."""
    margin_cut_kept: float = 0.5
    """Of the margin's box: the margin gives way to text beyond this, the drawing does not."""
    row_tolerance: float = 4.0
    """Above and below a drawing: names of its first and last row stand so far out."""
    max_row_gap: float = 100.0
    """Between a drawing and the names of its rows: the bars of a chart are labelled far out."""
    min_rows: int = 3
    """Lines beside a drawing: fewer may be other text."""
    beside_height: float = 2.0
    """Of its height: a line that shares more with a drawing stands beside it."""
    page_edge_share: float = 0.06
    """Of the page's height: running heads and page numbers stand there."""
    small_label_ratio: float = 0.9
    """Times the size of body text: smaller type is set for labels."""
    max_short_label: int = 9
    """Characters: a line of body size up to this length is still a label."""
    max_label_ratio: float = 1.2
    """Times the width of a drawing: no label is wider."""
    centred_share: float = 0.2
    """Of the width of a drawing: a line whose middle is nearer to its middle is centred on it."""
    min_passing_line: float = 80.0
    """Shorter lines may well stick out of a drawing; longer ones are text that runs past."""
    on_drawing_share: float = 0.5
    """Of a longer line's length that must lie on or beside the drawing."""
    along_drawing_share: float = 0.9
    """The same for turned text, which stands in the margins of pages too."""
    max_title_gap: float = 26.0
    """Between the bold title of a chart and the chart."""
    title_overlap: float = 2.0
    """A title's box may reach into the chart by this much."""
    title_size_ratio: float = 1.1
    """Times the size of body text: larger bold lines are headings."""
    heading_edge: float = 10.0
    """From the left edge of a column: headings start there, titles of charts do not."""
    line_slack_share: float = 0.2
    """Of its height: boxes of lines are higher than their letters by this much on each side."""
    max_line_slack: float = 10.0
    """Height of a line beyond which the slack does not grow."""

    # -- Tables (tables) -------------------------------------------------------------------------
    min_table_cells: int = 2
    """Rows and columns: one row in a frame is not a table."""
    max_table_caption_gap: float = 40.0
    """Between a table and its caption."""

    # -- Crops (render) --------------------------------------------------------------------------
    max_crop_pixels: int = 1_200_000
    """Width times height: rerankers scale larger images down."""
    max_crop_side: int = 4000
    """Pixels of the longer side: a limit for long, thin regions, which have few pixels in all."""
    min_crop_side: int = 32
    """Pixels: vision models refuse or blur less."""


DEFAULT_SETTINGS = FigureSettings()
"""The settings that are used unless others are passed."""
