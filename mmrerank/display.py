"""What people see: progress, and text from documents made safe for a terminal."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence, Sized
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeVar

from mmrerank.bm25 import tokenize

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from mmrerank.store import Hit

__all__ = ["clean", "figure_line", "hits_table", "progress", "snippet"]

T = TypeVar("T")

# Escape sequences with their parameters: CSI; OSC and other strings if they end; two characters.
# One-byte controls (C1) only go themselves: text in a wrong encoding is full of them.
_ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-~]?"
)


def clean(text: str) -> str:
    """The text without terminal escapes, control characters and marks that reorder a line.

    Tabs and line ends stay. Documents are untrusted: printed raw, they could rewrite the screen.
    """
    bare = _ESCAPES.sub("", text)
    return "".join(c for c in bare if c in _KEPT or unicodedata.category(c) not in _UNPRINTED)


_UNPRINTED = ("Cc", "Cf", "Cs", "Co", "Cn")
_KEPT = "\n\t\u200c\u200d\u00ad"  # joiners and soft hyphens are part of spelling


def snippet(text: str, words: Sequence[str] = (), width: int = 160) -> str:
    """One line of at most `width` characters, beginning near the first of `words` it holds."""
    line = " ".join(clean(text).split())
    places = [line.casefold().find(word.casefold()) for word in words]
    first = min((place for place in places if place >= 0), default=0)
    start = max(0, min(first - 30, len(line) - width))
    if start:
        start = line.find(" ", start) + 1
    cut = line[start : start + width]
    head, tail = "… " if start else "", " …" if start + width < len(line) else ""
    return f"{head}{cut}{tail}"


def progress(
    items: Iterable[T], description: str, *, show: bool, unit: str = "done"
) -> Iterable[T]:
    """The items, with a progress bar on standard error (or in the notebook) where `show`.

    Where the number of items is not known beforehand, they are counted as `unit`.
    """
    count = len(items) if isinstance(items, Sized) else None
    if not show or count == 0:
        return items
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    if count is None:
        return _counted(items, description, unit, console)
    return track(items, description, total=count, console=console)


def _counted(items: Iterable[T], description: str, unit: str, console: Console) -> Iterator[T]:
    """As rich's `track`, which would show "it/s"."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    what = TextColumn("{task.description}", markup=False)
    count = TextColumn(f"{unit}: {{task.completed}}")
    with Progress(what, BarColumn(), count, TimeElapsedColumn(), console=console) as bar:
        task = bar.add_task(description, total=None)
        for item in items:
            yield item
            bar.advance(task)
        bar.update(task, total=bar.tasks[0].completed)


def hits_table(hits: Sequence[Hit], query: str) -> Table:
    """Results as a table: rank, score, earlier rank, place, text, and the image that won."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(clean(query)), title_justify="left", show_lines=True)
    for name in ("rank", "score", "was"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("where", overflow="fold", max_width=30)
    table.add_column("text and images", ratio=1)
    for hit in hits:
        place = clean(PurePath(hit.source).name) + (f", page {hit.page}" if hit.page else "")
        body = "\n".join([snippet(hit.text, tokenize(query)), figure_line(hit)]).strip()
        row = (str(hit.rank), f"{hit.score:.3f}", str(hit.retrieval_rank), place, body)
        table.add_row(*map(Text, row))
    return table


def figure_line(hit: Hit) -> str:
    """The image that won, or how many there are; "" without images."""
    for image in hit.images:
        if image.path == hit.best_image:
            return f"▸ {snippet(image.caption or image.path, width=100)} (page {image.page})"
    count = len(hit.images)
    return f"{count} image{'s' if count > 1 else ''}" if count else ""
