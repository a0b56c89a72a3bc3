"""`mmrerank search`: search an index and rerank the results."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

from rich.console import Console

from mmrerank.cli.messages import say
from mmrerank.cli.options import add_reranker, add_store, positive, selected_reranker
from mmrerank.display.terminal_table import hits_table
from mmrerank.errors import InvalidInputError
from mmrerank.index.hits import ROUTES
from mmrerank.terminal import clean

if TYPE_CHECKING:
    from mmrerank.index.hits import Hit

__all__ = ["add_command", "run"]


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser("search", help="search an index and rerank the results")
    command.add_argument("query")
    add_store(command)
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
        type=_route_names,
        default=list(ROUTES),
        metavar="NAMES",
        help="how candidates are found: words, vectors, or both (default: words,vectors)",
    )
    command.add_argument(
        "--no-ocr", action="store_true", help="do not read words in images that are not known yet"
    )
    command.add_argument("--json", action="store_true", help="print results as JSON")
    command.set_defaults(run=run)


def _condition(value: str) -> str:
    """A condition of `--where`. Raises `ArgumentTypeError` for one that cannot be read."""
    from mmrerank.index.filters import parse_where

    try:
        parse_where([value])
    except InvalidInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return value


def _route_names(value: str) -> list[str]:
    """Names of routes, separated by commas. Raises `ArgumentTypeError` for an unknown one."""
    names = value.split(",")
    if wrong := [name for name in names if name not in ROUTES]:
        raise argparse.ArgumentTypeError(f"routes are {', '.join(ROUTES)}, not {wrong[0]!r}")
    return names


def run(options: argparse.Namespace) -> int:
    """Print the results on standard output; the exit code is 0.

    Raises `RerankError` if the index cannot be searched or the results cannot be reranked.
    """
    from mmrerank.index.filters import parse_where
    from mmrerank.index.index import Index

    with Index(options.store, create=False) as index, selected_reranker(options) as reranker:
        hits = index.search(
            options.query,
            reranker,
            top_n=options.top_n,
            fetch_k=options.fetch_k,
            where=parse_where(options.where),
            routes=options.routes,
        )
    if not hits:
        say("nothing was found")
    elif not any(hit.matched_in_text or hit.matched_in_image for hit in hits):
        say("no word of the question is in these results; they are the nearest by other measures")
    if options.json:
        sys.stdout.write(json.dumps([_as_json(hit) for hit in hits], indent=2) + "\n")
    elif hits:
        Console().print(hits_table(hits, options.query))
    return 0


def _as_json(hit: Hit) -> dict[str, Any]:
    """A hit as plain data; its text without terminal escapes, as in the table."""
    row = dataclasses.asdict(hit)
    for name in ("id", "metadata", "is_scored"):  # for programs; metadata is not clean
        del row[name]
    row["matched_in_text"] = [clean(word) for word in hit.matched_in_text]
    row["matched_in_image"] = [clean(word) for word in hit.matched_in_image]
    row["text"], row["source"] = clean(hit.text), clean(hit.source)
    for image in row["images"]:
        image["caption"] = clean(image["caption"])
    return row
