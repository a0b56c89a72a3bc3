"""The embeddings are those of the native model."""

from __future__ import annotations

import math

import pytest
import torch
import transformers
from golden_cases import GOLDEN

from mmrerank.errors import (
    InvalidInputError,
    RerankError,
    RerankWarning,
)
from mmrerank.retrieval.qwen3_embedding import Qwen3Embedder

TEXTS = ["gravity pulls", "", "a recipe for bread " * 30, "<|endoftext|>", "什么是重力？"]


def native_vectors(texts: list[str]) -> list[list[float]]:
    """One text at a time through transformers, the last token pooled, length 1."""
    path = GOLDEN / "qwen3-reranker"
    model = transformers.Qwen3Model.from_pretrained(path, dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    out = []
    for text in texts:
        ids = tokenizer(text, split_special_tokens=True, add_special_tokens=False)["input_ids"]
        ids = torch.tensor([[*ids, tokenizer.convert_tokens_to_ids("<|endoftext|>")]])
        with torch.no_grad():
            hidden = model(ids).last_hidden_state[0, -1]
        out.append(torch.nn.functional.normalize(hidden, dim=-1).tolist())
    return out


@pytest.fixture(scope="module")
def embedder():
    return Qwen3Embedder(str(GOLDEN / "qwen3-reranker"), device="cpu", instruction="Find it")


@pytest.mark.parametrize("budget", [1, 10000])
def test_embeddings_are_those_of_the_native_model(embedder, budget):
    embedder._engine.budget = budget
    found, wanted = embedder.embed_documents(TEXTS), native_vectors(TEXTS)
    for one, other in zip(found, wanted, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
        assert math.fsum(x * x for x in one) == pytest.approx(1, abs=1e-5)


def test_a_query_is_embedded_with_the_instruction(embedder):
    (wanted,) = native_vectors(["Instruct: Find it\nQuery:what is torque"])
    assert embedder.embed_query("what is torque") == pytest.approx(wanted, abs=1e-5)


async def test_the_embedder_awaited(embedder):
    assert await embedder.aembed_documents(TEXTS) == embedder.embed_documents(TEXTS)
    assert await embedder.aembed_query("torque") == embedder.embed_query("torque")


def test_fewer_dimensions():
    path = str(GOLDEN / "qwen3-reranker")
    with_all = Qwen3Embedder(path, device="cpu").embed_documents(["text"])[0]
    short = Qwen3Embedder(path, device="cpu", dimensions=8)
    (found,) = short.embed_documents(["text"])
    length = math.sqrt(math.fsum(x * x for x in with_all[:8]))
    assert found == pytest.approx([x / length for x in with_all[:8]], abs=1e-5)
    assert short.dimensions == 8
    with pytest.raises(InvalidInputError):
        Qwen3Embedder(path, device="cpu", dimensions=64)


def test_a_long_text_is_cut_and_reported():
    embedder = Qwen3Embedder(str(GOLDEN / "qwen3-reranker"), device="cpu", max_length=20)
    with pytest.warns(RerankWarning, match="1 of 2 texts"):
        found = embedder.embed_documents(["short", "a longer text " * 40])
    assert len(found) == 2


def test_what_cannot_be_embedded(embedder):
    assert embedder.embed_documents([]) == []
    with pytest.raises(InvalidInputError):
        embedder.embed_query("  ")
    with pytest.raises(InvalidInputError):
        embedder.embed_documents("one text")


def test_a_closed_embedder():
    embedder = Qwen3Embedder(str(GOLDEN / "qwen3-reranker"), device="cpu")
    embedder.close()
    with pytest.raises(RerankError, match="closed"):
        embedder.embed_query("q")
