"""Paths that run past a caption: programs draw the lines of several figures as one path."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import permutations

from mmrerank.loaders.boxes import Box, grown, height, part_inside, shared_height
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import FigureSettings
from mmrerank.loaders.pdf.figures.text_layout import TextLayout
from mmrerank.loaders.pdf.page import Block

__all__ = ["cut_at_captions"]


def cut_at_captions(
    paths: Iterable[DrawnPath], text: TextLayout, settings: FigureSettings
) -> tuple[list[DrawnPath], list[Box]]:
    """The paths, those around a caption without being its frame cut above and below it.

    They are also cut between captions that stand side by side. With the paths come the strips that
    keep the pieces apart.
    """
    titled = [block.box for block in text.captions if _has_title(block)]
    gaps = list(_between_captions(text, settings))
    reach = 2 * settings.reach * settings.cell
    kept: list[DrawnPath] = []
    strips = list(gaps)
    for path in paths:
        if not text.captions or path.frames or height(path.box) <= settings.min_side:
            kept.append(path)
            continue
        between = _strips(path.box, titled, settings)
        for piece in _pieces(path, between):
            kept += _sides_of(piece, gaps, settings)
        strips += (grown(strip, reach, 0.0) for strip in between)
    return kept, strips


def _has_title(block: Block) -> bool:
    """Whether there is more than "Figure 1", which may be a mark in a drawing."""
    return bool(block.caption and block.text[block.caption.title :].strip())


def _strips(path: Box, captions: Iterable[Box], settings: FigureSettings) -> list[Box]:
    """The heights of the captions that a path runs past, as wide as the path."""
    least = settings.min_side
    return sorted(
        (
            (path[0], box[1], path[2], box[3])
            for box in captions
            if part_inside(box, path) > settings.cut_share
            and box[1] - path[1] > least
            and path[3] - box[3] > least
        ),
        key=lambda strip: strip[1],
    )


def _pieces(path: DrawnPath, strips: Iterable[Box]) -> Iterator[DrawnPath]:
    x0, top, x1, bottom = path.box
    for _, upper, _, lower in strips:
        if upper > top:
            yield replace(path, box=(x0, top, x1, upper))
        top = max(top, lower)
    yield path if top == path.box[1] else replace(path, box=(x0, top, x1, bottom))


def _sides_of(path: DrawnPath, gaps: Iterable[Box], settings: FigureSettings) -> list[DrawnPath]:
    """A path; its left and its right part where it runs across a gap between two captions."""
    x0, top, x1, bottom = path.box
    for gap in gaps:
        level = shared_height(path.box, gap) > settings.inside_share * height(path.box)
        if level and gap[0] - x0 > settings.min_side and x1 - gap[2] > settings.min_side:
            left = replace(path, box=(x0, top, gap[0], bottom))
            right = replace(path, box=(gap[2], top, x1, bottom))
            return [*_sides_of(left, gaps, settings), *_sides_of(right, gaps, settings)]
    return [path]


def _between_captions(text: TextLayout, settings: FigureSettings) -> Iterator[Box]:
    """The strips between captions that stand side by side, up and down to the next text.

    The figures of such captions stand side by side too, and may nearly touch.
    """
    stops = [block.box for block in (*text.prose, *text.captions)]
    for left, right in permutations((block.box for block in text.captions), 2):
        gap = right[0] - left[2]
        level = shared_height(left, right) > settings.level_share * min(height(left), height(right))
        if not level or not gap > 0.0:
            continue
        middle = (left[2] + right[0]) / 2
        between = [box for box in stops if box[0] < middle < box[2]]
        top, bottom = min(left[1], right[1]), max(left[3], right[3])
        above = max((box[3] for box in between if box[3] <= top), default=0.0)
        below = min((box[1] for box in between if box[1] >= bottom), default=text.whole[3])
        yield grown((middle, above, middle, below), settings.gutter_margin, 0.0)
