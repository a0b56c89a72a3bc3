"""`mmrerank search`: search an index and rerank the results."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mmrerank.cli.interactive import converse
from mmrerank.cli.messages import say
from mmrerank.cli.options import (
    add_embedder,
    add_image_embedder,
    add_no_ocr,
    add_reranker,
    add_store,
    positive,
    route_names,
    selected_reranker,
)
from mmrerank.cli.pages import save_page
from mmrerank.display.cards import cards_of_stages
from mmrerank.display.page import show
from mmrerank.display.terminal_results import print_cards, print_found
from mmrerank.errors import InvalidInputError
from mmrerank.index.hits import ROUTES
from mmrerank.index.rank_fusion import FUSIONS
from mmrerank.terminal import clean, clean_data
from mmrerank.types import Content, Image

if TYPE_CHECKING:
    from mmrerank.index.hits import Hit, Stages

__all__ = ["add_command", "run"]


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser("search", help="search an index and rerank the results")
    command.add_argument(
        "query", nargs="?", help="the question; without it, --image or --interactive"
    )
    command.add_argument(
        "--image",
        metavar="FILE",
        help="an image to search by, alone or with the question; needs --image-embedder, or an "
        "index that has one",
    )
    _add_candidates(command)
    _add_output(command)
    command.set_defaults(run=run, wrong_usage=command.error)


def _add_candidates(command: argparse.ArgumentParser) -> None:
    """What is searched, and how."""
    add_store(command)
    add_embedder(command)
    add_image_embedder(command)
    add_reranker(command)
    command.add_argument(
        "--top-n", type=positive, default=5, metavar="N", help="results (default: 5)"
    )
    command.add_argument(
        "--fetch-k", type=positive, default=50, metavar="K", help="candidates (default: 50)"
    )
    command.add_argument(
        "--where",
        type=_condition,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="only entries with this: file=NAME, page=N or N-M, kind=text or figure, or a key of "
        "the metadata; may be given several times",
    )
    command.add_argument(
        "--routes",
        type=route_names,
        metavar="NAMES",
        help=f"how candidates are found: some of {','.join(ROUTES)} (default: all of these that "
        "the index has)",
    )
    command.add_argument(
        "--fusion",
        choices=FUSIONS,
        default=FUSIONS[0],
        help="how the routes are made one list: by ranks, or by normalised scores (default: ranks)",
    )


def _add_output(command: argparse.ArgumentParser) -> None:
    """What is read, and how results are shown."""
    add_no_ocr(command, "images that are not known yet")
    command.add_argument(
        "--rerank-captions",
        action="store_true",
        help="let the reranker read generated captions of figures too",
    )
    command.add_argument(
        "-i",
        "--interactive",
        action="store_true",
        help="answer one question a line, with everything loaded once, and show both stages",
    )
    command.add_argument(
        "--html",
        metavar="FILE",
        help="write the results with their figures as a page to this file, instead of printing them",
    )
    command.add_argument(
        "--json",
        action="store_true",
        help="print results as JSON; with --interactive, one object a line for each question",
    )


def _condition(value: str) -> str:
    """A condition of `--where`. Raises `ArgumentTypeError` for one that cannot be read."""
    from mmrerank.index.filters import parse_where

    try:
        parse_where([value])
    except InvalidInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return value


def run(options: argparse.Namespace) -> int:
    """Print the results on standard output; the exit code is 0.

    Raises `RerankError` if the index cannot be searched or the results cannot be reranked; of
    several questions, each has its own.
    """
    from mmrerank.index.filters import parse_where
    from mmrerank.index.index import Index

    if options.query is None and options.image is None and not options.interactive:
        options.wrong_usage("a query is needed, or --image, or --interactive")
    if options.html and (options.json or options.interactive):
        options.wrong_usage("--html is for one question, and without --json")
    show = _shown_as(options)
    with (
        Index(
            options.store,
            create=False,
            embedder=options.embedder,
            image_embedder=options.image_embedder,
        ) as index,
        selected_reranker(options) as reranker,
    ):
        images = [] if options.image is None else [Image.from_path(options.image)]

        def answer(query: str) -> None:
            stages = index.stages(
                Content(query, images),
                reranker,
                top_n=options.top_n,
                fetch_k=options.fetch_k,
                where=parse_where(options.where),
                routes=options.routes,
                rerank_captions=options.rerank_captions,
                fusion=options.fusion,
            )
            _say_what_is_missing(query, stages)
            show(query, stages, both_stages=options.interactive)

        if options.interactive:
            return converse(answer, options.query)
        answer(options.query or "")
    return 0


def _say_what_is_missing(query: str, stages: Stages) -> None:
    if not stages.results:
        say("nothing was found")
    elif query and not any(
        hit.matched_in_text or hit.matched_in_image or hit.matched_in_caption
        for hit in stages.results
    ):
        say("no word of the question is in these results; they are the nearest by other measures")


def _shown_as(options: argparse.Namespace) -> Callable[..., None]:
    """How the results are shown: as a page in a file, as JSON, or in the terminal."""
    if options.html:
        return functools.partial(_save_page, file=options.html)
    return _show_json if options.json else _show


def _save_page(query: str, stages: Stages, *, both_stages: bool, file: str) -> None:
    """Write the results as a page. Raises `InvalidInputError` for a file that cannot be written."""
    say(f"written: {save_page(show(stages, query), file)}")


def _show(query: str, stages: Stages, *, both_stages: bool) -> None:
    """Print the results for a person; with both stages, what was found before reranking too."""
    console = Console(highlight=False)
    if both_stages:
        print_found(console, stages)
    print_cards(console, cards_of_stages(stages), query)


def _show_json(query: str, stages: Stages, *, both_stages: bool) -> None:
    """Print the results as JSON; with both stages, one object on one line."""
    results = [_as_json(hit) for hit in stages.results]
    if not both_stages:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
        return
    row = {
        "query": clean(query),
        "search_time": stages.search_time,
        "rerank_time": stages.rerank_time,
        "found": [_as_json(hit) for hit in stages.found],
        "results": results,
    }
    sys.stdout.write(json.dumps(row) + "\n")


def _as_json(hit: Hit) -> dict[str, Any]:
    """A hit as plain data; its texts without terminal escapes, as they are printed."""
    row: dict[str, Any] = clean_data(dataclasses.asdict(hit))
    for image, own in zip(row["images"], hit.images, strict=True):
        image["name"] = clean(own.name)
        # Paths stay as they are, to be opened.
        image["path"], image["file"] = own.path, own.file
    row["best_image"] = hit.best_image
    for part, scored in zip(row["parts"], hit.parts, strict=True):
        part["image"] = scored.image
    for name in ("id", "metadata", "is_scored"):  # for programs that use the index itself
        del row[name]
    return row
