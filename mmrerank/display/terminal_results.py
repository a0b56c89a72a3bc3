"""Search results in a terminal: a few lines each, which read well at 80 columns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrerank.ocr.bm25 import tokenize
from mmrerank.terminal import clean, snippet

if TYPE_CHECKING:
    from rich.console import Console

    from mmrerank.index.hits import Hit, HitImage, Stages
    from mmrerank.loaders.boxes import Box

__all__ = [
    "image_lines",
    "image_name",
    "place_line",
    "print_found",
    "print_hits",
    "rank_line",
    "shown_path",
]

_INDENT = "    "
_SIGN = "▸"
_NARROWEST = 20  # columns


def print_hits(console: Console, hits: Sequence[Hit], query: str, *, is_reranked: bool) -> None:
    """Print results, best first: where each is, how it was ranked, its text, and its best image.

    Paths are printed whole on lines of their own, so that a terminal can open them.
    """
    for hit in hits:
        _print_whole(console, f"{hit.rank:>2}  {place_line(hit)}", "bold")
        _print(console, rank_line(hit, is_reranked=is_reranked), "dim")
        if text := _text(hit):
            _print(console, snippet(text, tokenize(query)))
        if hit.matched_in_text:
            _print(console, f"in the text: {clean(', '.join(hit.matched_in_text))}", "green")
        for line in image_lines(hit):
            _print(console, line)
        for place, words in (
            ("image", hit.matched_in_image),
            ("generated caption", hit.matched_in_caption),
        ):
            if words:
                _print(console, f"in the {place}: {clean(', '.join(words))}", "green")
        if (image := _best_image(hit)) and image.file:
            _print_whole(console, _INDENT + clean(shown_path(image.file)), "blue")
        for place in dict.fromkeys(map(_place, hit.also_in)):
            _print_whole(console, f"{_INDENT}also in: {place}", "dim")
        console.print()


def print_found(console: Console, stages: Stages) -> None:
    """Print what was found before reranking, a line each, and the time of each stage."""
    _print_whole(console, f"found in {stages.search_time:.3f} s", "bold")
    for hit in stages.found:
        line = f"{hit.rank:>2}  {place_line(hit)}: {rank_line(hit, is_reranked=False)}"
        _print_whole(console, line, "dim")
    if stages.is_reranked:
        _print_whole(console, f"reranked in {stages.rerank_time:.3f} s", "bold")
    console.print()


def _text(hit: Hit) -> str:
    """The text of a result; of a figure without the caption, which is shown anyway."""
    image = _best_image(hit)
    return hit.text.removeprefix(image.caption) if image and hit.kind == "figure" else hit.text


def place_line(hit: Hit) -> str:
    """The file of a result, its page, and its box there unless it is the best image's."""
    image = _best_image(hit)
    shows_box = hit.page and hit.box and not (hit.kind == "figure" and image and image.box)
    place = _place((hit.source, hit.page))
    return f"{place}, {_box_name(hit.box)}" if shows_box and hit.box else place


def _box_name(box: Box) -> str:
    x0, y0, x1, y1 = (f"{edge:.0f}" for edge in box)
    return f"box {x0},{y0} to {x1},{y1}"


def _place(place: tuple[str, int | None]) -> str:
    source, page = place
    return clean(shown_path(source)) + (f", page {page}" if page else "")


def rank_line(hit: Hit, *, is_reranked: bool) -> str:
    """Score and ranks: those of the routes, and the one before reranking."""
    if not is_reranked:
        return f"score {hit.retrieval_score:.4f} ({_ranks(hit.routes)})"
    return f"score {hit.score:.3f}, was rank {hit.retrieval_rank} ({_ranks(hit.routes)})"


def _ranks(routes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {rank}" for name, rank in routes.items())


def image_lines(hit: Hit) -> list[str]:
    """The best image's name and place on its page, or how many images there are."""
    image = _best_image(hit)
    if image is not None:
        said = snippet(image.generated_caption.partition("\n")[0])
        says = [f"generated caption ({clean(image.generated_by)}): {said}"] if said else []
        return [f"{_SIGN} {image_name(image)}", *says]
    count = len(hit.images)
    return [f"{count} image{'s' if count > 1 else ''}"] if count else []


def image_name(image: HitImage) -> str:
    """Caption or name, page and box of an image: "Figure 1: Turbine (page 3, box 72,90 to 300,200)"."""
    name = snippet(image.name)
    places = []
    if image.page and name == snippet(image.caption):  # otherwise the name says the page
        places.append(f"page {image.page}")
    if image.page and image.box:
        places.append(_box_name(image.box))
    return f"{name} ({', '.join(places)})" if places else name


def shown_path(path: str) -> str:
    """A path as a person would type it here: relative if it lies below the working folder."""
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the working folder is gone
        return os.fspath(path)


def _best_image(hit: Hit) -> HitImage | None:
    return next((image for image in hit.images if image.path == hit.best_image), None)


def _print(console: Console, paragraph: str, style: str = "") -> None:
    """Print a paragraph, wrapped and indented; nothing for an empty one."""
    from rich.text import Text

    room = max(console.width - len(_INDENT), _NARROWEST)
    for line in Text(paragraph, style=style, overflow="fold").wrap(console, room):
        line.rstrip()
        line.pad_left(len(_INDENT))
        console.print(line, soft_wrap=True)


def _print_whole(console: Console, line: str, style: str) -> None:
    """Print a line that is not wrapped, since it has a path."""
    from rich.text import Text

    console.print(Text(line, style=style), soft_wrap=True)
