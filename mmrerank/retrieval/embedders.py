"""Every embedder, one row each: the names that an index and the command line take.

A name stands alone (`hashing`), or before what the embedder is made of (`qwen3=PATH`). A new
embedder is a row in `EMBEDDERS`.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from mmrerank.errors import InvalidInputError
from mmrerank.retrieval.embedder import Embedder, Modality

__all__ = [
    "DEFAULT_EMBEDDER",
    "EMBEDDERS",
    "EmbedderRow",
    "embedder_name",
    "make_embedder",
    "named",
    "named_image_embedder",
]

T = TypeVar("T")

DEFAULT_EMBEDDER = "hashing"

_IMAGES: frozenset[Modality] = frozenset({"text", "image"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderRow:
    """One embedder. `value` is shown for what may follow `name=`; it is the class's `keyword`.

    Without a `value`, nothing may follow the name. `modalities` is what it embeds.
    """

    name: str
    class_name: str
    module: str
    about: str
    value: str = ""
    keyword: str = "model"
    modalities: frozenset[Modality] = frozenset({"text"})


EMBEDDERS = (
    EmbedderRow(
        name="hashing",
        class_name="HashingEmbedder",
        module="mmrerank.retrieval.hashing",
        about="words and parts of words; no model, no download",
    ),
    EmbedderRow(
        name="qwen3",
        class_name="Qwen3Embedder",
        module="mmrerank.retrieval.qwen3_embedding",
        about="Qwen3-Embedding on this machine, from a folder or the hub",
        value="PATH",
    ),
    EmbedderRow(
        name="minilm",
        class_name="MiniLMEmbedder",
        module="mmrerank.retrieval.minilm",
        about="MiniLM, 23 MB, which comes with the extra minilm; English",
    ),
    EmbedderRow(
        name="siglip2",
        class_name="SiglipEmbedder",
        module="mmrerank.retrieval.siglip",
        about="SigLIP 2 on this machine: short texts and whole images",
        value="PATH",
        modalities=_IMAGES,
    ),
    EmbedderRow(
        name="siglip",
        class_name="SiglipEmbedder",
        module="mmrerank.retrieval.siglip",
        about="SigLIP on this machine: short English texts and whole images",
        value="PATH",
        modalities=_IMAGES,
    ),
    EmbedderRow(
        name="clip",
        class_name="CLIPEmbedder",
        module="mmrerank.retrieval.clip",
        about="CLIP or MetaCLIP 2 on this machine: short texts and the middle of images",
        value="PATH",
        modalities=_IMAGES,
    ),
    EmbedderRow(
        name="chinese-clip",
        class_name="ChineseCLIPEmbedder",
        module="mmrerank.retrieval.clip",
        about="Chinese-CLIP on this machine: short Chinese texts and the middle of images",
        value="PATH",
        modalities=_IMAGES,
    ),
    EmbedderRow(
        name="qwen3-vl",
        class_name="Qwen3VLEmbedder",
        module="mmrerank.retrieval.qwen3_vl_embedding",
        about="Qwen3-VL-Embedding on this machine: long texts, images and both together",
        value="PATH",
        modalities=_IMAGES,
    ),
    EmbedderRow(
        name="embeddinggemma2",
        class_name="EmbeddingGemma2Embedder",
        module="mmrerank.retrieval.embedding_gemma2",
        about="EmbeddingGemma 2 on this machine: long texts and images",
        value="PATH",
        modalities=_IMAGES,
    ),
    EmbedderRow(
        name="openai",
        class_name="OpenAIEmbedder",
        module="mmrerank.retrieval.openai_embedding",
        about="texts, by OpenAI's API or a server like it (OPENAI_BASE_URL)",
        value="MODEL",
    ),
    EmbedderRow(
        name="jina",
        class_name="JinaEmbedder",
        module="mmrerank.retrieval.jina_embedding",
        about="texts and images, by Jina's API",
        value="MODEL",
        modalities=_IMAGES,
    ),
    EmbedderRow(
        name="vllm",
        class_name="VLLMEmbedder",
        module="mmrerank.retrieval.vllm_embedding",
        about="texts and images, by a vLLM server (VLLM_BASE_URL)",
        value="MODEL",
        modalities=_IMAGES,
    ),
)
"""Every embedder, in the order in which the command line lists them."""


def embedder_name(name: str) -> str:
    """A checked name, as an index remembers it: with the absolute path of a folder that exists.

    Raises `InvalidInputError` for an unknown name, and one that lacks its value or has none.
    """
    row, value = _row_and_value(name)
    if value and row.value == "PATH" and Path(value).is_dir():
        value = os.path.abspath(value)  # noqa: PTH100 - a link keeps its own name
    return f"{row.name}={value}" if value else row.name


def named(given: T) -> T | str:
    """What was given as an embedder: an object or None as it is, a name checked and absolute.

    Raises `InvalidInputError` as `embedder_name`.
    """
    return embedder_name(given) if isinstance(given, str) else given


def named_image_embedder(given: Embedder | str | None) -> Embedder | str | None:
    """As `named`, for what shall embed images.

    Raises `InvalidInputError` also for what is no `Embedder`, or embeds no images.
    """
    if isinstance(given, str):
        modalities = _row_and_value(given)[0].modalities
    else:
        modalities = frozenset() if given is not None else _IMAGES
        if isinstance(given, Embedder):
            modalities = given.modalities
    if "image" not in modalities:
        name = given if isinstance(given, str) else type(given).__name__
        raise InvalidInputError(f"{name} embeds no images, so it cannot be an image embedder")
    return named(given)


def make_embedder(name: str) -> Embedder:
    """The embedder of a name. Raises as `embedder_name`, and what the embedder's class raises."""
    row, value = _row_and_value(name)
    build = getattr(importlib.import_module(row.module), row.class_name)
    embedder: Embedder = build(**({row.keyword: value} if value else {}))
    return embedder


def _row_and_value(name: str) -> tuple[EmbedderRow, str]:
    word, equals, value = name.partition("=")
    for row in EMBEDDERS:
        if row.name == word:
            if equals and not (row.value and value.strip()):
                form = f"{row.name}={row.value}" if row.value else row.name
                raise InvalidInputError(f"the embedder {name!r} is written as {form}")
            return row, value
    names = ", ".join(row.name + (f"={row.value}" if row.value else "") for row in EMBEDDERS)
    raise InvalidInputError(f"embedders are {names}, not {name!r}")
