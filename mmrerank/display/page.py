"""Results as a page for people: one self-contained HTML file, a notebook's output, or plain text."""

from __future__ import annotations

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mmrerank.base import Reranker
from mmrerank.display.card_html import card_element, isolated, place_name
from mmrerank.display.cards import Card, cards_of_hits, cards_of_results, cards_of_stages
from mmrerank.display.markup import Element, Node, element, to_html
from mmrerank.display.pictures import Budget, Sides, card_pictures
from mmrerank.display.styles import INLINE, SHEET, SHEET_HASH
from mmrerank.display.terminal_results import print_cards
from mmrerank.errors import InvalidInputError
from mmrerank.filesystem import write_atomically
from mmrerank.index.hits import Hit, Stages
from mmrerank.terminal import clean
from mmrerank.types import Content, RerankResult

__all__ = ["ResultsPage", "cards_of", "document", "show"]

MAX_BYTES = 4_000_000
"""Of the images in a file, as they stand there in base64."""

_NOTEBOOK_BYTES = 600_000

_FILE_SIDES = Sides(640, 320)

_NOTEBOOK_SIDES = Sides(360, 160)

_COLUMNS = 80

Results = Stages | Sequence[Hit] | Sequence[RerankResult] | Sequence[Card]


@dataclass(frozen=True, slots=True)
class ResultsPage:
    """Results as a person reads them. A notebook shows it; `save` writes it as one HTML file.

    `found` are the results before reranking, where they are known. `max_bytes` bounds the images in
    the file, `pages=False` leaves out the pages of documents.
    """

    cards: Sequence[Card]
    query: str = ""
    found: Sequence[Card] = ()
    max_bytes: int = MAX_BYTES
    pages: bool = True

    def html(self) -> str:
        """The page as one HTML document, which loads nothing and runs nothing."""
        budget = Budget(self.max_bytes)
        return document(self.title, *self._body(budget, _FILE_SIDES, pages=self.pages))

    def explained(self, reranker: Reranker, top_n: int = 1) -> ResultsPage:
        """The same page with explanations of the first `top_n` scores.

        Texts and images are read again, and an explanation takes several times as long as a score.
        Raises what `Reranker.explain` raises, `InvalidInputError` for a page without a query.
        """
        cards = [
            replace(card, explanation=reranker.explain(self.query, card.content))
            for card in self.cards[:top_n]
        ]
        return replace(self, cards=[*cards, *self.cards[top_n:]])

    def save(self, path: str | Path) -> Path:
        """Write the page to a file, and return its path. Raises OSError."""
        file = Path(path)
        write_atomically(file, self.html().encode())
        return file

    @property
    def title(self) -> str:
        """The heading: the query, or "Results"."""
        return f"Results for: {' '.join(clean(self.query).split())}" if self.query else "Results"

    def _body(self, budget: Budget, sides: Sides, *, pages: bool, level: int = 1) -> list[Node]:
        pictures = card_pictures(self.cards, budget, sides=sides, pages=pages)
        cards = [
            card_element(card, self.query, own, level=level + 1)
            for card, own in zip(self.cards, pictures, strict=True)
        ]
        return [
            element("h1" if level == 1 else f"h{level}", self.title, dir="auto"),
            None if cards else element("p", "Nothing was found."),
            *cards,
            self._ranks(),
            _left_out(budget),
        ]

    def _ranks(self) -> Element | None:
        """What was found before reranking, and where each is now."""
        if not self.found:
            return None
        now = {_key(card): card.rank for card in self.cards}
        rows = [
            element(
                "tr",
                element("td", str(card.rank), style="number"),
                element("td", str(now.get(_key(card), "not shown")), style="number"),
                element("th", isolated(place_name(card)), scope="row", style="cell"),
            )
            for card in self.found
        ]
        names = ("before", "after", "result")
        head = [element("th", name, scope="col", style="cell") for name in names]
        table = element(
            "table",
            element("caption", "Ranks before and after reranking", style="caption"),
            element("thead", element("tr", *head)),
            element("tbody", *rows),
            style="ranks",
        )
        return element(
            "details",
            element("summary", "What was found before reranking", style="summary"),
            table,
            style="details",
        )

    def __str__(self) -> str:
        from rich.console import Console

        console = Console(width=_COLUMNS, file=io.StringIO(), highlight=False, color_system=None)
        print_cards(console, self.cards, self.query)
        return str(console.file.getvalue())  # type: ignore[attr-defined] # a StringIO

    def _repr_mimebundle_(
        self, include: Collection[str] | None = None, exclude: Collection[str] | None = None
    ) -> dict[str, Any]:
        """What a notebook shows: text always, and small HTML without scripts and style sheets."""
        bundle = {"text/plain": str(self)}
        if _wanted("text/html", include, exclude):
            body = self._body(Budget(_NOTEBOOK_BYTES), _NOTEBOOK_SIDES, pages=False, level=3)
            bundle["text/html"] = to_html(element("div", *body), INLINE)
        return bundle


