"""Find the figures of a PDF page: what is drawn, gathered on a grid and cut along captions.

Every box drawn and every image placed is painted on cells of a few points; what touches belongs
together. A numbered caption then owns what lies between it and the next body text of its column.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

from mmrerank.loaders.base import Box, area, grown, need, overlap, part_inside, union
from mmrerank.loaders.chunking import Block, Line, is_panel_caption, is_prose, text_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Component", "ImageKey", "Region", "components", "find_regions", "image_keys"]

_CELL, _CELLS = 4.0, 1000  # points a cell, cells a side at the most
_REACH = 2  # cells: things nearer than twice this belong together
_MOST = 0.85  # of the page: a background, a frame or a scan
_RULE_THICKNESS = 2.5  # points
_SMALLEST_IMAGE = 16  # pixels
_SMALLEST_SIDE, _SMALLEST_AREA = 20.0, 1200.0  # points, square points: less is decoration
_FEW_CHARACTERS = 40  # a page number and a running title
_FRAME = 4  # paths: so many may frame a photograph, or be decoration
_TEXT_BOX, _TABLE = 0.25, 0.1  # part covered by body text, by any text
_FAR = 60.0  # points between a caption and its figure, or between two parts of it
_PAGE_EDGE = 0.06  # of the height of the page
_LABEL_REACH, _NEAR_LABEL_REACH = 12.0, 8.0  # points from a drawing to its labels
_MARGIN = 3.0  # points around a region, so that strokes are not cut

ImageKey = tuple[int, int, int, int, str]
"""Width and height in pixels, bits, bytes and colour space: tells one image from another."""


@dataclass(frozen=True, slots=True)
class Component:
    """Things on a page that touch.

    `straight` counts the paths made of boxes and of lines along the page, of which tables and
    frames consist, `shapes` all other paths; `image_area` is in square points.
    """

    box: Box
    straight: int = 0
    shapes: int = 0
    image_area: float = 0.0

    @property
    def kind(self) -> Literal["raster", "vector", "mixed"]:
        """What it is made of; a frame around a photograph leaves it a photograph."""
        if not self.image_area:
            return "vector"
        return "raster" if self.straight + self.shapes <= _FRAME else "mixed"


@dataclass(frozen=True, slots=True)
class Region:
    """A figure found on a page; `caption` is the block that names it."""

    box: Box
    kind: Literal["raster", "vector", "mixed", "page"]
    caption: Block | None = None

    @property
    def label(self) -> str:
        """What its caption calls it ("figure 3"); empty without one."""
        caption = self.caption.caption if self.caption else None
        return caption.label if caption else ""


def image_keys(page: Any) -> set[ImageKey]:
    """The images that a PyMuPDF page shows, for counting those that many pages repeat."""
    return {_image_key(info) for info in page.get_image_info()}


def find_regions(
    page: Any, blocks: Sequence[Block], *, body_size: float, repeated: Collection[ImageKey] = ()
) -> list[Region]:
    """The figures of a PyMuPDF page, in the coordinates of the page as it is shown.

    `blocks` is its text, `body_size` the font size of the document's body text in points,
    `repeated` the images that are furniture of the document rather than content.
    """
    whole: Box = (0.0, 0.0, page.rect.width, page.rect.height)
    images = list(_images(page, whole, repeated))
    covered = max((area(image) for image in images), default=0.0)
    if covered > _MOST * area(whole) and sum(len(b.text) for b in blocks) <= _FEW_CHARACTERS:
        return [Region(whole, "page")]
    paths = list(_paths(page, whole))
    return _Layout(whole, blocks, body_size, paths, images).regions() if paths or images else []


def _image_key(info: dict[str, Any]) -> ImageKey:
    return (info["width"], info["height"], info["bpc"], info["size"], info["cs-name"])


def _images(page: Any, whole: Box, repeated: Collection[ImageKey]) -> Iterator[Box]:
    turn = page.rotation_matrix if page.rotation else None
    for info in page.get_image_info():
        # A strip of a picture may be a few pixels high; what is small both ways is a bullet.
        small = max(info["width"], info["height"]) < _SMALLEST_IMAGE
        shown = overlap(_as_shown(info["bbox"], turn), whole)
        if shown and not small and _image_key(info) not in repeated:
            yield shown


def _paths(page: Any, whole: Box) -> Iterator[tuple[Box, bool]]:
    """The box of each visible path, cut to its clip, and whether it is straight."""
    turn = page.rotation_matrix if page.rotation else None
    clips: list[tuple[int, Box]] = []
    for path in page.get_cdrawings(extended=True):
        while clips and clips[-1][0] >= path["level"]:
            clips.pop()
        if path["type"] == "clip":
            clips.append((path["level"], path["scissor"]))
        elif path["type"] != "group" and _is_visible(path):
            box = overlap(path["rect"], clips[-1][1]) if clips else path["rect"]
            shown = overlap(_as_shown(box, turn), whole) if box else None
            if shown:
                yield shown, _is_straight(path["items"])


def _as_shown(box: Box, turn: Any) -> Box:
    """PyMuPDF gives boxes in the coordinates of the page before it is turned."""
    if turn is None:
        return box
    pymupdf = need("pymupdf", extra="pdf", purpose="loading a PDF")
    x0, y0, x1, y1 = pymupdf.Rect(box) * turn
    return (x0, y0, x1, y1)


def _is_visible(path: dict[str, Any]) -> bool:
    """False for what leaves white paper white: clear paths, and white areas without an outline."""
    filled, drawn = path.get("fill"), path.get("color")
    shows_fill = filled and min(filled) < 0.98 and path.get("fill_opacity", 1.0) > 0.0
    return bool(shows_fill or (drawn and path.get("stroke_opacity", 1.0) > 0.0))


def _is_straight(items: Sequence[tuple[Any, ...]]) -> bool:
    for kind, *points in items:
        if kind == "l":
            (x0, y0), (x1, y1) = points
            if abs(x1 - x0) > 1.0 and abs(y1 - y0) > 1.0:
                return False
        elif kind != "re":
            return False
    return True


def components(
    paths: Sequence[tuple[Box, bool]],
    images: Sequence[Box],
    whole: Box,
    barriers: Sequence[Box] = (),
) -> list[Component]:
    """Gather boxes that touch or nearly do; backgrounds are left out.

    `paths` holds a box and whether it is straight, for each path. `barriers` (text, gutters) keep
    apart what does not touch. Linear in the number of boxes.
    """
    paths = [path for path in paths if _is_content(path[0], whole)]
    images = [image for image in images if _is_content(image, whole)]
    if not paths and not images:
        return []
    np = need("numpy", extra="pdf", purpose="finding figures")
    boxes = np.array([box for box, _ in paths] + images, dtype=float)
    straight = np.array([is_straight for _, is_straight in paths] + [False] * len(images))
    image_area = np.zeros(len(boxes))
    image_area[len(paths) :] = [area(image) for image in images]
    groups = _group(boxes, np.array(barriers, dtype=float).reshape(-1, 4), whole)
    count = groups.max() + 1
    corners = np.full((count, 4), [np.inf, np.inf, -np.inf, -np.inf])
    np.minimum.at(corners[:, :2], groups, boxes[:, :2])
    np.maximum.at(corners[:, 2:], groups, boxes[:, 2:])
    total = np.bincount(groups[: len(paths)], minlength=count)
    lines = np.bincount(groups, weights=straight, minlength=count)
    covered = np.bincount(groups, weights=image_area, minlength=count)
    return [
        Component(tuple(corners[i].tolist()), int(lines[i]), int(total[i] - lines[i]), covered[i])
        for i in range(count)
    ]


def _is_content(box: Box, whole: Box) -> bool:
    return box[2] - box[0] <= _MOST * whole[2] or box[3] - box[1] <= _MOST * whole[3]


def _group(
    boxes: NDArray[np.float64], barriers: NDArray[np.float64], whole: Box
) -> NDArray[np.intp]:
    """For each of `boxes` (rows of x0, y0, x1, y1) the number of its component, from 0."""
    np = need("numpy", extra="pdf", purpose="finding figures")
    ndimage = need("scipy.ndimage", extra="pdf", purpose="finding figures")
    cell = max(_CELL, max(whole[2], whole[3]) / _CELLS)
    cells = np.floor(boxes / cell).astype(int) + _REACH
    left, top, right, bottom = cells.T
    # Each box adds one at two of its corners and takes one at the others; two running sums
    # then give the number of boxes over every cell.
    size = (int(whole[3] / cell) + 2 * _REACH + 2, int(whole[2] / cell) + 2 * _REACH + 2)
    change = np.zeros(size, dtype=int)
    np.add.at(change, (top, left), 1)
    np.add.at(change, (top, right + 1), -1)
    np.add.at(change, (bottom + 1, left), -1)
    np.add.at(change, (bottom + 1, right + 1), 1)
    painted = change.cumsum(axis=0).cumsum(axis=1) > 0
    near = ndimage.binary_dilation(painted, np.ones((2 * _REACH + 1, 2 * _REACH + 1)))
    for x0, y0, x1, y1 in barriers / cell + _REACH:
        rows, columns = slice(int(y0), int(y1) + 1), slice(math.ceil(x0), int(x1))
        near[rows, columns] = painted[rows, columns]
    labels, _ = ndimage.label(near, np.ones((3, 3)))
    _, numbers = np.unique(labels[top, left], return_inverse=True)
    return numbers.reshape(-1)  # type: ignore[no-any-return]


class _Layout:
    """One page: its body text, its captions, what is drawn, and what belongs to what."""

    def __init__(
        self,
        whole: Box,
        blocks: Sequence[Block],
        body_size: float,
        paths: Sequence[tuple[Box, bool]],
        images: Sequence[Box],
    ) -> None:
        self.whole, self.body_size = whole, body_size
        self.captions = [block for block in blocks if block.caption]
        prose = [block for block in blocks if is_prose(block, body_size)]
        self.columns = text_columns([line.box for b in prose for line in b.lines], whole[2])
        gutters = [(a[1], 0.0, b[0], whole[3]) for a, b in pairwise(self.columns)]
        barriers = [grown(block.box, 0.0, 2.0) for block in prose + self.captions]
        images = [image for image in images if _is_content(image, whole)]
        images = [_cut_back(_cut_back(i, barriers), gutters, least=0.65) for i in images]
        paths = [path for path in paths if not self._is_rule(path[0])]
        found = components(paths, images, whole, barriers + gutters)
        text = [grown(block.box, 4.0, 4.0) for block in blocks]
        found = [item for item in found if not _is_stroke_of_text(item, text)]
        self.text_boxes = [item.box for item in found if _is_text_box(item, prose)]
        self.drawn = [item for item in found if item.box not in self.text_boxes]
        self.body = [
            b for b in prose if not any(part_inside(b.box, i.box) > 0.8 for i in self.drawn)
        ]
        self.labels = list(_labels(b for b in blocks if b not in self.captions + self.body))

    def _is_rule(self, box: Box) -> bool:
        """Thin, and as long as the page is high or a column is wide."""
        width, height = box[2] - box[0], box[3] - box[1]
        if min(width, height) > _RULE_THICKNESS:
            return False
        widths = [x1 - x0 for x0, x1 in self.columns if x0 - 5.0 <= box[0] < x1]
        long = min([0.7 * self.whole[2], *(0.9 * width for width in widths)])
        return height > self.whole[3] / 2 or width > long

    def regions(self) -> list[Region]:
        """What captions own, then what is left and looks like a figure; tables are left out."""
        owned = self._owned()
        regions = [
            Region(self._with_labels(parts, _LABEL_REACH), _kind(parts), caption)
            for caption, parts in owned
            if caption.caption and caption.caption.kind == "figure"
        ]
        taken = [_around(parts) for _, parts in owned] + [region.box for region in regions]
        free = [item for item in self.drawn if not _is_in_any(item.box, taken)]
        figures = [item for item in free if self._is_figure(item)]
        boxes = [self._with_labels([item], _NEAR_LABEL_REACH) for item in figures]
        for group in _overlapping(boxes):
            box = union(*(boxes[index] for index in group))
            regions.append(Region(box, _kind([figures[index] for index in group])))
        return sorted(regions, key=lambda region: (region.box[1], region.box[0]))

    def _owned(self) -> list[tuple[Block, list[Component]]]:
        """Captions with their components, looking above first or below first.

        Most documents set captions below; where that leaves more captions without a figure than
        the opposite does, this page sets them above.
        """
        usual, opposite = self._claims(above_first=True), self._claims(above_first=False)
        return opposite if len(opposite) > len(usual) else usual

    def _claims(self, *, above_first: bool) -> list[tuple[Block, list[Component]]]:
        claims: dict[int, list[Component]] = {}
        for above in (above_first, not above_first):
            for index, caption in enumerate(self.captions):
                if index not in claims:
                    taken = [item for parts in claims.values() for item in parts]
                    if parts := self._beside(caption, taken, above):
                        claims[index] = parts
        return [(self.captions[index], parts) for index, parts in claims.items()]

    def _beside(self, caption: Block, taken: list[Component], above: bool) -> list[Component]:
        """The free components between a caption and the next obstacle above or below it."""
        zone = self._zone(caption, [item.box for item in taken], above)
        inside = [
            item for item in self.drawn if item not in taken and _is_in(item.box, zone, caption)
        ]
        inside.sort(key=lambda item: -item.box[3] if above else item.box[1])
        parts: list[Component] = []
        edge = caption.box[1] if above else caption.box[3]
        for item in inside:
            if (edge - item.box[3] if above else item.box[1] - edge) > _FAR:
                break
            parts.append(item)
            edge = min(edge, item.box[1]) if above else max(edge, item.box[3])
        return parts if parts and _is_big(_around(parts)) else []

    def _zone(self, caption: Block, taken: Sequence[Box], above: bool) -> Box:
        """From the caption to the next body text, caption or figure, as wide as its columns."""
        box = caption.box
        obstacles = [block.box for block in self.body] + self.text_boxes + list(taken)
        obstacles += [other.box for other in self.captions if other is not caption]
        across = [o for o in obstacles if min(o[2], box[2]) - max(o[0], box[0]) > 2.0]
        columns = [c for c in self.columns if c[1] > box[0] + 5.0 and c[0] < box[2] - 5.0]
        x0 = min([box[0], *(column[0] for column in columns)])
        x1 = max([box[2], *(column[1] for column in columns)])
        if above:
            top = max((o[3] for o in across if o[1] < box[1] and o[3] < box[3]), default=0.0)
            return (x0, min(top, box[1]), x1, box[1])
        ends = [o[1] for o in across if o[3] > box[3] and o[1] > box[1]]
        return (x0, box[3], x1, max(min(ends, default=self.whole[3]), box[3]))

    def _is_figure(self, item: Component) -> bool:
        """Whether a component without a caption is a figure: big enough, and no table."""
        if not _is_big(item.box):
            return False
        if item.shapes or item.image_area:
            return True
        text = sum(area(overlap(line.box, item.box)) for line in self.labels)
        return item.straight > _FRAME and text < _TABLE * area(item.box)

    def _with_labels(self, parts: Sequence[Component], reach: float) -> Box:
        """The box of the parts and of the labels on and around them, with a margin.

        Cut back from body text, captions and the next column.
        """
        text = [block.box for block in self.body + self.captions]
        stops = [grown(stop, 0.0, 1.0) for stop in text]
        drawn = box = _cut_back(_around(parts), stops)
        for _ in range(3):  # the numbers at an axis, its title, the second line of that
            near = grown(box, reach, reach)
            for label in self.labels:
                if overlap(label.box, near) and self._is_label(label, drawn):
                    wider = union(box, label.box)
                    blocked = any(_runs_into(wider, stop, box) for stop in text)
                    box = box if blocked else wider
        outside = [label.box for label in self.labels if part_inside(label.box, box) < 0.5]
        with_margin = _cut_back(grown(box, _MARGIN, _MARGIN), stops + outside, least=0.5)
        return overlap(union(box, with_margin), self.whole) or box

    def _is_label(self, line: Line, drawn: Box) -> bool:
        """Whether a line near a drawing belongs to it: beside it, small, short or centred on it."""
        beside = line.box[3] > drawn[1] + 2.0 and line.box[1] < drawn[3] - 2.0
        if beside or not line.upright or is_panel_caption(line.text):
            return True
        edge = _PAGE_EDGE * self.whole[3]  # running titles and page numbers
        if line.box[3] < edge or line.box[1] > self.whole[3] - edge:
            return False
        width, middle = drawn[2] - drawn[0], (drawn[0] + drawn[2]) / 2
        off_centre = abs((line.box[0] + line.box[2]) / 2 - middle)
        small = line.size < 0.9 * self.body_size or len(line.text) < 10
        return line.box[2] - line.box[0] < 1.2 * width and (small or off_centre < 0.2 * width)


def _labels(blocks: Iterable[Block]) -> Iterator[Line]:
    """The lines of text that may be a figure's; the caption of a panel stays in one piece."""
    for block in blocks:
        if is_panel_caption(block.text):
            yield Line(block.box, block.text, block.size)
        else:
            yield from block.lines


