"""`mmrerank serve`: a reranker for many users, over HTTP."""

from __future__ import annotations

import argparse
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmrerank.base import Reranker
from mmrerank.catalog import RERANKERS
from mmrerank.cli.messages import say
from mmrerank.cli.options import add_embedder, make_reranker, positive, states_folder
from mmrerank.errors import InvalidInputError
from mmrerank.optional import require

if TYPE_CHECKING:
    from mmrerank.index.index import Index

__all__ = ["add_command", "run"]

_MB = 2**20


def add_command(commands: Any) -> None:
    """Add the command to the subparsers of the command line."""
    command = commands.add_parser("serve", help="serve a reranker over HTTP, as Jina and Cohere do")
    command.add_argument(
        "model",
        type=_named_model,
        metavar="MODEL",
        help="a reranker, as --reranker of search names it, with its model: ocr, jina-m0=PATH",
    )
    command.add_argument("--base-url", metavar="URL", help="the address of a service behind it")
    command.add_argument("--name", metavar="NAME", help="the model's name in answers")
    command.add_argument(
        "--store", metavar="DIR|URL", help="an index, which is searched at /v1/search and on a page"
    )
    add_embedder(command)
    _add_address(command)
    _add_limits(command)
    command.set_defaults(run=run)


def _add_address(command: argparse.ArgumentParser) -> None:
    command.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine")
    command.add_argument("--port", type=int, default=8000, help="default: 8000; 0 is any free one")
    command.add_argument(
        "--keys",
        metavar="FILE",
        help="API keys, one a line (default: those of MMRERANK_API_KEYS, or none are asked for)",
    )
    command.add_argument(
        "--states",
        metavar="DIR",
        help="a folder for what is computed of a document once (default: in that of --store)",
    )


def _add_limits(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--allow-urls", action="store_true", help="open the URLs of images, of public hosts only"
    )
    for name, default, what in (
        ("--max-body", 64, "megabytes of a request"),
        ("--max-documents", 2048, "documents of a request"),
        ("--max-images", 256, "images of a request"),
        ("--max-pixels", 40_000_000, "pixels of an image"),
        ("--max-queue-tokens", 1_000_000, "tokens that wait for the model"),
        ("--max-queue-seconds", 60, "seconds that a request may have to wait"),
        ("--drain-seconds", 30, "seconds to finish requests after SIGTERM"),
    ):
        command.add_argument(
            name, type=positive, default=default, metavar="N", help=f"{what} (default: {default})"
        )


def _named_model(value: str) -> tuple[str, str | None]:
    """The name of a reranker and its model. Raises `ArgumentTypeError` for an unknown one."""
    name, has_model, model = value.partition("=")
    if name not in {row.name for row in RERANKERS}:
        names = ", ".join(row.name for row in RERANKERS)
        raise argparse.ArgumentTypeError(f"rerankers are {names}; not {name!r}")
    return name, model if has_model else None


def run(options: argparse.Namespace) -> int:
    """Serve until a signal; the exit code is 0.

    Raises `RerankError` if the model cannot be loaded or the address cannot be listened on.
    """
    for package in ("fastapi", "uvicorn", "httptools", "prometheus_client"):
        require(package)
    from mmrerank.serve.app import make_app
    from mmrerank.serve.keys import Keys
    from mmrerank.serve.logs import write_logs
    from mmrerank.serve.server import Server, listen
    from mmrerank.serve.service import Service
    from mmrerank.serve.settings import Settings

    settings = Settings(
        name=options.name or _shown_name(*options.model),
        keys=Keys.read(options.keys),
        allow_urls=options.allow_urls,
        max_body_bytes=options.max_body * _MB,
        max_held_bytes=4 * options.max_body * _MB,
        max_documents=options.max_documents,
        max_images=options.max_images,
        max_pixels=options.max_pixels,
        max_queue_tokens=options.max_queue_tokens,
        max_queue_seconds=options.max_queue_seconds,
        drain_seconds=options.drain_seconds,
    )
    write_logs()
    listener = listen(options.host, options.port, has_keys=len(settings.keys) > 0)
    host, port = listener.getsockname()[:2]
    say(f"http://{f'[{host}]' if ':' in host else host}:{port} loads {settings.name}")
    open_index = (lambda: _open_index(options)) if options.store else None
    service = Service(lambda: _load(options), settings, open_index)
    Server(make_app(service), service, on_ready=_ready).serve_on(listener)
    return 0


def _ready() -> None:
    """Say so. The garbage collector forgets what exists by now: looking through the model and its
    libraries again and again would stop all requests for some tenths of a second each time.
    """
    gc.collect()
    gc.freeze()
    say("ready")


def _load(options: argparse.Namespace) -> Reranker:
    name, model = options.model
    reranker = make_reranker(
        name,
        states=options.states or (states_folder(options.store) if options.store else None),
        model=model,
        base_url=options.base_url,
        show_progress=False,
    )
    if not isinstance(reranker, Reranker):
        raise InvalidInputError(f"{name} is no reranker")
    return reranker


def _open_index(options: argparse.Namespace) -> Index:
    from mmrerank.index.index import Index

    return Index(options.store, create=False, embedder=options.embedder)


def _shown_name(name: str, model: str | None) -> str:
    """The model's name for clients: never a path of this machine."""
    if model is None:
        return name
    return Path(os.path.abspath(model)).name if os.path.exists(model) else model  # noqa: PTH100
