"""Options that several commands share, and the reranker that they select."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import inspect
import os
from contextlib import AbstractContextManager
from typing import Any

from mmrerank.base import Reranker
from mmrerank.catalog import RERANKERS
from mmrerank.cli.messages import say
from mmrerank.errors import InvalidInputError
from mmrerank.index.hits import ROUTES
from mmrerank.index.homes import local_folder
from mmrerank.retrieval.embedders import EMBEDDERS, embedder_name
from mmrerank.retrieval.stores import STORES, checked_store

__all__ = [
    "add_embedder",
    "add_image_embedder",
    "add_lock_timeout",
    "add_metadata",
    "add_no_ocr",
    "add_reranker",
    "add_store",
    "add_vectors",
    "folder",
    "make_reranker",
    "ocr_option",
    "pair",
    "positive",
    "route_names",
    "say_waiting",
    "selected_reranker",
    "states_folder",
]

_USE_OCR = ("ocr", "ocr-minilm")


def add_store(command: argparse.ArgumentParser) -> None:
    """`--store DIR`, the index's folder."""
    command.add_argument(
        "--store",
        required=True,
        type=folder,
        metavar="DIR",
        help="the index's folder, or its URL: s3://bucket/prefix",
    )


def add_lock_timeout(command: argparse.ArgumentParser) -> None:
    """`--lock-timeout SECONDS`, for commands that write to the index."""
    command.add_argument(
        "--lock-timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help="how long to wait for another process that writes to the index (default: 60)",
    )


def add_no_ocr(command: argparse.ArgumentParser, images: str = "images") -> None:
    """`--no-ocr`; `images` says in which images words are not read."""
    command.add_argument("--no-ocr", action="store_true", help=f"do not read words in {images}")


def add_metadata(command: argparse.ArgumentParser, files: str) -> None:
    """`--metadata KEY=VALUE`; `files` says what it is for."""
    command.add_argument(
        "--metadata",
        type=pair,
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=f"metadata of your own for {files}; may be given several times",
    )


def say_waiting() -> None:
    """Say that another process is writing: an `Index` calls it when it begins to wait."""
    say("waiting for another process that writes to this index")


def add_embedder(command: argparse.ArgumentParser) -> None:
    """`--embedder NAME`; None stands for the one that the index remembers."""
    names = [row.name + (f"={row.value}" if row.value else "") for row in EMBEDDERS]
    command.add_argument(
        "--embedder",
        type=_embedder,
        metavar="NAME",
        help=f"what makes the vectors of texts: {', '.join(names)} "
        "(default: the one that the index was made with, hashing for a new one)",
    )


def add_image_embedder(command: argparse.ArgumentParser) -> None:
    """`--image-embedder NAME`; None stands for the one that the index remembers, if any."""
    names = [f"{row.name}={row.value}" for row in EMBEDDERS if "image" in row.modalities]
    command.add_argument(
        "--image-embedder",
        type=_embedder,
        metavar="NAME",
        help=f"what makes the vectors of images, so that they are found by what they show: "
        f"{', '.join(names)} (default: the one that the index was given, if any)",
    )


def _embedder(value: str) -> str:
    """The name of an embedder. Raises `ArgumentTypeError` for an unknown one."""
    try:
        return embedder_name(value)
    except InvalidInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_vectors(command: argparse.ArgumentParser) -> None:
    """`--vectors NAME|URL`; None stands for the store that the index remembers."""
    rows = [("URL" if "://" in row.name else row.name, row.about) for row in STORES]
    stores = "; ".join(f"{name}: {about}" for name, about in rows)
    command.add_argument(
        "--vectors",
        type=_vectors,
        metavar="NAME|URL",
        help=f"what keeps the vectors, which the index remembers (default: chroma). {stores}",
    )


def _vectors(value: str) -> str:
    """The name of a vector store. Raises `ArgumentTypeError` for an unknown one."""
    try:
        checked_store(value)
    except InvalidInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return value


def add_reranker(command: argparse.ArgumentParser, prefix: str = "") -> None:
    """`--reranker NAME` with `--model` and `--base-url`, whose names may have a prefix."""
    names = [row.name for row in RERANKERS]
    command.add_argument(
        "--reranker",
        choices=[*names, "none"],
        default="ocr",
        metavar="NAME",  # else argparse puts all names on one line of the usage
        help=f"{', '.join(names)}, or none to leave the order of the search (default: ocr)",
    )
    command.add_argument(
        f"--{prefix}model", metavar="MODEL", help="the reranker's model: a name, a path or a hub id"
    )
    command.add_argument(
        f"--{prefix}base-url",
        metavar="URL",
        help="the rerank service's address, if not the default",
    )


