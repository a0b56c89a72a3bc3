"""HashingEmbedder: deterministic unit vectors of words and n-grams."""

from __future__ import annotations

import math

import pytest

from mmrerank import HashingEmbedder, InvalidInputError
from mmrerank.retrieval.base import default_embedder

TEXTS = ["the torque of a turbine", "", "向量数据库", "turbine " * 50]


def dot(first: list[float], second: list[float]) -> float:
    return sum(a * b for a, b in zip(first, second, strict=True))


def test_one_unit_vector_per_text():
    vectors = HashingEmbedder(256).embed_documents(TEXTS)
    assert [len(vector) for vector in vectors] == [256] * len(TEXTS)
    assert all(math.isclose(dot(vector, vector), 1.0, rel_tol=1e-6) for vector in vectors)
    assert HashingEmbedder().embed_documents([]) == []


def test_a_query_is_embedded_as_a_document_is():
    embedder = default_embedder()
    assert embedder.embed_query(TEXTS[0]) == embedder.embed_documents(TEXTS)[0]


def test_shared_and_inflected_words_are_near():
    embedder = HashingEmbedder()
    query = embedder.embed_query("turbines")
    near, far = embedder.embed_documents(["turbine blades", "a wooden chair"])
    assert dot(query, near) > dot(query, far) + 0.1


def test_texts_without_words_have_a_dimension_of_their_own():
    assert HashingEmbedder().embed_texts(["", "  "])[0][-1] == 1.0


def test_too_few_dimensions_are_refused():
    with pytest.raises(InvalidInputError, match="at least 64"):
        HashingEmbedder(63)
