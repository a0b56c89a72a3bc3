"""One page as a reader sees it: body text in columns, captions, and the drawings between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from mmrerank.loaders.boxes import (
    Box,
    area,
    covered_area,
    cut_back,
    grown,
    height,
    overlap,
    part_inside,
    shared_width,
    width,
)
from mmrerank.loaders.pdf.figures.backgrounds import (
    find_panels,
    split_rules,
    without_backdrops,
    without_backgrounds,
)
from mmrerank.loaders.pdf.figures.caption_cuts import cut_at_captions
from mmrerank.loaders.pdf.figures.charts import find_charts, with_charts
from mmrerank.loaders.pdf.figures.components import (
    Component,
    components,
    is_big,
    is_content,
)
from mmrerank.loaders.pdf.figures.diagrams import find_diagrams
from mmrerank.loaders.pdf.figures.paths import DrawnPath, PageDrawing
from mmrerank.loaders.pdf.figures.pictures import merged_pictures
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.figures.text_layout import (
    TextLayout,
    captions_outside,
    lines_inside,
    read_text_layout,
)
from mmrerank.loaders.pdf.page import Block, Line
from mmrerank.loaders.pdf.text.lines import is_panel_caption, make_block

__all__ = ["PageLayout", "read_layout"]


@dataclass(frozen=True, slots=True)
class PageLayout:
    """One page, sorted into what may be a figure and what bounds one.

    `whole` is the box of the page, `body_size` the font size of the document's body text in points,
    `columns` are the (x0, x1) of its text. `captions` and `body` (prose) bound figures; `labels` are
    the other lines, which may be part of one. `drawings` may be figures or parts of them.
    `text_boxes` are drawings that prose covers, `panels` the frames and tinted areas that hold text
    or pictures; `frames` are both, without those that go around the page. `rules` are the level
    lines as long as a column is wide. `charts`
    are the boxes around the bars or dots of charts that have no axes; they lie in `drawings`. `titles`
    are the bold lines that blocks begin with, where there are such charts.
    """

    whole: Box
    body_size: float
    columns: tuple[tuple[float, float], ...] = ()
    captions: tuple[Block, ...] = ()
    body: tuple[Block, ...] = ()
    labels: tuple[Line, ...] = ()
    drawings: tuple[Component, ...] = ()
    text_boxes: tuple[Box, ...] = ()
    panels: tuple[Box, ...] = ()
    frames: tuple[Box, ...] = ()
    rules: tuple[Box, ...] = ()
    charts: tuple[Box, ...] = ()
    titles: tuple[Block, ...] = ()


def read_layout(
    whole: Box,
    blocks: Sequence[Block],
    body_size: float,
    drawing: PageDrawing,
    settings: FigureSettings,
) -> PageLayout:
    """The layout of a page: `whole` is its box, `blocks` its text, `drawing` what else it draws."""
    text = read_text_layout(whole, blocks, body_size, settings)
    pictures = find_pictures(drawing.images, text, settings)
    charts = find_charts(drawing.paths, text, settings)
    diagrams = find_diagrams(drawing.paths, whole, settings)
    rules, paths = split_rules(drawing.paths, text, settings)
    paths = with_charts(paths, charts, diagrams)
    panels = find_panels(paths, pictures, text, settings)
    paths = without_backgrounds(paths, panels, pictures, whole, settings)
    paths, strips = cut_at_captions(paths, text, settings)
    barriers = find_barriers(paths, text, settings) + strips
    line_boxes = [line.box for line in text.lines]
    parts = components(paths, pictures, whole, settings, barriers=barriers, text=line_boxes)
    parts = without_decoration(parts, text, settings)
    text_boxes = [part.box for part in parts if _is_text_box(part, text, settings)]
    drawings = [part for part in parts if part.box not in text_boxes]
    body = prose_outside(drawings, text, settings)
    captions = captions_outside(text, drawings)
    no_labels = (*captions, *body)
    return PageLayout(
        whole,
        body_size,
        text.columns,
        captions,
        tuple(body),
        tuple(label_lines(block for block in blocks if block not in no_labels)),
        tuple(drawings),
        tuple(text_boxes),
        tuple(panels),
        (*text_boxes, *(box for box in panels if is_content(box, whole, settings))),
        tuple(level_rules(rules)),
        tuple(charts),
        tuple(bold_heads(blocks) if charts else ()),
    )


def level_rules(rules: Iterable[DrawnPath]) -> Iterator[Box]:
    """The boxes of the rules that run from left to right."""
    return (rule.box for rule in rules if width(rule.box) > height(rule.box))


def find_pictures(images: Sequence[Box], text: TextLayout, settings: FigureSettings) -> list[Box]:
    """The pictures of a page, each in one piece and cut back from text and gutters."""
    images = without_backdrops(images, text, settings)
    pictures = merged_pictures(
        images, settings.icon_share * area(text.whole), text.gutters, settings
    )
    lines = _text_barriers(text, settings)
    return [
        cut_back(
            cut_back(picture, lines, settings.min_cut_kept), text.gutters, settings.gutter_cut_kept
        )
        for picture in pictures
    ]


def find_barriers(
    paths: Iterable[DrawnPath], text: TextLayout, settings: FigureSettings
) -> list[Box]:
    """The boxes that keep drawings apart: lines of text, gutters, white at frames."""
    margin, page = settings.gutter_margin, text.whole
    gutters = [grown((x0, 0.0, x1, page[3]), margin, 0.0) for x0, _, x1, _ in text.gutters]
    sides = [side for path in paths if path.frames for side in _sides(path.box, margin)]
    return _text_barriers(text, settings) + gutters + sides


def _text_barriers(text: TextLayout, settings: FigureSettings) -> list[Box]:
    # Line by line: text that runs around a picture has it within the box of its block.
    captions = [line for block in text.captions for line in block.lines]
    return [grown(line.box, 0.0, settings.text_margin) for line in (*text.prose_lines, *captions)]


def _sides(box: Box, margin: float) -> list[Box]:
    """The white around a frame, on each side: what stands outside is not part of it."""
    x0, y0, x1, y1 = box
    wide = grown(box, margin, margin)
    return [
        (wide[0], wide[1], wide[2], y0),
        (wide[0], y1, wide[2], wide[3]),
        (wide[0], y0, x0, y1),
        (x1, y0, wide[2], y1),
    ]


def without_decoration(
    parts: Iterable[Component], text: TextLayout, settings: FigureSettings
) -> list[Component]:
    """The components without strokes of text and ornaments; of text boxes, the images alone."""
    margin = settings.stroke_margin
    around_text = [grown(block.box, margin, margin) for block in text.blocks]
    drawings = [part for part in parts if not _is_stroke_of_text(part, around_text, settings)]
    drawings = [piece for part in drawings for piece in _images_of_text(part, text, settings)]
    return [part for part in drawings if not _is_ornament(part, drawings, text, settings)]


def _is_stroke_of_text(part: Component, text: Sequence[Box], settings: FigureSettings) -> bool:
    """Rules, underlines and fraction bars: thin, and long or within a block of text."""
    shorter, longer = sorted((width(part.box), height(part.box)))
    if shorter > settings.rule_thickness or part.shapes or part.images:
        return False
    return longer > settings.min_rule or any(overlap(part.box, box) == part.box for box in text)


def _images_of_text(
    part: Component, text: TextLayout, settings: FigureSettings
) -> Iterator[Component]:
    """The component; where it is a text box, its images alone, which stood beside the text."""
    if part.images and _is_text_box(part, text, settings):
        yield from (Component(image, images=(image,)) for image in part.images)
    else:
        yield part


def _is_text_box(part: Component, text: TextLayout, settings: FigureSettings) -> bool:
    """Whether body text covers so much of a component that it is not a drawing, nor a map."""
    if part.shapes > max(settings.max_text_box_shapes, part.straight):
        return False
    photograph = part.image_area >= settings.photograph_share * area(part.box)
    regions = part.shapes > max(settings.min_map_shapes, part.straight) and not part.images
    share = settings.text_photograph_share if photograph or regions else settings.text_box_share
    covered = covered_area(part.box, (line.box for line in text.prose_lines))
    return covered > share * area(part.box)


def _is_ornament(
    part: Component, parts: Sequence[Component], text: TextLayout, settings: FigureSettings
) -> bool:
    """A few strokes or areas that text, or another component, stands on."""
    if part.images or part.path_count > settings.max_frame_paths:
        return False
    others = (other.box for other in parts if other is not part)
    if any(part_inside(other, part.box) > settings.inside_share for other in others):
        return True
    inside = lines_inside(text, part.box, settings, longer_than=settings.max_label_characters)
    filled = sum(map(area, inside)) > settings.panel_text_share * area(part.box)
    return len(inside) >= settings.min_panel_lines and filled


def prose_outside(
    drawings: Sequence[Component], text: TextLayout, settings: FigureSettings
) -> list[Block]:
    """The blocks of body text that do not stand in a drawing, nor as sentences beside one."""
    share = settings.body_in_drawing_share
    figures = [part.box for part in drawings if is_big(part.box, settings)]
    return [
        block
        for block in text.prose
        if not any(part_inside(block.box, part.box) > share for part in drawings)
        and not _is_sentence_in_figure(block, figures, text, settings)
    ]


def _is_sentence_in_figure(
    block: Block, figures: Sequence[Box], text: TextLayout, settings: FigureSettings
) -> bool:
    """Whether a few lines that no column begins or ends with stand at the height of a drawing."""
    if len(block.lines) > settings.max_sentence_lines:
        return False
    x0, top, x1, bottom = block.box
    edge = settings.heading_edge
    inner = any(left + edge < x0 and x1 < right - edge for left, right in text.columns)
    if not inner or any(abs(left - x0) < edge for left, _ in text.columns):
        return False
    return any(
        box[1] < (top + bottom) / 2 < box[3]
        and -shared_width(box, block.box) < settings.sentence_gap
        for box in figures
    )


def label_lines(blocks: Iterable[Block]) -> Iterator[Line]:
    """The lines of text that may be a figure's; the caption of a panel stays in one piece."""
    for block in blocks:
        if is_panel_caption(block.text):
            yield Line(block.box, block.text, block.size)
        else:
            yield from block.lines


def bold_heads(blocks: Iterable[Block]) -> Iterator[Block]:
    """The bold lines that each block begins with, which may be the title of a chart.

    Lines side by side are the heads of columns.
    """
    for block in blocks:
        lines = list(takewhile(lambda line: line.bold and line.upright, block.lines))
        middles = ((line.box[1] + line.box[3]) / 2 for line in lines)
        stacked = all(
            line.box[1] > middle for line, middle in zip(lines[1:], middles, strict=False)
        )
        if lines and stacked and not block.caption:
            yield block if len(lines) == len(block.lines) else make_block(lines)
