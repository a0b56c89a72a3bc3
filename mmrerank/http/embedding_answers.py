"""What every service of embeddings has in common: dimensions, an answer's rows and its model."""

from __future__ import annotations

import base64
import binascii
import sys
from array import array
from typing import Any

from mmrerank.errors import InvalidInputError, InvalidResponseError
from mmrerank.http.responses import IndexedScores, read_rows

__all__ = ["check_dimensions", "check_model", "decode_vector", "read_embeddings"]


def read_embeddings(body: Any) -> tuple[IndexedScores, int | None]:
    """The (index, vector) pairs of an answer's JSON in OpenAI's form, and its tokens.

    May raise KeyError, TypeError or AttributeError if the body has another structure.
    """
    return read_rows(body, body["data"], "embedding")


def decode_vector(value: Any, model: str) -> Any:
    """A vector as it is, or from base64 of numbers in 32 bits, as OpenAI sends it.

    Raises `InvalidResponseError` for a text that is no such vector.
    """
    if not isinstance(value, str):
        return value
    numbers = array("f")
    try:
        numbers.frombytes(base64.b64decode(value, validate=True))
    except (binascii.Error, ValueError):
        raise InvalidResponseError(
            f"{model}: a vector is a text that is not base64 of 32-bit numbers"
        ) from None
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def check_model(asked: str, answered: object) -> None:
    """Raise `InvalidResponseError` if an answer names another model than the one that was asked.

    Servers shorten and lengthen names: "Qwen/Qwen3-Embedding" is "qwen3-embedding:latest", too.
    """
    if not isinstance(answered, str) or not answered.strip():
        return
    short, long = sorted((_short(asked), _short(answered)), key=len)
    if not long.startswith(short):
        raise InvalidResponseError(
            f"{asked}: the answer is of the model {answered:.100}, and vectors of different models "
            "do not compare; pass model= with that name, or check_model=False if it is the same one"
        )


def check_dimensions(dimensions: object) -> None:
    """Raise `InvalidInputError` for what is not a positive integer or None."""
    is_count = isinstance(dimensions, int) and not isinstance(dimensions, bool) and dimensions >= 1
    if dimensions is not None and not is_count:
        raise InvalidInputError(f"dimensions is a positive integer or None, not {dimensions!r:.80}")


def _short(name: str) -> str:
    return name.strip().rstrip("/").rpartition("/")[2].lower()
