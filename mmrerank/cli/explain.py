"""`mmrerank explain`: which words and places of a document made its score."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from mmrerank.cli.options import add_reranker, make_reranker
from mmrerank.display.terminal_explanation import print_explanation
from mmrerank.errors import DocumentError
from mmrerank.explanation import METHODS
from mmrerank.terminal import clean_data
from mmrerank.types import Content, Image

__all__ = ["add_command", "run"]

_TEXTS = (".txt", ".text", ".md", ".markdown")


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser(
        "explain",
        help="show which words and places of a document made its score",
        description="Scores one document and shows what made the score. Rerankers that explain "
        "are ocr, jina-m0, qwen3 and qwen3-vl. docs/explain.md says what it cannot tell.",
    )
    command.add_argument("query")
    command.add_argument(
        "files", nargs="*", metavar="FILE", help="the document: images, and at most one .txt or .md"
    )
    command.add_argument("--text", help="the document's text, if it is not in a file")
    command.add_argument(
        "--query-image", action="append", default=[], metavar="FILE", help="an image of the query"
    )
    add_reranker(command)
    command.add_argument(
        "--method", choices=METHODS, help="how to explain, if the reranker has several ways"
    )
    command.add_argument("--json", action="store_true", help="print the explanation as JSON")
    command.set_defaults(run=run, wrong_usage=command.error)


def run(options: argparse.Namespace) -> int:
    """Print the explanation on standard output; the exit code is 0.

    Raises `RerankError` if a file cannot be read or the document cannot be explained.
    """
    query = Content(options.query, list(map(Image.from_path, options.query_image)))
    document = _document(options)
    if options.reranker == "none":
        options.wrong_usage("without a reranker there is no score to explain")
    with make_reranker(
        options.reranker, model=options.model, base_url=options.base_url
    ) as reranker:
        assert reranker is not None, "checked above"
        found = reranker.explain(query, document, method=options.method)
    if options.json:
        sys.stdout.write(json.dumps(clean_data(found.to_dict()), indent=2) + "\n")
    else:
        print_explanation(Console(highlight=False), found, query, document)
    return 0


def _document(options: argparse.Namespace) -> Content:
    """The document that the options name. Ends the program for none, or for several texts."""
    texts = [file for file in options.files if Path(file).suffix.lower() in _TEXTS]
    images = [Image.from_path(file) for file in options.files if file not in texts]
    if not options.files and options.text is None:
        options.wrong_usage("a document is needed: FILE or --text")
    if len(texts) + (options.text is not None) > 1:
        options.wrong_usage("a document has one text: give one of --text and a .txt or .md file")
    text = _read(texts[0]) if texts else options.text
    return Content(text, images)


def _read(file: str) -> str:
    """The text in a file. Raises `DocumentError`."""
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise DocumentError(file, f"cannot be read as text: {error}") from error
