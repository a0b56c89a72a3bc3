"""Options are spelled once, shown to editors, and refused by name."""

from __future__ import annotations

import inspect
from typing import ClassVar, get_type_hints

import pytest
from golden_cases import CLASSES, GOLDEN, load

from mmrerank import CrossEncoderReranker, JinaM0Reranker, Qwen3Reranker, Qwen3VLReranker
from mmrerank.errors import (
    InvalidInputError,
)
from mmrerank.retrieval.qwen3_embedding import Qwen3Embedder


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_length": 0},
        {"max_length": 20},
        {"max_batch_tokens": 0},
        {"scores": "percent"},
        {"device": "tpu"},
        {"device": "cuda:99"},
        {"dtype": "int3"},
        {"quantization": "int2"},
    ],
    ids=str,
)
def test_options_that_cannot_be_used(wrong):
    with pytest.raises(InvalidInputError):
        load("qwen3-reranker", **wrong)


def test_an_instruction_that_fills_the_prompt_is_refused():
    for model in ("qwen3-reranker", "qwen3-vl-reranker"):
        with pytest.raises(InvalidInputError, match="instruction"):
            load(model, max_length=300, instruction="be strict " * 300)


@pytest.mark.parametrize(
    ("cls", "wrong"),
    [
        (JinaM0Reranker, {"max_query_length": 10240}),
        (JinaM0Reranker, {"max_query_length": 0}),
        (JinaM0Reranker, {"max_images_per_document": 0}),
        (Qwen3Reranker, {"max_length": -1}),
    ],
)
def test_limits_that_leave_no_room(cls, wrong):
    name = "jina-reranker-m0" if cls is JinaM0Reranker else "qwen3-reranker"
    with pytest.raises(InvalidInputError):
        cls(str(GOLDEN / name), device="cpu", **wrong)


@pytest.fixture(params=[*CLASSES.values(), CrossEncoderReranker, Qwen3Embedder])
def cls(request):
    return request.param


def test_every_option_has_a_type_and_a_default_in_the_signature(cls):
    model, *options = inspect.signature(cls).parameters.values()
    assert (model.name, model.kind) == ("model", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    assert {option.kind for option in options} == {inspect.Parameter.KEYWORD_ONLY}
    assert inspect.Parameter.empty not in {option.default for option in options}
    assert {"device", "dtype", "revision", "show_progress", "max_length"} <= {
        o.name for o in options
    }
    assert set(get_type_hints(cls.options)) <= {option.name for option in options}


def test_an_unknown_option_is_named(cls):
    with pytest.raises(TypeError, match=rf"{cls.__name__}.*unexpected keyword argument 'sise'"):
        cls("any model", sise=3)


def test_a_text_model_takes_no_option_of_images():
    for name in ("reuse", "joint", "fusion", "shrink_images", "max_images_per_document"):
        with pytest.raises(TypeError, match=name):
            Qwen3Reranker("any model", **{name: True})


def test_defaults_differ_where_the_models_do():
    def default(cls, name):
        return inspect.signature(cls).parameters[name].default

    rerankers = (JinaM0Reranker, Qwen3Reranker, Qwen3VLReranker)
    assert [default(c, "max_length") for c in rerankers] == [10240, 8192, 10240]
    assert (default(JinaM0Reranker, "joint"), default(Qwen3VLReranker, "joint")) == (False, True)
    assert default(JinaM0Reranker, "reuse") is default(Qwen3VLReranker, "reuse") is True
    assert default(JinaM0Reranker, "max_query_length") == 512
    assert default(CrossEncoderReranker, "max_length") is None
    assert default(Qwen3Embedder, "max_length") == 8192


def test_a_subclass_has_a_signature_of_its_own():
    class Mine(Qwen3Reranker):
        def __init__(self, folder: str) -> None:
            super().__init__(folder, device="cpu")

    class Other(Qwen3Reranker):
        defaults: ClassVar = {"max_length": 99}

    assert list(inspect.signature(Mine).parameters) == ["folder"]
    assert inspect.signature(Other).parameters["max_length"].default == 99
    with Mine(str(GOLDEN / "qwen3-reranker")) as mine:
        assert len(mine.score("q", ["d"])) == 1


def test_none_is_the_published_instruction(loaded):
    one = load("qwen3-reranker", instruction=None)
    assert one.instruction == loaded("qwen3-reranker").instruction
    assert one.instruction.startswith("Given a web search query")
