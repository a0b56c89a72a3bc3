"""Search results in a terminal: a few lines each, which read well at 80 columns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mmrerank.display.cards import Card, CardPart, cards_of_hits
from mmrerank.ocr.bm25 import tokenize
from mmrerank.terminal import clean, snippet

if TYPE_CHECKING:
    from rich.console import Console

    from mmrerank.index.hits import HitImage, Stages
    from mmrerank.loaders.boxes import Box

__all__ = ["image_name", "print_cards", "print_found", "shown_path"]

_INDENT = "    "
_SIGN = "▸"
_NARROWEST = 20  # columns


def print_cards(console: Console, cards: Sequence[Card], query: str) -> None:
    """Print results, best first: where each is, how it was ranked, its text, and its best image.

    Paths are printed whole on lines of their own, so that a terminal can open them.
    """
    for card in cards:
        _print_whole(console, f"{card.rank:>2}  {_place_line(card)}", "bold")
        for line in (_rank_line(card), _section_line(card), _parts_line(card)):
            _print(console, line, "dim")
        _print(console, snippet(_text(card), tokenize(query)))
        _print(console, _matched("text", card.matched_in_text), "green")
        for line in _image_lines(card):
            _print(console, line)
        _print(console, _matched("image", card.matched_in_image), "green")
        _print(console, _matched("generated caption", card.matched_in_caption), "green")
        if (image := card.best) and image.file:
            _print_whole(console, _INDENT + clean(shown_path(image.file)), "blue")
        for place in dict.fromkeys(map(_place, card.also_in)):
            _print_whole(console, f"{_INDENT}also in: {place}", "dim")
        console.print()


def print_found(console: Console, stages: Stages) -> None:
    """Print what was found before reranking, a line each, and the time of each stage."""
    _print_whole(console, f"found in {stages.search_time:.3f} s", "bold")
    for card in cards_of_hits(stages.found, is_reranked=False):
        line = f"{card.rank:>2}  {_place_line(card)}: {_rank_line(card)}"
        _print_whole(console, line, "dim")
    if stages.is_reranked:
        _print_whole(console, f"reranked in {stages.rerank_time:.3f} s", "bold")
    console.print()


def _text(card: Card) -> str:
    """The text of a result; of a figure without the caption, which is shown anyway."""
    image = card.best
    return card.text.removeprefix(image.caption) if image and card.kind == "figure" else card.text


def _place_line(card: Card) -> str:
    """The file of a result, its page, and its box there unless it is the best image's."""
    image = card.best
    shows_box = card.page and card.box and not (card.kind == "figure" and image and image.box)
    place = _place((card.source, card.page), card.attachment) if card.source else clean(card.title)
    return f"{place}, {_box_name(card.box)}" if shows_box and card.box else place


def _box_name(box: Box) -> str:
    x0, y0, x1, y1 = (f"{edge:.0f}" for edge in box)
    return f"box {x0},{y0} to {x1},{y1}"


def _place(place: tuple[str, int | None], attachment: str = "") -> str:
    source, page = place
    inside = f" > {clean(attachment)}" if attachment else ""
    return clean(shown_path(source)) + inside + (f", page {page}" if page else "")


def _rank_line(card: Card) -> str:
    """Score and ranks: those of the routes, and the one before reranking."""
    routes = f" ({_ranks(card.routes)})" if card.routes else ""
    if not card.is_scored:
        return f"not scored: the reranker failed; rank of the search kept{routes}"
    if card.score is None:
        known = card.retrieval_score is not None
        return f"score {card.retrieval_score:.4f}{routes}" if known else f"not reranked{routes}"
    before = f", was rank {card.retrieval_rank}" if card.retrieval_rank else ""
    return f"score {card.score:.3f}{before}{routes}"


def _ranks(routes: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {rank}" for name, rank in routes.items())


def _matched(place: str, words: Sequence[str]) -> str:
    """The words of the query that are in a place; "" if there are none."""
    return f"in the {place}: {clean(', '.join(words))}" if words else ""


def _section_line(card: Card) -> str:
    return f"section: {snippet(card.section)}" if card.section.strip() else ""


def _parts_line(card: Card) -> str:
    """What each part scored alone, where there are several: "text 0.210, image 1 0.640"."""
    return ", ".join(map(_part, card.parts)) if len(card.parts) > 1 else ""


def _part(part: CardPart) -> str:
    name = "words of the figure" if part.kind == "figure" else part.kind
    number = f" {part.image + 1}" if part.image is not None else ""
    return f"{name}{number} {part.score:.3f}"


def _image_lines(card: Card) -> list[str]:
    """The best image's name and place on its page, or how many images there are."""
    image = card.best
    if image is not None:
        said = snippet(image.generated_caption.partition("\n")[0])
        says = [f"generated caption ({clean(image.generated_by)}): {said}"] if said else []
        return [f"{_SIGN} {image_name(image)}", *says]
    count = len(card.images)
    return [f"{count} image{'s' if count > 1 else ''}"] if count else []


def image_name(image: HitImage) -> str:
    """Caption or name, page and box: "Figure 1: The turbine. (page 3, box 72,90 to 520,310)"."""
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


def _print(console: Console, paragraph: str, style: str = "") -> None:
    """Print a paragraph, wrapped and indented; nothing for an empty one."""
    from rich.text import Text

    if not paragraph:
        return
    room = max(console.width - len(_INDENT), _NARROWEST)
    for line in Text(paragraph, style=style, overflow="fold").wrap(console, room):
        line.rstrip()
        line.pad_left(len(_INDENT))
        console.print(line, soft_wrap=True)


def _print_whole(console: Console, line: str, style: str) -> None:
    """Print a line that is not wrapped, since it has a path."""
    from rich.text import Text

    console.print(Text(line, style=style), soft_wrap=True)
