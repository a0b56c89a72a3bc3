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
import signal
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
from mmrerank.display.terminal_table import hits_table
from mmrerank.errors import DocumentError, InvalidInputError, RerankError
from mmrerank.terminal import clean

if TYPE_CHECKING:
    from mmrerank.index.hits import Hit
    from mmrerank.index.index import Store

__all__ = ["main"]

RERANKERS = {
    "ocr": "mmrerank.ocr.reranker:OCRReranker",
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
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # once more ends what is still running
        _say("interrupted")
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
    _add_store(index)
    index.add_argument("--password", help="for PDFs that want one")
    index.add_argument(
        "--no-ocr", action="store_true", help="do not read words in images now (search will)"
    )
    index.add_argument(
        "--warm",
        action="store_true",
        help="let --reranker read all chunks now, and keep what it read beside the index",
    )
    _add_reranker(index)
    index.set_defaults(run=_index)

    search = commands.add_parser("search", help="search an index and rerank what it finds")
    search.add_argument("query")
    _add_store(search)
    _add_reranker(search)
    search.add_argument("--top-n", type=_positive, default=5, metavar="N")
    search.add_argument("--fetch-k", type=_positive, default=50, metavar="K", help="candidates")
    search.add_argument("--json", action="store_true", help="print results as JSON")
    search.set_defaults(run=_search)

    demo = commands.add_parser("demo", help="the whole job on a report that comes along")
    demo.add_argument("--store", type=_folder, metavar="DIR", help="keep the demo's index there")
    demo.set_defaults(run=_demo)
    return parser


def _add_store(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--store", required=True, type=_folder, metavar="DIR", help="the index's folder"
    )


def _add_reranker(command: argparse.ArgumentParser) -> None:
    command.add_argument("--reranker", choices=[*RERANKERS, "none"], default="ocr")
    command.add_argument("--model", help="the reranker's model: a name, a path or a hub id")
    command.add_argument("--base-url", help="the rerank service's address, if not its own")


def _positive(value: str) -> int:
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is no whole number from 1 on")
    return number


def _folder(value: str) -> str:
    if not value.strip():  # which would be the folder that one happens to be in
        raise argparse.ArgumentTypeError("the name of a folder is missing")
    return value


def _index(options: argparse.Namespace) -> int:
    from mmrerank.index.index import Store

    store = Store(options.store, create=True)
    files, failed = _files(options.files, options.store)
    count = len(files) + failed
    with _reranker(options) if options.warm else contextlib.nullcontext() as reranker:
        for path in files:
            try:
                said = _index_file(store, path, options, reranker)
            except RerankError as error:
                _say_error(error)
                failed += 1
            else:
                _say(f"{path}: {said}")
    if len(store):
        _say(f"{options.store}: {_count(len(store), 'chunk')} in all")
    if failed:
        _say(f"{failed} of {_count(count, 'file')} could not be indexed", "red")
    return 1 if failed else 0


def _files(paths: Sequence[str], store: str) -> tuple[list[str], int]:
    """Files as they are named, of folders those that can be loaded; how many folders have none."""
    from mmrerank.loaders.files import LOADERS, FolderLoader

    files: list[str] = []
    empty = 0
    for path in paths:
        if not os.path.isdir(path):  # noqa: PTH112 - strings go in and out
            files.append(path)
        elif found := FolderLoader(path, image_root=store).files():
            files += map(str, found)
        else:
            _say_error(DocumentError(path, f"has no file to read; read are {', '.join(LOADERS)}"))
            empty += 1
    return files, empty


def _index_file(
    store: Store, path: str, options: argparse.Namespace, reranker: Reranker | None
) -> str:
    """Index one file and read the words in its images; what to say of it."""
    from mmrerank.index.index import load_file
    from mmrerank.ocr.reranker import OCRReranker

    ocr = False if options.no_ocr else None
    chunks = load_file(store, path, password=options.password, ocr=ocr)
    images = store.images(chunks)
    if not options.no_ocr:
        OCRReranker().warm_images(images, show_progress=True)
    store.replace(chunks[0].source, chunks)
    if reranker is not None:
        reranker.warm(store.contents(chunks), show_progress=True)
    return f"{_count(len(chunks), 'chunk')}, {_count(len(images), 'image')}"


def _reranker(options: argparse.Namespace) -> AbstractContextManager[Reranker | None]:
    """The reranker of `--reranker`; a local one keeps what it reads in the store's folder."""
    return make_reranker(
        options.reranker,
        keep=os.path.join(options.store, "states"),
        model=options.model,
        base_url=options.base_url,
    )


def _search(options: argparse.Namespace) -> int:
    from mmrerank.index.index import Store

    store = Store(options.store)
    with _reranker(options) as used:
        hits = store.search(
            options.query,
            used,
            top_n=options.top_n,
            fetch_k=options.fetch_k,
        )
    if options.json:
        sys.stdout.write(json.dumps([_as_json(hit) for hit in hits], indent=2) + "\n")
    else:
        Console().print(hits_table(hits, options.query))
    return 0


def make_reranker(
    name: str, *, keep: str | None = None, **given: str | None
) -> AbstractContextManager[Reranker | None]:
    """The reranker that `--reranker` names, to be closed at the end; None for `none`.

    `keep` is a folder for what a local model has read of documents, if that can be reused.
    """
    if name == "none":
        return contextlib.nullcontext()
    module, _, kind = RERANKERS[name].partition(":")
    build = getattr(importlib.import_module(module), kind)
    options: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    takes = inspect.signature(build).parameters
    open_ended = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in takes.values())
    for key in options:
        if key not in takes and not open_ended:
            raise InvalidInputError(f"--reranker {name} takes no --{key.replace('_', '-')}")
    if keep is not None and "reuse" in takes:
        from mmrerank.local.cache.memory import Reuse

        options["reuse"] = Reuse(disk=keep)
    if "show_progress" in takes:
        options["show_progress"] = True
    reranker: Reranker = build(**options)
    return reranker


def _demo(options: argparse.Namespace) -> int:
    from mmrerank.cli.demo import run_demo

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
