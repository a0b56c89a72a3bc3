"""The command line: mmrerank index, search and demo.

Exit codes: 0 done, 1 something could not be done (said on standard error), 2 wrong usage,
130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import inspect
import io
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from mmrerank import __version__
from mmrerank.base import Reranker
from mmrerank.display import clean, hits_table
from mmrerank.errors import InvalidInputError, RerankError

if TYPE_CHECKING:
    from mmrerank.store import Hit

__all__ = ["main"]

RERANKERS = {
    "ocr": "mmrerank.ocr:OCRReranker",
    "jina": "mmrerank.http.jina:JinaReranker",
    "jina-m0": "mmrerank.local.jina_m0:JinaM0Reranker",
    "qwen3": "mmrerank.local.qwen3:Qwen3Reranker",
    "qwen3-vl": "mmrerank.local.qwen3_vl:Qwen3VLReranker",
    "cross-encoder": "mmrerank.local.cross_encoder:CrossEncoderReranker",
    "vllm": "mmrerank.http.vllm:VLLMReranker",
    "sglang": "mmrerank.http.sglang:SGLangReranker",
    "tei": "mmrerank.http.tei:TEIReranker",
    "infinity": "mmrerank.http.infinity:InfinityReranker",
    "cohere": "mmrerank.http.cohere:CohereReranker",
    "dashscope": "mmrerank.http.dashscope:DashScopeReranker",
    "nvidia": "mmrerank.http.nvidia:NVIDIAReranker",
    "llamacpp": "mmrerank.http.llamacpp:LlamaCppReranker",
}
"""What `--reranker` takes, and `none`, which leaves the vector search's order."""

_errors = Console(stderr=True, highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    options = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a terminal or file that is not UTF-8
        sys.stdout.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code: int = options.run(options)
    except RerankError as error:
        _say_error(error)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe has gone: head, less
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="mmrerank",
        description="Search documents by their text and rerank by text and figures.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    index = commands.add_parser("index", help="put files into an index")
    index.add_argument(
        "files",
        nargs="+",
        metavar="FILE",
        help="PDF, PPTX, DOCX, HTML, Markdown, images, and folders of them",
    )
    index.add_argument("--store", required=True, metavar="DIR", help="the index's folder")
    index.add_argument("--password", help="for PDFs that want one")
    index.add_argument(
        "--no-ocr", action="store_true", help="do not read words in images now (search will)"
    )
    index.set_defaults(run=_index)

    search = commands.add_parser("search", help="search an index and rerank what it finds")
    search.add_argument("query")
    search.add_argument("--store", required=True, metavar="DIR", help="the index's folder")
    search.add_argument("--reranker", choices=[*RERANKERS, "none"], default="ocr")
    search.add_argument("--model", help="the reranker's model, where it has several")
    search.add_argument("--base-url", help="the rerank service's address, if not its own")
    search.add_argument("--top-n", type=_positive, default=5, metavar="N")
    search.add_argument("--fetch-k", type=_positive, default=50, metavar="K", help="candidates")
    search.add_argument("--json", action="store_true", help="print results as JSON")
    search.set_defaults(run=_search)

    demo = commands.add_parser("demo", help="the whole job on a report that comes along")
    demo.add_argument("--store", metavar="DIR", help="keep the demo's index there")
    demo.set_defaults(run=_demo)
    return parser


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _index(options: argparse.Namespace) -> int:
    from mmrerank.store import Store

    store = Store(options.store, create=True)
    files = [file for path in options.files for file in _files(path, options.store)]
    failed = 0
    for path in files:
        try:
            chunks, images = index_file(
                store, path, password=options.password, ocr=not options.no_ocr
            )
        except RerankError as error:
            _say_error(error)
            failed += 1
        else:
            _say(f"{path}: {_count(chunks, 'chunk')}, {_count(images, 'image')}")
    _say(f"{options.store}: {_count(len(store), 'chunk')} in all")
    if failed:
        _say(f"{failed} of {_count(len(files), 'file')} could not be indexed", "red")
    return 1 if failed else 0


def _files(path: str, store: str) -> list[str]:
    """A file as it is named; of a folder the files that can be loaded."""
    if not os.path.isdir(path):  # noqa: PTH112 - strings go in and out
        return [path]
    from mmrerank.loaders.files import FolderLoader

    return [str(file) for file in FolderLoader(path, image_root=store).files()]


def index_file(
    store: Any, path: str, *, password: str | None = None, ocr: bool = True
) -> tuple[int, int]:
    """Index one file, reading the words in its images with a progress bar; counts of both."""
    from mmrerank.ocr import OCRReranker
    from mmrerank.store import load_file

    chunks = load_file(store, path, password)
    images = store.images(chunks)
    if ocr:
        OCRReranker().warm_images(images, show_progress=True)
    store.replace(chunks[0].source, chunks)
    return len(chunks), len(images)


def _search(options: argparse.Namespace) -> int:
    from mmrerank.store import Store

    store = Store(options.store)
    with make_reranker(options.reranker, model=options.model, base_url=options.base_url) as used:
        hits = store.search(
            options.query,
            used,
            top_n=options.top_n,
            fetch_k=options.fetch_k,
            show_progress=True,
        )
    if options.json:
        sys.stdout.write(json.dumps([_as_json(hit) for hit in hits], indent=2) + "\n")
    else:
        Console().print(hits_table(hits, options.query))
    return 0


def make_reranker(name: str, **given: str | None) -> AbstractContextManager[Reranker | None]:
    """The reranker that `--reranker` names, to be closed at the end; None for `none`."""
    if name == "none":
        return contextlib.nullcontext()
    module, _, kind = RERANKERS[name].partition(":")
    build = getattr(importlib.import_module(module), kind)
    options = {key: value for key, value in given.items() if value is not None}
    takes = inspect.signature(build).parameters
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes.values())
    for key in options:
        if key not in takes and not open_ended:
            raise InvalidInputError(f"--reranker {name} takes no --{key.replace('_', '-')}")
    reranker: Reranker = build(**options)
    return reranker


def _demo(options: argparse.Namespace) -> int:
    from mmrerank.demo.run import run_demo

    with tempfile.TemporaryDirectory(prefix="mmrerank-demo-") as folder:
        return run_demo(options.store or folder, Console())


def _as_json(hit: Hit) -> dict[str, Any]:
    """A hit as plain data; its text without terminal escapes, as in the table."""
    row = dataclasses.asdict(hit)
    row["text"], row["source"] = clean(hit.text), clean(hit.source)
    for image in row["images"]:
        image["caption"] = clean(image["caption"])
    return row


def _say_error(error: RerankError) -> None:
    _say(f"error: {error}", "red")


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _say(f"warning: {message}", "yellow")


def _say(line: str, style: str = "") -> None:
    """One line on standard error; results alone go to standard output."""
    _errors.print(Text(clean(line), style=style), soft_wrap=True)


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


if __name__ == "__main__":
    sys.exit(main())
