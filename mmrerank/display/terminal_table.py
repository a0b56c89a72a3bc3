"""Search results as a table in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING

from mmrerank.ocr.bm25 import tokenize
from mmrerank.terminal import clean, snippet

if TYPE_CHECKING:
    from rich.table import Table

    from mmrerank.index.hits import Hit

__all__ = ["figure_line", "hits_table"]


def hits_table(hits: Sequence[Hit], query: str) -> Table:
    """Results as a table: rank, score, earlier rank, source and page, text, and the best image."""
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
    """The caption of the best image, or the number of images; "" without images."""
    for image in hit.images:
        if image.path == hit.best_image:
            return f"▸ {snippet(image.caption or image.path, width=100)} (page {image.page})"
    count = len(hit.images)
    return f"{count} image{'s' if count > 1 else ''}" if count else ""
