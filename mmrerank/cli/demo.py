"""`mmrerank demo`: a report and its questions, with and without reranking side by side."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmrerank.cli.options import folder
from mmrerank.demo import QUESTIONS, REPORT
from mmrerank.display.terminal_results import image_lines
from mmrerank.index.hits import Hit
from mmrerank.index.index import Index
from mmrerank.ocr.bm25 import tokenize
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.terminal import snippet

__all__ = ["add_command", "run", "run_demo"]

_FETCH_K = 50


@dataclass(frozen=True, slots=True)
class _Answered:
    """A question with its figure and answer; the ranks of the first chunk with that figure.

    `is_best_image` is True if reranking named that figure as the chunk's best image.
    """

    question: str
    figure: str
    answer: str
    before: int | None
    after: int | None
    is_best_image: bool


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser("demo", help="index and search a report that is included")
    command.add_argument("--store", type=folder, metavar="DIR", help="keep the demo's index there")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the demo in `--store` or a temporary folder; its exit code. Raises as `run_demo`."""
    with tempfile.TemporaryDirectory(prefix="mmrerank-demo-") as temporary:
        return run_demo(options.store or temporary, Console())


def run_demo(index_folder: str | Path, console: Console) -> int:
    """Index the report in a folder, ask its questions and print the results of both stages.

    The exit code is 0 if reranking brought the figures nearer to the top on average. Raises
    `RerankError` if the report cannot be indexed or searched.
    """
    index, reranker = Index(index_folder), OCRReranker()
    index.sync([REPORT], show_progress=True)
    kinds = Counter(entry.kind for entry in index.entries(REPORT))
    counts = f"{kinds['text']} chunks, {kinds['figure']} figures"
    console.print(f"{REPORT}: {counts}\n", highlight=False, soft_wrap=True)

    questions = json.loads(Path(QUESTIONS).read_text(encoding="utf-8"))
    answered: list[_Answered] = []
    for item in questions:
        question, figure = item["question"], item["figure"]
        before = _vector_search(index, question)
        after = _vector_search(index, question, reranker)
        answered.append(_answered(question, figure, item["answer"], before, after))
    best_example = max(
        answered, key=lambda a: (a.after == 1, a.is_best_image, a.before or _FETCH_K + 1)
    )
    _show_one(index, reranker, best_example, console)
    _show_all(answered, console)
    return 0 if _mrr([a.after for a in answered]) > _mrr([a.before for a in answered]) else 1


def _vector_search(
    index: Index, question: str, reranker: OCRReranker | None = None, top_n: int = _FETCH_K
) -> list[Hit]:
    """What a vector store over the chunks' text gives; with a reranker, the same in its order."""
    return index.search(
        question,
        reranker,
        top_n=top_n,
        fetch_k=_FETCH_K,
        where={"kind": "text"},
        routes=["vectors"],
    )


def _answered(
    question: str, figure: str, answer: str, before: Sequence[Hit], after: Sequence[Hit]
) -> _Answered:
    rank = _figure_rank(after, figure)
    caption = _best_caption(after[rank - 1]) if rank else ""
    return _Answered(
        question,
        figure,
        answer,
        before=_figure_rank(before, figure),
        after=rank,
        is_best_image=caption.startswith(f"{figure}:"),
    )


def _figure_rank(hits: Sequence[Hit], figure: str) -> int | None:
    """The rank of the first result that has the figure."""
    for hit in hits:
        if any(image.caption.startswith(f"{figure}:") for image in hit.images):
            return hit.rank
    return None


def _best_caption(hit: Hit) -> str:
    """The caption of the result's best image."""
    return next((image.caption for image in hit.images if image.path == hit.best_image), "")


def _show_one(index: Index, reranker: OCRReranker, shown: _Answered, console: Console) -> None:
    before = _vector_search(index, shown.question, top_n=3)
    after = _vector_search(index, shown.question, reranker, top_n=3)
    table = Table(title=Text(shown.question), title_justify="left", show_lines=True, expand=True)
    table.add_column("")
    table.add_column("vector search alone", ratio=1)
    table.add_column("reranked with the images", ratio=1)
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        summary = f"page {new.page}, score {new.score:.2f}, was rank {new.retrieval_rank}"
        table.add_row(
            str(i + 1),
            Text(f"page {old.page}, similarity {old.score:.2f}\n{_body(old, shown.question)}"),
            Text(f"{summary}\n{_body(new, shown.question)}"),
        )
    console.print(table)
    console.print(
        f"The answer ({shown.answer}) is in {shown.figure}. The first chunk with that figure "
        f"went from rank {_rank(shown.before)} to rank {_rank(shown.after)}.\n",
        highlight=False,
    )


def _body(hit: Hit, question: str) -> str:
    caption = " ".join(image_lines(hit))
    return f"{snippet(hit.text, tokenize(question), width=120)}\n{caption}".strip()


def _show_all(answered: Sequence[_Answered], console: Console) -> None:
    table = Table(title="All questions: rank of the first chunk with the figure that answers")
    table.add_column("question", ratio=1)
    for name in ("figure", "answer", "vector search", "reranked"):
        table.add_column(name, justify="left" if name == "answer" else "right")
    for a in answered:
        table.add_row(a.question, a.figure, a.answer, _rank(a.before), _rank(a.after))
    console.print(table)
    console.print(
        f"Mean reciprocal rank: {_mrr([a.before for a in answered]):.2f} by vector search, "
        f"{_mrr([a.after for a in answered]):.2f} reranked; the figure that answers was named as "
        f"the best image {sum(a.is_best_image for a in answered)} of {len(answered)} times.",
        highlight=False,
    )


def _rank(rank: int | None) -> str:
    return str(rank) if rank else f"below {_FETCH_K}"


def _mrr(ranks: Sequence[int | None]) -> float:
    """The mean reciprocal rank."""
    return sum(1 / rank for rank in ranks if rank) / len(ranks)