def positive(value: str) -> int:
    """A whole number from 1 on. Raises `ArgumentTypeError` for anything else."""
    try:
        number = int(value)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{value!r} is not a whole number from 1 on")
    return number


def route_names(value: str) -> list[str]:
    """Names of routes, separated by commas. Raises `ArgumentTypeError` for an unknown one."""
    names = value.split(",")
    if wrong := [name for name in names if name not in ROUTES]:
        raise argparse.ArgumentTypeError(f"routes are {', '.join(ROUTES)}, not {wrong[0]!r}")
    return names


def folder(value: str) -> str:
    """The name of a folder. Raises `ArgumentTypeError` for a blank one."""
    if not value.strip():  # which would mean the working directory
        raise argparse.ArgumentTypeError("the name of a folder is missing")
    return value


def pair(value: str) -> tuple[str, str]:
    """A key and a value. Raises `ArgumentTypeError` for anything else."""
    key, equals, own = value.partition("=")
    if not (key.strip() and equals):
        raise argparse.ArgumentTypeError(f"{value!r} is not KEY=VALUE")
    return key.strip(), own


def selected_reranker(
    options: argparse.Namespace, prefix: str = ""
) -> AbstractContextManager[Reranker | None]:
    """The reranker that the options of `add_reranker` name; `prefix` is the same as there.

    A local reranker keeps its states in the index's folder. `--no-ocr` is passed only to rerankers
    that use OCR. Raises the errors of `make_reranker`.
    """
    named = prefix.replace("-", "_")
    return make_reranker(
        options.reranker,
        states=states_folder(options.store),
        model=getattr(options, f"{named}model"),
        base_url=getattr(options, f"{named}base_url"),
        ocr=ocr_option(options.reranker, no_ocr=options.no_ocr),
    )


def states_folder(store: str) -> str:
    """Where a local reranker keeps the states of an index's documents."""
    return os.path.join(local_folder(store), "states")


def ocr_option(name: str, *, no_ocr: bool) -> bool | None:
    """The option `ocr` of the reranker that `--reranker` names; None if it is not to be given."""
    return False if no_ocr and name in _USE_OCR else None


def make_reranker(
    name: str, *, states: str | None = None, show_progress: bool = True, **options: Any
) -> AbstractContextManager[Reranker | None]:
    """The reranker that `--reranker` names, as a context manager; None for `none`.

    `states` is a folder for the states of a local model that can reuse them. `show_progress` draws a
    bar for each call, where the reranker has one. Options that are None
    are left to the reranker. Raises `InvalidInputError` for an option that the reranker does not
    have, and what its class raises.
    """
    if name == "none":
        return contextlib.nullcontext()
    row = next(row for row in RERANKERS if row.name == name)
    build = getattr(importlib.import_module(row.module), row.class_name)
    given = {key: value for key, value in options.items() if value is not None}
    names, is_open = option_names(build)
    if not is_open:
        _refuse_unknown(name, given, names)
    if row.preset is not None:
        given["preset"] = row.preset
    if states is not None and "reuse" in names:
        from mmrerank.local.cache.memory import Reuse

        given["reuse"] = Reuse(disk=states)
    if "show_progress" in names:
        given.setdefault("show_progress", show_progress)
    reranker: Reranker = build(**given)
    return reranker


def _refuse_unknown(name: str, given: dict[str, Any], names: set[str]) -> None:
    for key in given:
        if key not in names:
            raise InvalidInputError(
                f"--reranker {name} does not have the option --{key.replace('_', '-')}"
            )


def option_names(build: type[Reranker]) -> tuple[set[str], bool]:
    """The keywords that a reranker's class accepts, and whether it may accept others as well.

    The keywords are those of its signature and those of its `options`, a `TypedDict` of what its
    `**options` may hold. Without `options`, a class with `**options` may accept any.
    """
    parameters = inspect.signature(build).parameters.values()
    names = {one.name for one in parameters if one.kind is not inspect.Parameter.VAR_KEYWORD}
    options = getattr(build, "options", None)
    if options is None:
        return names, len(names) < len(parameters)
    return names | options.__required_keys__ | options.__optional_keys__, False
