"""An explanation in a terminal: words with numbers, and images as maps of digits, at 80 columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmrerank.terminal import clean, snippet

if TYPE_CHECKING:
    from rich.console import Console

    from mmrerank.explanation import Explanation, ImageMap, ImageWord
    from mmrerank.types import Content, Image

__all__ = ["map_lines", "print_explanation"]

_INDENT = "    "
_STRONGEST = 12  # words that are shown of each text, and of each image
_WIDEST = 76  # columns of a map
_LONGEST_WORD = 40  # characters
_LARGE_GAP = 0.5  # of what is explained: weights that miss half of it are no explanation


def print_explanation(
    console: Console, found: Explanation, query: Content, document: Content
) -> None:
    """Print what made the score: how it was found, then the words and maps of both sides."""
    for line in _head(found):
        _print(console, line)
    sides = (
        ("query", found.query, found.query_images, found.query_image_words, query),
        ("document", found.document, found.images, found.image_words, document),
    )
    for side, words, maps, in_images, content in sides:
        _print_words(console, side, [(word.weight, _short(word.text)) for word in words])
        for cells in maps:
            _print(console, f"{side}, {_image_name(content.images, cells)}", "bold")
            for line in map_lines(cells):
                _print(console, _INDENT + line)
        rows = [(word.weight, _place(word)) for word in in_images]
        _print_words(console, f"{side}, words in images", rows)
    if found.images or found.query_images:
        _print(
            console,
            "9: the highest cell of its image, -: lowers the score. A cell is only a hint.",
            "dim",
        )


def _head(found: Explanation) -> list[str]:
    """The score, the parts that made it, and how far the weights can be trusted."""
    lines = [f"score {found.score:.4f}, {clean(found.model)}, {found.method}"]
    for part in found.parts if len(found.parts) > 1 else ():
        name = "text" if part.image is None else f"image {part.image + 1}"
        share = f"share {part.share:g}" if part.share else "not explained: it does not count"
        lines.append(f"{name} scored {part.score:.4f}, {share}")
    if found.method == "leave_one_out":
        lines.append(f"logit {found.output:.4f}; each weight is what it loses without that word")
    elif found.baseline is not None and found.gap is not None and found.method != "bm25":
        explained = found.output - found.baseline
        lines.append(f"logit {found.output:.4f}, {found.baseline:.4f} with the document blurred")
        rough = ": they are rough" if abs(found.gap) > _LARGE_GAP * abs(explained) else ""
        lines.append(f"the weights miss {found.gap:+.4f} of {explained:+.4f}{rough}")
    return lines


def _print_words(console: Console, title: str, words: Sequence[tuple[float, str]]) -> None:
    """Print the strongest words, each with its weight; nothing if there are none."""
    if not words:
        return
    count = f"{len(words)} word{'s' if len(words) > 1 else ''}"
    if len(words) > _STRONGEST:
        count = f"the strongest {_STRONGEST} of {count}"
    _print(console, f"{title}: {count}", "bold")
    for weight, word in sorted(words, key=lambda row: -abs(row[0]))[:_STRONGEST]:
        _print(console, f"{_INDENT}{weight:+.4f}  {word}")


def _short(text: str) -> str:
    return snippet(text, (), _LONGEST_WORD)


def _place(word: ImageWord) -> str:
    """A word in an image, and its box there."""
    text = f"{_short(word.text)} (image {word.image + 1}"
    if word.box is None:
        return f"{text})"
    x0, y0, x1, y1 = (f"{edge:.0f}" for edge in word.box)
    return f"{text}, box {x0},{y0} to {x1},{y1})"


def _image_name(images: Sequence[Image], cells: ImageMap) -> str:
    name = _short(images[cells.image].name)
    return f"image {cells.image + 1} ({name}), {cells.width} x {cells.height} pixels"


def map_lines(cells: ImageMap, widest: int = _WIDEST) -> list[str]:
    """The cells as characters: 1 to 9 in tenths of the highest weight, `.` about 0, `-` below it.

    Where there are more columns than `widest`, a character is the strongest of several cells.
    """
    block = math.ceil(cells.columns / widest)
    rows = [
        [
            _strongest_of(cells.weights, row, column, block)
            for column in range(0, cells.columns, block)
        ]
        for row in range(0, cells.rows, block)
    ]
    weights = [weight for row in rows for weight in row]
    most = max(weights) if max(weights) > 0 else -min(weights)
    space = " " if 2 * len(rows[0]) <= widest else ""
    return [space.join(_sign(weight, most) for weight in row) for row in rows]


def _strongest_of(weights: Sequence[Sequence[float]], row: int, column: int, block: int) -> float:
    lines = weights[row : row + block]
    return max((weight for line in lines for weight in line[column : column + block]), key=abs)


def _sign(weight: float, most: float) -> str:
    tenths = int(10 * weight / most) if most else 0
    if tenths <= -1:
        return "-"
    return str(min(tenths, 9)) if tenths else "."


def _print(console: Console, line: str, style: str = "") -> None:
    from rich.text import Text

    console.print(Text(line, style=style), soft_wrap=True)
