"""What mteb wants to know of a model, and what it tells a model about a task."""

from __future__ import annotations

import inspect
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmrerank
from mmrerank.base import Reranker
from mmrerank.optional import require

if TYPE_CHECKING:
    from mteb.abstasks.task_metadata import TaskMetadata
    from mteb.models import ModelMeta

__all__ = ["modalities", "model_meta", "settings", "task_instruction"]

_WITHOUT_INFLUENCE = {
    "model", "revision", "device", "dtype", "show_progress", "on_usage", "reuse", "max_batch_tokens"
}  # fmt: skip
"""Options that change no score, or that the metadata has under another name."""


def task_instruction(task: TaskMetadata) -> str | None:
    """What mteb tells a reranker with instructions to look for in a task, None if it says nothing.

    For the `instruction` of a reranker; without it, the reranker keeps the one it was published
    with. A full stop is added where there is no punctuation, as mteb does for Qwen3-VL-Reranker.
    """
    given: Any = task.prompt or ""  # a str, or a dict of one for queries and one for documents
    prompt = given if isinstance(given, str) else given.get("query") or given.get("document") or ""
    prompt = prompt.strip()
    is_closed = not prompt or unicodedata.category(prompt[-1]).startswith("P")
    return (prompt if is_closed else f"{prompt}.") or None


def modalities(reranker: Reranker, kind: str) -> set[str]:
    """What the reranker reads of a query or a document, in mteb's words."""
    can = reranker.modalities
    reads_images = can.query_image if kind == "query" else can.image
    return {"text", "image"} if reads_images else {"text"}


def settings(reranker: Reranker) -> dict[str, Any]:
    """The version of this package, the number format, and options that are not the defaults."""
    found: dict[str, Any] = {"mmrerank": mmrerank.__version__}
    if (dtype := getattr(reranker, "dtype", None)) is not None:
        found["dtype"] = str(dtype).removeprefix("torch.")
    given = getattr(reranker, "settings", {})
    if getattr(given.get("reuse"), "states", "exact") != "exact":
        found["states"] = given["reuse"].states
    for name, parameter in inspect.signature(type(reranker)).parameters.items():
        value = given.get(name, getattr(reranker, name, parameter.default))
        if name in _WITHOUT_INFLUENCE or value == parameter.default:
            continue
        if callable(value):
            value = getattr(value, "__qualname__", type(value).__qualname__)
        if isinstance(value, (str, int, float, bool)):
            found[name] = value
    return found


def model_meta(
    reranker: Reranker, name: str | None, revision: str | None, experiment: Mapping[str, Any]
) -> ModelMeta:
    """What mteb wants to know of a model. What is not known here is left empty."""
    model = reranker.model
    is_hub_id = model.count("/") == 1 and not Path(model).exists()
    given = getattr(reranker, "settings", {})
    meta: ModelMeta = require("mteb.models").ModelMeta.create_empty(
        {
            "name": name or (model if is_hub_id else f"mmrerank/{Path(model).name}"),
            "revision": revision or given.get("revision"),
            "modalities": sorted(modalities(reranker, "document")),
            "model_type": ["cross-encoder"],
            "use_instructions": getattr(reranker, "instruction", None) is not None,
            "max_tokens": getattr(reranker, "max_length", None),
            "experiment_kwargs": dict(experiment),
        }
    )
    return meta
