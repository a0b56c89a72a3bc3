"""`mmrerank demo`: questions about a report among other documents, by text alone and reranked."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mmrerank.cli.messages import counted
from mmrerank.cli.options import folder
from mmrerank.cli.pages import save_page
from mmrerank.demo import ARCHIVE, QUESTIONS, REPORT
from mmrerank.display.page import show
from mmrerank.display.terminal_results import image_name, shown_path
from mmrerank.index.hits import Hit, Stages
from mmrerank.index.index import Index
from mmrerank.ocr.bm25 import tokenize
from mmrerank.ocr.reranker import OCRReranker
from mmrerank.terminal import snippet

__all__ = ["add_command", "run", "run_demo"]

_FETCH_K = 50
_SHOWN = 3  # results of each stage for the example
_ON_PAGE = 5
_PAGE = "mmrerank-demo.html"


@dataclass(frozen=True, slots=True)
class _Answered:
    """A question, the figure of the report that answers it, and what three searches find.

    `by_text` are chunks of text by their vectors, as a store of text has them; `stages` has what all
    routes find, figures among it, and the same after reranking.
    """

    question: str
    figure: str
    answer: str
    by_text: Sequence[Hit]
    stages: Stages

    @property
    def found(self) -> Sequence[Hit]:
        """What all routes find."""
        return self.stages.found

    @property
    def reranked(self) -> Sequence[Hit]:
        """The same after reranking."""
        return self.stages.results

    @property
    def ranks(self) -> tuple[int | None, int | None, int | None]:
        """The rank of the first result that has the figure, in each of the three."""
        searches = (self.by_text, self.found, self.reranked)
        by_text, found, reranked = (
            next((hit.rank for hit in hits if self._has_figure(hit)), None) for hits in searches
        )
        return by_text, found, reranked

    @property
    def is_best_image(self) -> bool:
        """Did reranking name the figure as the best image of the first result?"""
        best = _best_caption(self.reranked[0]) if self.reranked else ""
        return self.ranks[-1] == 1 and best.startswith(f"{self.figure}:")

    def _has_figure(self, hit: Hit) -> bool:
        captions = [image.caption for image in hit.images]
        return hit.source == REPORT and any(c.startswith(f"{self.figure}:") for c in captions)


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser("demo", help="index and search documents that are included")
    command.add_argument("--store", type=folder, metavar="DIR", help="keep the demo's index there")
    command.add_argument(
        "--html",
        default=_PAGE,
        metavar="FILE",
        help=f"write the answer to one question as a page to this file (default: {_PAGE})",
    )
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the demo in `--store` or a temporary folder; its exit code. Raises as `run_demo`."""
    with tempfile.TemporaryDirectory(prefix="mmrerank-demo-") as temporary:
        return run_demo(options.store or temporary, Console(highlight=False), options.html)


def run_demo(index_folder: str | Path, console: Console, page_file: str | Path) -> int:
    """Index the documents in a folder, ask the questions and print what each search finds.

    The results of one question are written to `page_file`. The exit code is 0 if reranking brought
    the figures nearer to the top on average. Raises `RerankError` if the documents cannot be
    indexed or searched, or the file cannot be written.
    """
    with Index(index_folder) as index:
        index.sync([REPORT, ARCHIVE], show_progress=True)
        console.print(_contents(index), soft_wrap=True)
        reranker = OCRReranker()
        questions = json.loads(Path(QUESTIONS).read_text(encoding="utf-8"))
        answered = [_ask(index, reranker, item) for item in questions]
    best_example = max(answered, key=lambda a: (a.is_best_image, a.ranks[0] or _FETCH_K + 1))
    _show_one(best_example, console)
    _show_all(answered, console)
    _save_page(best_example, console, page_file)
    by_text, _, reranked = (_mrr(ranks) for ranks in zip(*(a.ranks for a in answered), strict=True))
    return 0 if reranked > by_text else 1


def _contents(index: Index) -> str:
    """What the index holds."""
    others = [record.path for record in index.files() if record.path != REPORT]
    own, other = (_kinds(index, paths) for paths in ([REPORT], others))
    return (
        f"The index holds {shown_path(REPORT)} ({own})\nand {len(others)} other documents on the same "
        f"subjects ({other}), in {shown_path(ARCHIVE)}.\n"
    )


