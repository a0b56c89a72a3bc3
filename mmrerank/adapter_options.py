"""The keywords that both adapters take: `MultimodalRerank`, and what makes prompts of its results."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypedDict

from mmrerank.answers.prompt import PromptOptions
from mmrerank.base import Reranker
from mmrerank.errors import InvalidInputError
from mmrerank.http.jina import JinaReranker
from mmrerank.images.refs import ImageKey
from mmrerank.images.resolve import ImageResolver, ImageRoot
from mmrerank.index.index import Index
from mmrerank.types import Content, Image

__all__ = [
    "ImageOptions",
    "ImagePromptOptions",
    "QueryImage",
    "RerankOptions",
    "check_count",
    "choose_reranker",
    "open_index",
    "query_with_image",
]

QueryImage = Image | bytes | str | os.PathLike[str]
"""An image of a query: an `Image`, the bytes of a file, or a path or data URI."""


class ImageOptions(TypedDict, total=False):
    """Keywords for the images of documents. A document is LlamaIndex's node."""

    image_root: ImageRoot | Callable[[Mapping[str, Any]], ImageRoot] | None
    """The folder that image references are relative to, a list of folders, or a function of a
    document's metadata that returns either."""

    image_key: ImageKey
    """The metadata key of the image references, a list of keys, or a function of the metadata.
    Default "images"."""

    path_map: Mapping[str, str] | None
    """`{old: new}` path prefixes, for folders that have moved."""

    on_image_error: Literal["raise", "warn"]
    """For an image that cannot be used: "raise" (default), or "warn" and go on without it."""

    urls: Literal["refuse", "pass", "fetch"]
    """For references that are URLs: "refuse" them (default), "pass" them to the service, or
    "fetch" them here."""


class RerankOptions(ImageOptions, total=False):
    """Keywords of `MultimodalRerank`, beside the reranker."""

    top_n: int | None
    """How many documents to keep; None (default) keeps all."""

    min_score: float | None
    """Documents that score less are dropped; None (default) keeps all."""

    merge_figures: bool
    """True: a figure's own chunk (`figure_chunks=True` of the loaders) and the chunk that cites it
    are one result, with the text of the chunk and the figure as `best_image`. Default False."""


class ImagePromptOptions(ImageOptions, PromptOptions, total=False):
    """Keywords of what makes prompts of documents and their images."""


def choose_reranker(reranker: Reranker | None, model: str | None, api_key: str | None) -> Reranker:
    """The reranker that was given, or a `JinaReranker` for a model's name.

    Raises `InvalidInputError` for neither, both, a `model` that is not a str, and an `api_key`
    without a model; otherwise what `JinaReranker` raises.
    """
    if model is None:
        if api_key is not None:
            raise InvalidInputError("api_key belongs to model=...; give a reranker its own key")
        if reranker is None:
            raise InvalidInputError(
                "pass reranker=..., or model=... with the name of a model of Jina's API"
            )
        return reranker
    if reranker is not None:
        raise InvalidInputError("pass either model=... or reranker=..., not both")
    if not isinstance(model, str):
        raise InvalidInputError(
            f"model is the name of a model of Jina's API, not {type(model).__name__}; "
            "pass any other reranker as reranker=..."
        )
    return JinaReranker(model, api_key=api_key)


def open_index(index: object) -> Index:
    """An index as it is, or the one in a folder, opened.

    Raises `StoreError` for a folder without an index, `InvalidInputError` for anything else.
    """
    if isinstance(index, Index):
        return index
    if isinstance(index, (str, os.PathLike)):
        return Index(index, create=False)
    name = type(index).__name__
    raise InvalidInputError(f"index is a {name}, not a mmrerank.index.Index or the folder of one")


def query_with_image(
    text: str, image: QueryImage | None, root: ImageRoot | None = None
) -> str | Content:
    """A query of text and an image; the text may be empty.

    A path is opened as it is, unless a `root` is given: a folder, or several, under which it must
    lie. Nothing is opened here. Raises `ImageError` for a path that leaves the root,
    `InvalidInputError` for what is no image.
    """
    if image is None:
        return text
    if isinstance(image, bytes):
        return Content(text, [Image.from_bytes(image)])
    if root is not None and isinstance(image, (str, os.PathLike)):
        found = ImageResolver(root).resolve([os.fspath(image)], {})
        return Content(text, [one for _, one in found])
    one = Path(image) if isinstance(image, os.PathLike) else image
    return Content.from_dict({"text": text, "image": one})


def check_count(name: str, count: object) -> None:
    """Raise `InvalidInputError` unless `count` is None or an integer from 1 on."""
    if count is None or (isinstance(count, int) and not isinstance(count, bool) and count >= 1):
        return
    raise InvalidInputError(f"{name} must be a positive integer or None, not {count!r}")
