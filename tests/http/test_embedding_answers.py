"""The rows of an answer with embeddings, and the model that it names."""

from __future__ import annotations

import base64
import struct

import pytest

from mmrerank.errors import InvalidResponseError
from mmrerank.http.embedding_answers import check_model, decode_vector, read_embeddings


def test_rows_and_tokens():
    rows = [{"index": 1, "embedding": [1.0]}, {"index": 0, "embedding": [2.0]}]
    assert read_embeddings({"data": rows, "usage": {"total_tokens": 3}}) == (
        [(1, [1.0]), (0, [2.0])],
        3,
    )
    assert read_embeddings({"data": rows})[1] is None


def test_a_vector_in_base64():
    packed = base64.b64encode(struct.pack("<2f", 0.5, -2.0)).decode()
    assert list(decode_vector(packed, "m")) == [0.5, -2.0]
    assert decode_vector([0.5], "m") == [0.5]
    for broken in ("abc", "no base64!", packed[:-4] + "AA=="):
        with pytest.raises(InvalidResponseError, match="base64"):
            decode_vector(broken, "m")


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("m", "m"),
        ("m", None),
        ("m", " "),
        ("Qwen/Qwen3-Embedding-0.6B", "qwen3-embedding-0.6b"),
        ("nomic-embed-text", "nomic-embed-text:latest"),
        ("text-embedding-3-small", "text-embedding-3-small-2024"),
        ("/models/bge-m3/", "bge-m3"),
    ],
)
def test_names_of_the_same_model(asked, answered):
    check_model(asked, answered)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [("text-embedding-3-small", "text-embedding-3-large"), ("bge-m3", "e5"), ("a", "b" * 500)],
)
def test_another_model_is_an_error(asked, answered):
    with pytest.raises(InvalidResponseError, match="check_model=False") as caught:
        check_model(asked, answered)
    assert len(str(caught.value)) < 400