def _is_in_any(box: Box, others: Sequence[Box]) -> bool:
    return any(part_inside(box, other) > 0.5 for other in others)


def _overlapping(boxes: Sequence[Box]) -> list[list[int]]:
    """The indices of boxes that overlap, together."""
    groups: list[list[int]] = []
    for index, box in enumerate(boxes):
        touching = [group for group in groups if any(overlap(boxes[other], box) for other in group)]
        merged = [index, *(other for group in touching for other in group)]
        groups = [*(group for group in groups if group not in touching), merged]
    return groups


def _is_in(box: Box, zone: Box, caption: Block) -> bool:
    """Whether a component lies in a caption's zone; it may stick out to the sides."""
    inside_height = min(box[3], zone[3]) - max(box[1], zone[1]) >= 0.6 * (box[3] - box[1])
    middle_inside = zone[0] <= (box[0] + box[2]) / 2 <= zone[2]
    over_caption = min(box[2], caption.box[2]) - max(box[0], caption.box[0])
    return inside_height and (
        middle_inside or over_caption > 0.5 * (caption.box[2] - caption.box[0])
    )


def _is_stroke_of_text(item: Component, text: Sequence[Box]) -> bool:
    """Rules, underlines and fraction bars: thin, and long or within a block of text."""
    width, height = item.box[2] - item.box[0], item.box[3] - item.box[1]
    if min(width, height) > _RULE_THICKNESS or item.shapes or item.image_area:
        return False
    return max(width, height) > 100.0 or any(overlap(item.box, box) == item.box for box in text)


