"""The options of the local models: each is named, typed and documented here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict

from mmrerank.errors import InvalidInputError
from mmrerank.fusion import Fusion, max_score
from mmrerank.local.cache.memory import Reuse
from mmrerank.local.device import DType, Quantization
from mmrerank.types import Usage

__all__ = [
    "DEFAULTS",
    "ImageOptions",
    "LocalOptions",
    "ModelOptions",
    "QwenOptions",
    "ScoreOptions",
    "check_positive",
    "check_scores_option",
]


class ModelOptions(TypedDict, total=False):
    """Options of every model that runs on this machine."""

    device: str
    """Where the model runs: "cpu", "cuda", "cuda:1", "mps", or "auto" (default) for the fastest."""
    dtype: DType
    """The number format: "float32", "bfloat16", "float16", or "auto" (default): float32 on a CPU."""
    revision: str | None
    """The branch, tag or commit of a hub id. Default: None, the main branch."""
    show_progress: bool
    """Show a progress bar on standard error or in a notebook. Default: False."""


class QwenOptions(ModelOptions, total=False):
    """Options of the models that run on this package's own engine."""

    max_length: int
    """The largest number of tokens of a prompt; longer text is cut, with a `RerankWarning`. Default:
    8,192, or 10,240 for the models that read images."""
    instruction: str | None
    """The task, in words. Default: None, the published instruction of the model, if it has one."""
    max_batch_tokens: int | None
    """The largest number of tokens computed at once. Default: None, chosen for the device."""
    quantization: Quantization | None
    """Weights in 8 or 4 bits: "int8" or "int4". Needs the extra `quantization`. Default: None."""


class ScoreOptions(TypedDict, total=False):
    """Options of every reranker that runs on this machine."""

    scores: Literal["probability", "logit"]
    """What a score is: a "probability" between 0 and 1 (default), or the "logit" it is made of."""
    on_usage: Callable[[Usage], None] | None
    """Called with the usage of every call. Default: None."""


class LocalOptions(QwenOptions, ScoreOptions, total=False):
    """Options of a local reranker of texts."""


class ImageOptions(LocalOptions, total=False):
    """Options of a local reranker of texts and images."""

    fusion: Fusion
    """Makes one score of the scores of a document's parts. Default: their maximum."""
    joint: bool
    """Put text and images of a document into one prompt instead of scoring them one by one. Default:
    as the model was trained, True for Qwen3-VL and False for m0."""
    max_images_per_document: int
    """How many images of a document count, the first ones. Default: 4."""
    shrink_images: bool
    """Make images that do not fit smaller instead of raising `ImageError`. Default: False."""
    reuse: bool | Reuse
    """Cache what was computed of documents: True for 1 GiB of memory, False for no cache, or a
    `Reuse` for another size or for a folder on disk. Default: True."""


DEFAULTS: Mapping[str, Any] = {
    "device": "auto",
    "dtype": "auto",
    "revision": None,
    "show_progress": False,
    "max_length": 8192,
    "instruction": None,
    "max_batch_tokens": None,
    "quantization": None,
    "scores": "probability",
    "on_usage": None,
    "fusion": max_score,
    "joint": True,
    "max_images_per_document": 4,
    "shrink_images": False,
    "reuse": False,
}
"""The defaults of all these options, for every class that runs a model on this machine."""


def check_scores_option(scores: str) -> None:
    """Raises `InvalidInputError` unless `scores` is "probability" or "logit"."""
    if scores not in ("probability", "logit"):
        raise InvalidInputError(f'scores is "probability" or "logit", not {scores!r}')


def check_positive(settings: ImageOptions, *names: str) -> None:
    """Raise `InvalidInputError` unless these options are positive integers."""
    for name in names:
        value = settings[name]  # type: ignore[literal-required]
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InvalidInputError(f"{name} is a positive integer, not {value!r}")