def _kinds(index: Index, paths: Sequence[str]) -> str:
    kinds = Counter(entry.kind for path in paths for entry in index.entries(path))
    return f"{counted(kinds['text'], 'chunk')} of text, {counted(kinds['figure'], 'figure')}"


def _ask(index: Index, reranker: OCRReranker, item: dict[str, Any]) -> _Answered:
    question = item["question"]
    by_text = index.search(
        question, top_n=_FETCH_K, fetch_k=_FETCH_K, where={"kind": "text"}, routes=["vectors"]
    )
    stages = index.stages(question, reranker, top_n=_FETCH_K, fetch_k=_FETCH_K)
    return _Answered(question, item["figure"], item["answer"], by_text, stages)


def _best_caption(hit: Hit) -> str:
    """The caption of the result's best image."""
    return next((image.caption for image in hit.images if image.path == hit.best_image), "")


def _show_one(shown: _Answered, console: Console) -> None:
    table = Table(title=Text(shown.question), title_justify="left", show_lines=True, expand=True)
    table.add_column("")
    table.add_column("by text alone", ratio=1)
    table.add_column("text and figures, reranked", ratio=1)
    pairs = zip(shown.by_text[:_SHOWN], shown.reranked[:_SHOWN], strict=True)
    for i, (old, new) in enumerate(pairs, start=1):
        summary = f"{_place(new)}\nscore {new.score:.2f}, was rank {new.retrieval_rank}"
        table.add_row(
            str(i),
            Text(f"{_place(old)}\n\n{_body(old, shown.question)}"),
            Text(f"{summary}\n{_body(new, shown.question)}"),
        )
    console.print(table)
    by_text, _, reranked = (_in_words(rank) for rank in shown.ranks)
    console.print(
        f"The answer ({shown.answer}) is in {shown.figure} of the report. By text alone, the first "
        f"chunk with that figure is {by_text}; reranked, the figure is {reranked}.\n"
    )


def _in_words(rank: int | None) -> str:
    return f"at rank {rank}" if rank else f"not among the first {_FETCH_K}"


def _place(hit: Hit) -> str:
    return f"{Path(hit.source).name}, page {hit.page}"


def _body(hit: Hit, question: str) -> str:
    text = snippet(hit.text, tokenize(question), width=120)
    best = [image_name(image) for image in hit.images if image.path == hit.best_image]
    return "\n".join([text, *(f"▸ {name}" for name in best)])


def _show_all(answered: Sequence[_Answered], console: Console) -> None:
    table = Table(title="All questions: the rank of the figure that answers", title_justify="left")
    table.add_column("question", ratio=1)
    table.add_column("answer")
    for name in ("by text", "found", "reranked"):
        table.add_column(name, justify="right")
    for a in answered:
        table.add_row(a.question, a.answer, *map(_rank, a.ranks))
    console.print(table)
    by_text, found, reranked = (
        _mrr(ranks) for ranks in zip(*(a.ranks for a in answered), strict=True)
    )
    console.print(
        "by text: vectors of the chunks' text; found: words and vectors of text and figures; "
        "reranked: the same, read again with the words in the figures.\n"
        f"Mean reciprocal rank: {by_text:.2f} by text, {found:.2f} found, {reranked:.2f} reranked; "
        f"the first result was the right figure {sum(a.is_best_image for a in answered)} of "
        f"{len(answered)} times."
    )


def _save_page(shown: _Answered, console: Console, file: str | Path) -> None:
    """Write the results of a question as a page, and name the file."""
    stages = shown.stages
    first = replace(stages, found=stages.found[:_ON_PAGE], results=stages.results[:_ON_PAGE])
    saved = save_page(show(first, shown.question), file)
    console.print(Text(f"\nThe results with their figures, as a page: {saved}"), soft_wrap=True)


def _rank(rank: int | None) -> str:
    return str(rank) if rank else f"below {_FETCH_K}"


def _mrr(ranks: Sequence[int | None]) -> float:
    """The mean reciprocal rank."""
    return sum(1 / rank for rank in ranks if rank) / len(ranks)