def _is_text_box(item: Component, prose: Sequence[Block]) -> bool:
    covered = sum(area(overlap(block.box, item.box)) for block in prose)
    return covered > _TEXT_BOX * area(item.box) and item.image_area < 0.5 * area(item.box)


def _is_big(box: Box) -> bool:
    return min(box[2] - box[0], box[3] - box[1]) >= _SMALLEST_SIDE and area(box) >= _SMALLEST_AREA


def _around(parts: Sequence[Component]) -> Box:
    return union(*(item.box for item in parts))


def _kind(parts: Sequence[Component]) -> Literal["raster", "vector", "mixed"]:
    kinds = {item.kind for item in parts}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def _runs_into(wider: Box, stop: Box, box: Box) -> bool:
    # Boxes of lines are higher than their letters: a label and a caption may overlap by a hair.
    low = grown(stop, 0.0, -0.2 * min(stop[3] - stop[1], 10.0))
    return area(overlap(low, wider)) > area(overlap(low, box))


def _cut_back(box: Box, stops: Sequence[Box], least: float = 0.75) -> Box:
    """The box without the edge that runs into a stop; whole where less than `least` would stay.

    The box of an image is larger than what shows of it where the page clips or fades it.
    """
    uncut = area(box)
    for stop in stops:
        if area(overlap(box, stop)) > 0.0:
            x0, y0, x1, y1 = box
            cuts = [(stop[2], y0, x1, y1), (x0, stop[3], x1, y1), (x0, y0, stop[0], y1)]
            best = max([*cuts, (x0, y0, x1, stop[1])], key=area)
            box = best if area(best) >= least * uncut else box
    return box
