"""`mmrerank demo`: the whole job on one report, before and after reranking side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmrerank.demo import QUESTIONS, REPORT
from mmrerank.display.terminal_table import figure_line
from mmrerank.index.hits import Hit
from mmrerank.index.index import Store, load_file
from mmrerank.ocr.bm25 import tokenize
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.terminal import snippet

__all__ = ["run_demo"]

_FETCHED = 50


@dataclass(frozen=True, slots=True)
class _Answered:
    """A question, and where the chunk that carries its figure stood before and after."""

    question: str
    figure: str
    answer: str
    before: int | None
    after: int | None
    won: bool


def run_demo(folder: str | Path, console: Console) -> int:
    """Index the report in `folder`, ask its questions and print both orders.

    Exit code 0 if reranking brought the figures nearer to the top on average.
    """
    store, reranker = Store(folder, create=True), OCRReranker()
    chunks = load_file(store, REPORT)
    reranker.warm_images(store.images(chunks), show_progress=True)
    store.replace(chunks[0].source, chunks)
    counts = f"{len(chunks)} chunks, {len(store.images(chunks))} figures"
    console.print(f"{REPORT}: {counts}\n", highlight=False, soft_wrap=True)

    questions = json.loads(Path(QUESTIONS).read_text(encoding="utf-8"))
    answered: list[_Answered] = []
    for asked in questions:
        question, figure = asked["question"], asked["figure"]
        before = store.search(question, None, top_n=_FETCHED)
        after = store.search(question, reranker, top_n=_FETCHED, fetch_k=_FETCHED)
        answered.append(_answered(question, figure, asked["answer"], before, after))
    shown = max(answered, key=lambda a: (a.after == 1, a.won, (a.before or _FETCHED + 1)))
    _show_one(store, reranker, shown, console)
    _show_all(answered, console)
    return 0 if _mrr([a.after for a in answered]) > _mrr([a.before for a in answered]) else 1


def _answered(
    question: str, figure: str, answer: str, before: Sequence[Hit], after: Sequence[Hit]
) -> _Answered:
    place = _place(after, figure)
    winner = _winner(after[place - 1]) if place else ""
    return _Answered(
        question, figure, answer, _place(before, figure), place, winner.startswith(f"{figure}:")
    )


def _place(hits: Sequence[Hit], figure: str) -> int | None:
    """The rank of the first result that carries the figure."""
    for hit in hits:
        if any(image.caption.startswith(f"{figure}:") for image in hit.images):
            return hit.rank
    return None


def _winner(hit: Hit) -> str:
    return next((image.caption for image in hit.images if image.path == hit.best_image), "")


def _show_one(store: Store, reranker: OCRReranker, shown: _Answered, console: Console) -> None:
    before = store.search(shown.question, None, top_n=3)
    after = store.search(shown.question, reranker, top_n=3, fetch_k=_FETCHED)
    table = Table(title=Text(shown.question), title_justify="left", show_lines=True, expand=True)
    table.add_column("")
    table.add_column("vector search alone", ratio=1)
    table.add_column("reranked with the images", ratio=1)
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        came = f"page {new.page}, score {new.score:.2f}, was rank {new.retrieval_rank}"
        table.add_row(
            str(i + 1),
            Text(f"page {old.page}, similarity {old.score:.2f}\n{_body(old, shown.question)}"),
            Text(f"{came}\n{_body(new, shown.question)}"),
        )
    console.print(table)
    console.print(
        f"The answer ({shown.answer}) stands in {shown.figure}. The first chunk with that figure "
        f"went from rank {_rank(shown.before)} to rank {_rank(shown.after)}.\n",
        highlight=False,
    )


def _body(hit: Hit, question: str) -> str:
    return f"{snippet(hit.text, tokenize(question), width=120)}\n{figure_line(hit)}".strip()


def _show_all(answered: Sequence[_Answered], console: Console) -> None:
    table = Table(title="All questions: rank of the first chunk with the figure that answers")
    table.add_column("question", ratio=1)
    for name in ("figure", "answer", "vector search", "reranked"):
        table.add_column(name, justify="left" if name == "answer" else "right")
    for one in answered:
        table.add_row(one.question, one.figure, one.answer, _rank(one.before), _rank(one.after))
    console.print(table)
    console.print(
        f"Mean reciprocal rank: {_mrr([a.before for a in answered]):.2f} by vector search, "
        f"{_mrr([a.after for a in answered]):.2f} reranked; the figure that answers was named as "
        f"the best image {sum(a.won for a in answered)} of {len(answered)} times.",
        highlight=False,
    )


def _rank(place: int | None) -> str:
    return str(place) if place else f"below {_FETCHED}"


def _mrr(places: Sequence[int | None]) -> float:
    return sum(1 / place for place in places if place) / len(places)
