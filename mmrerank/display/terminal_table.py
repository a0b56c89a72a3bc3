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

__all__ = ["figure_line", "hits_table", "match_lines"]


def hits_table(hits: Sequence[Hit], query: str) -> Table:
    """Results as a table: rank, score, earlier rank, source and page, text, and the best image."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(clean(query)), title_justify="left", show_lines=True)
    for name in ("rank", "score", "was"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("where", overflow="fold", max_width=30)
    table.add_column("text and images", ratio=1, overflow="fold")
    for hit in hits:
        place = _place(hit.source, hit.page)
        lines = [snippet(hit.text, tokenize(query)), figure_line(hit), *match_lines(hit)]
        body = "\n".join(line for line in lines if line)
        row = (str(hit.rank), f"{hit.score:.3f}", str(hit.retrieval_rank), place, body)
        table.add_row(*map(Text, row))
    return table


def figure_line(hit: Hit) -> str:
    """The best image's caption and file, or the number of images; "" without images."""
    for image in hit.images:
        if image.path == hit.best_image:
            name = snippet(image.caption, width=100) or "an image without a caption"
            place = f" (page {image.page})" if image.page else ""
            said = snippet(image.generated_caption.partition("\n")[0], width=100)
            says = f"\ngenerated caption ({clean(image.generated_by)}): {said}" if said else ""
            return f"▸ {name}{place}\n{clean(image.file)}".rstrip() + says
    count = len(hit.images)
    return f"{count} image{'s' if count > 1 else ''}" if count else ""


def match_lines(hit: Hit) -> list[str]:
    """Why a result is there, the words of the query that its text, its best image and what a model
    said of it have, and where else the same text or picture is.
    """
    places = (
        ("text", hit.matched_in_text),
        ("image", hit.matched_in_image),
        ("generated caption", hit.matched_in_caption),
    )
    lines = [f"in the {place}: {clean(', '.join(words))}" for place, words in places if words]
    if hit.also_in:
        others = dict.fromkeys(_place(source, page) for source, page in hit.also_in)
        lines.append(f"also in: {'; '.join(others)}")
    return lines


def _place(source: str, page: int | None) -> str:
    return clean(PurePath(source).name) + (f", page {page}" if page else "")
