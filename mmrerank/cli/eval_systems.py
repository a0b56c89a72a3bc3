"""The words of `mmrerank eval --compare`, and the systems they stand for."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmrerank import __version__
from mmrerank.base import Reranker
from mmrerank.catalog import RERANKERS
from mmrerank.cli.options import make_reranker, ocr_option
from mmrerank.evaluation.systems import System
from mmrerank.index.hits import ROUTES

__all__ = ["TEXT", "check_word", "pair", "systems"]

TEXT = "text"
"""The word for vectors of the chunks' text alone, as a store of texts has them."""

_NONE, _RUN = "none", "run"
_RERANKERS = [row.name for row in RERANKERS]


def check_word(word: str) -> str:
    """A word of `--compare`. Raises `ArgumentTypeError` for one that means nothing."""
    name, equals, value = word.partition("=")
    is_routes = set(word.split("+")) <= set(ROUTES)
    is_known = word in (_NONE, TEXT) or is_routes or name in _RERANKERS or (name == _RUN and value)
    if not is_known or (equals and not value):
        routes = ", ".join(ROUTES)
        raise argparse.ArgumentTypeError(
            f"{word!r} is none of: {_NONE}, {TEXT}, {routes} (or several: words+vectors), "
            f"{_RUN}=FILE, {', '.join(_RERANKERS)}; a model is named as jina-m0=PATH"
        )
    return word


def pair(value: str) -> tuple[str, str]:
    """A name and a value. Raises `ArgumentTypeError` for anything else."""
    name, equals, own = value.partition("=")
    if not (name and equals and own):
        raise argparse.ArgumentTypeError(f"{value!r} is not NAME=VALUE")
    return name, own


def systems(
    options: argparse.Namespace, *, states: str, index_facts: Mapping[str, Any]
) -> list[System]:
    """The systems of `--compare`, each once, named by its word; a path in it is shortened.

    For the other arguments see `_system`.
    """
    words = list(dict.fromkeys(options.compare))
    short = {word: _short(word) for word in words}
    is_clear = len(set(short.values())) == len(words)
    return [
        replace(
            _system(word, options, states=states, index_facts=index_facts),
            name=short[word] if is_clear else word,
        )
        for word in words
    ]


def _short(word: str) -> str:
    """A word without the folders of a path: "jina-m0=/models/m0" is "jina-m0=m0"."""
    name, equals, value = word.partition("=")
    return name + equals + Path(value).name


def _system(
    word: str, options: argparse.Namespace, *, states: str, index_facts: Mapping[str, Any]
) -> System:
    """The system that a checked word stands for.

    `states` is the folder for the states of local models, `index_facts` what the results depend on
    in the index. `--base-url` and `--price` name it by its word or by its reranker.
    """
    name, _, model = word.partition("=")
    price = _of(options.price, word)
    facts = {**index_facts, "version": __version__}
    if name == _RUN:
        return System(name=word, run=Path(model))
    if word == TEXT:
        return System(name=word, routes=["vectors"], where={"kind": "text"}, identity=facts)
    if word == _NONE:
        return System(name=word, routes=options.routes, identity=facts)
    if name not in _RERANKERS:
        return System(name=word, routes=word.split("+"), identity=facts)
    base_url = _of(options.base_url, word)
    own = {"reranker": name, "model": _stamp(model), "base_url": base_url, "no_ocr": options.no_ocr}

    def opened() -> AbstractContextManager[Reranker | None]:
        return make_reranker(
            name,
            states=states,
            show_progress=False,  # the questions have a bar
            model=model or None,
            base_url=base_url,
            ocr=ocr_option(name, no_ocr=options.no_ocr),
        )

    return System(
        name=word,
        routes=options.routes,
        reranker=opened,
        identity={**facts, **own},
        price=None if price is None else float(price),
    )


def _of(pairs: list[tuple[str, str]], word: str) -> str | None:
    """The value that was given for a word, or for its reranker."""
    given = dict(pairs)
    return given.get(word, given.get(word.partition("=")[0]))


def _stamp(model: str) -> Any:
    """A model's name, and for a folder the sizes and times of its files."""
    if not os.path.isdir(model):  # noqa: PTH112 - a name on a hub is no path
        return model
    files = sorted(path for path in Path(model).iterdir() if path.is_file())
    return [model, [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files]]
