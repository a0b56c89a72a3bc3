"""The golden checkpoints: tiny, random, in the published layout, with the published scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mmrerank import JinaM0Reranker, Qwen3Reranker, Qwen3VLReranker
from mmrerank.types import Content, Image

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
CLASSES = {
    "jina-reranker-m0": JinaM0Reranker,
    "qwen3-reranker": Qwen3Reranker,
    "qwen3-vl-reranker": Qwen3VLReranker,
}
OPTIONS = ("instruction", "max_length", "max_query_length")


def cases(name: str) -> list[dict]:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))["cases"]


def golden_image(name: str) -> Image:
    return Image.from_path(GOLDEN / "images" / name)


def content(given: dict) -> Content:
    """A query or document of a golden case."""
    names = given.get("images") or ([given["image"]] if "image" in given else [])
    return Content(given.get("text"), [golden_image(name) for name in names])


def options(case: dict) -> dict:
    """The constructor's options of a golden case."""
    return {name: case[name] for name in OPTIONS if name in case}


def load(name: str, path: Path | None = None, **kwargs):
    return CLASSES[name](str(path or GOLDEN / name), **{"device": "cpu"} | kwargs)


def slow(*values) -> list:
    """Parameters of a test that are left out of the quick run; a tuple is one set of parameters."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for value in values
    ]


def near(found, wanted) -> None:
    """Scores that must not depend on what was kept."""
    assert found == pytest.approx(wanted, abs=1e-5, rel=0)
