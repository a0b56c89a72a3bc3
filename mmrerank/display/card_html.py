"""A result as HTML: where it is, how it was ranked, its text and its images."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mmrerank.display.cards import Card, CardPart
from mmrerank.display.explanation_html import explanation_element
from mmrerank.display.markup import Element, Node, element
from mmrerank.display.matches import matched_spans
from mmrerank.display.pictures import CardPictures, Picture
from mmrerank.display.terminal_results import image_name, shown_path
from mmrerank.index.hits import HitImage
from mmrerank.ocr.bm25 import tokenize
from mmrerank.terminal import clean, snippet

__all__ = ["card_element", "marked", "place_name"]

_EXCERPT = 360  # columns of text that are shown at once

_LONGEST_TEXT = 20_000  # characters

_LONGEST_NAME = 300

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")


def card_element(card: Card, query: str, pictures: CardPictures, *, level: int = 2) -> Element:
    """The card of a result, under a heading of this level (1 to 6)."""
    return element(
        "article",
        element(
            _HEADINGS[level - 1],
            element("span", f"{card.rank}.", style="rank"),
            " ",
            isolated(place_name(card)),
            style="place",
        ),
        _facts(card),
        _parts(card),
        *_text(card, query),
        _matches(card),
        _figures(card, pictures),
        _explanation(card, query, pictures),
        _page(card, pictures.page),
        _also_in(card),
        style="card",
    )


def isolated(text: str) -> Element:
    """A name whose writing direction changes nothing around it."""
    return element("bdi", clean(text)[:_LONGEST_NAME])


def place_name(card: Card) -> str:
    """The file's name and the page: "report.pdf, page 3", of a file in a mail "a.eml > report.pdf".

    A document without file is named by its title.
    """
    name = re.split(r"[/\\]", card.source.rstrip("/\\"))[-1] or card.title or "document"
    name = f"{name} > {card.attachment}" if card.attachment else name
    return f"{name}, page {page}" if (page := _page_name(card)) else name


def _page_name(card: Card) -> str:
    """The number of the page, and what the document calls it if that is something else."""
    if card.page is None:
        return card.page_label
    label = card.page_label if card.page_label != str(card.page) else ""
    return str(card.page) + (f" ({label})" if label else "")


def _facts(card: Card) -> Element:
    """Score and ranks, section and path, as a list of names and values."""
    facts: list[tuple[str, Node]] = [("Score", _score(card))]
    if card.retrieval_rank is not None:
        facts.append(("Rank", _rank_change(card)))
    if card.routes:
        facts.append(("Found by", ", ".join(f"{n} {rank}" for n, rank in card.routes.items())))
    if card.section:
        facts.append(("Section", isolated(card.section)))
    if card.source:
        facts.append(("File", isolated(shown_path(card.source))))
    items = [
        element("div", element("dt", name, style="name"), element("dd", value, style="value"))
        for name, value in facts
    ]
    return element("dl", *items, style="facts")


def _score(card: Card) -> str:
    if not card.is_scored:
        return "none: the reranker failed, and the order of the search was kept"
    if card.score is not None:
        return f"{card.score:.3f}"
    if card.retrieval_score is not None:
        return f"{card.retrieval_score:.4f} (not reranked)"
    return "not known"


def _rank_change(card: Card) -> str:
    """The rank before and after reranking: "4 before reranking, 1 after (up 3)"."""
    before = card.retrieval_rank or card.rank
    if card.score is None and card.is_scored:
        return str(card.rank)
    moved = before - card.rank
    change = f"up {moved}" if moved > 0 else f"down {-moved}" if moved else "the same"
    return f"{before} before reranking, {card.rank} after ({change})"


def _parts(card: Card) -> Element | None:
    """What each part scored alone: in words and numbers, and as bars where scores are from 0 to 1."""
    if len(card.parts) < 2:
        return None
    has_bars = all(0.0 <= part.score <= 1.0 for part in card.parts)
    rows = [_part_row(card, part, has_bar=has_bars) for part in card.parts]
    return element(
        "table",
        element("caption", "What each part scored alone", style="caption"),
        element("tbody", *rows),
        style="parts",
    )


def _part_row(card: Card, part: CardPart, *, has_bar: bool) -> Element:
    name = _part_name(card, part)
    bar = element(
        "meter", min="0", max="1", value=f"{part.score:.3f}", aria_label=name, style="bar"
    )
    return element(
        "tr",
        element("th", isolated(name), scope="row", style="cell"),
        element("td", f"{part.score:.3f}", style="number"),
        element("td", bar, style="cell") if has_bar else None,
    )


def _part_name(card: Card, part: CardPart) -> str:
    if part.image is None:
        return "caption and words of the figure" if part.kind == "figure" else "text"
    name = snippet(card.images[part.image].facts.name, width=60)
    best = ", best image" if part.image == card.best_image else ""
    return f"image {part.image + 1}{best}: {name}"


def _text(card: Card, query: str) -> list[Node]:
    """The part of the text that has most of the query, and all of it on demand."""
    text = clean(card.text).strip()
    if not text:
        return [element("p", "This result has no text.", style="note")]
    excerpt = snippet(text, tokenize(query), width=_EXCERPT)
    shown = element("p", *marked(excerpt, query), dir="auto", style="text")
    if excerpt.strip("… ") == " ".join(text.split()):
        return [shown]
    kept = text[:_LONGEST_TEXT]
    rest = len(text) - len(kept)
    whole = element(
        "details",
        element("summary", "The whole text", style="summary"),
        element("p", *marked(kept, query), dir="auto", style="text whole"),
        element("p", f"{rest} more characters are left out.", style="note") if rest else None,
        style="details",
    )
    return [shown, whole]


def marked(text: str, query: str) -> list[Node]:
    """The text with the words of the query marked."""
    text = clean(text)
    nodes: list[Node] = []
    done = 0
    for start, end in matched_spans(text, query) if query else ():
        nodes += [text[done:start], element("mark", text[start:end], style="mark")]
        done = end
    return [*nodes, text[done:]]


def _matches(card: Card) -> Element | None:
    """The words of the query that the text, the best image and its generated caption have."""
    named: Sequence[tuple[str, Sequence[str]]] = (
        ("the text", card.matched_in_text),
        ("the image", card.matched_in_image),
        ("the generated caption", card.matched_in_caption),
    )
    found = [f"in {place}: {', '.join(words)}" for place, words in named if words]
    if not found:
        return None
    return element("p", f"Words of the query {'; '.join(found)}.", style="note", dir="auto")


def _figures(card: Card, pictures: CardPictures) -> Element | None:
    """The images, the best one first and framed."""
    order = sorted(range(len(card.images)), key=lambda k: k != card.best_image)
    figures = [
        _figure(card.images[k].facts, pictures.images[k], is_best=k == card.best_image)
        for k in order
    ]
    return element("div", *figures, style="figures") if figures else None


def _figure(facts: HitImage, picture: Picture, *, is_best: bool) -> Element:
    name = snippet(facts.name, width=_LONGEST_NAME)
    shown = (
        element("img", src=picture.uri, alt=name, style="best-picture" if is_best else "picture")
        if picture.uri
        else element("p", f"The image {picture.problem or 'cannot be shown'}.", style="missing")
    )
    caption = element(
        "figcaption",
        element("strong", "Best image", style="badge") if is_best else None,
        " " if is_best else None,
        isolated(image_name(facts)),
        style="caption",
    )
    return element(
        "figure", shown, caption, _generated(facts), style="figure best" if is_best else "figure"
    )


def _generated(facts: HitImage) -> Element | None:
    """What a model said of an image, marked as such."""
    if not facts.generated_caption:
        return None
    by = f" by {snippet(facts.generated_by)}" if facts.generated_by else ""
    said = snippet(facts.generated_caption, width=600)
    label = element("strong", f"Generated caption{by}, not the document's text:", style="label")
    return element("p", label, " ", isolated(said), style="generated", dir="auto")


def _explanation(card: Card, query: str, pictures: CardPictures) -> Element | None:
    """What made the score, on demand, if it was explained."""
    if card.explanation is None:
        return None
    names = {
        index: snippet(card.images[card.place_of(index)].facts.name, width=_LONGEST_NAME)
        for index in pictures.explained
    }
    return explanation_element(
        card.explanation, query, card.text, pictures.explained, names, card.score
    )


def _page(card: Card, picture: Picture | None) -> Element | None:
    """The page with a frame around the figure or the text, on demand."""
    if picture is None or card.framed is None:
        return None
    number, _ = card.framed
    of = "best image" if card.best is not None and card.best.box else "text"
    name = f"Page {number} with a frame around the {of}"
    shown = (
        element("img", src=picture.uri, alt=f"{name}, as the file shows it", style="sheet")
        if picture.uri
        else element("p", f"The page {picture.problem}.", style="missing")
    )
    return element("details", element("summary", name, style="summary"), shown, style="details")


def _also_in(card: Card) -> Element | None:
    """Where else the same text or picture is."""
    places = [
        shown_path(source) + (f", page {page}" if page else "")
        for source, page in dict.fromkeys(card.also_in)
    ]
    if not places:
        return None
    items = [element("li", isolated(place)) for place in places]
    return element(
        "div", element("p", "Also in:", style="note"), element("ul", *items, style="places")
    )