def _wanted(kind: str, include: Collection[str] | None, exclude: Collection[str] | None) -> bool:
    return (not include or kind in include) and kind not in (exclude or ())


def _key(card: Card) -> tuple[int | None, str, int | None]:
    return card.retrieval_rank, card.source, card.page


def _left_out(budget: Budget) -> Element | None:
    count = budget.left_out
    if not count:
        return None
    images = "1 image was" if count == 1 else f"{count} images were"
    text = f"{images} left out: the images of this page have a limit of {budget.max_bytes} bytes."
    return element("p", text, style="note")


def document(title: str, *body: Node, form_action: str = "'none'") -> str:
    """A whole HTML document of these nodes, which may load nothing and run nothing.

    Its content security policy allows its own style sheet and images within the page. `form_action`
    is what the policy says of forms, "'self'" for a server's page with one.
    """
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{SHEET_HASH}'; "
        f"base-uri 'none'; form-action {form_action}"
    )
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
    ]
    return (
        f'<!doctype html>\n<html lang="en">\n<head>{to_html(head)}<style>{SHEET}</style></head>\n'
        f"<body>{to_html(element('main', *body))}</body>\n</html>\n"
    )


def show(
    results: Results,
    query: str | Content = "",
    *,
    max_bytes: int = MAX_BYTES,
    pages: bool = True,
) -> ResultsPage:
    """Results of `Index.search`, `Index.stages` or `Reranker.rerank` as a page.

    `query` is marked in the texts. `max_bytes` bounds the images in the file that `save` writes.
    `pages` shows the page of a PDF with a frame around each result of an index. Raises
    `InvalidInputError` for anything else.
    """
    text = query.text or "" if isinstance(query, Content) else query
    found = cards_of_hits(results.found) if isinstance(results, Stages) else []
    is_reranked = isinstance(results, Stages) and results.is_reranked
    cards = cards_of(results)
    return ResultsPage(cards, text, found if is_reranked else (), max_bytes, pages)


def cards_of(results: object) -> list[Card]:
    """The cards of results. Raises `InvalidInputError` for what is none."""
    if isinstance(results, Stages):
        return cards_of_stages(results)
    if isinstance(results, (str, bytes)) or not isinstance(results, Sequence):
        raise InvalidInputError(f"show takes results, not a {type(results).__name__}")
    kinds = {type(one) for one in results}
    if kinds <= {Card}:
        return list(results)
    if kinds == {Hit}:
        return cards_of_hits(results)
    if kinds == {RerankResult}:
        return cards_of_results(results)
    names = " and ".join(sorted(kind.__name__ for kind in kinds))
    raise InvalidInputError(
        f"show takes results of Index.search or of Reranker.rerank, not {names}; langchain_mmrerank "
        "and llama_index_mmrerank have a show of their own for documents and nodes"
    )
