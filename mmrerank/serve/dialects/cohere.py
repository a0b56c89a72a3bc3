"""Cohere's rerank API, version 2: texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from mmrerank.serve.dialects.base import Call
from mmrerank.serve.problems import INVALID, Problem
from mmrerank.types import RerankResult

__all__ = ["Cohere"]


class Request(BaseModel):
    """A request. Any `model` is accepted: the server has one. Unknown fields are ignored."""

    model_config = ConfigDict(strict=True)

    model: str | None = None
    query: str
    documents: Annotated[list[str], Field(min_length=1)]
    top_n: Annotated[int, Field(ge=1)] | None = None


class Result(BaseModel):
    """One document: its index in the request, and its score."""

    index: int
    relevance_score: float


class Response(BaseModel):
    """The results, best first."""

    request_id: str
    results: list[Result]
    meta: dict[str, Any]


class Cohere:
    """`/v2/rerank`."""

    name = "cohere"
    path = "/v2/rerank"
    request = Request
    response = Response

    def read(self, body: bytes | bytearray) -> Call:
        """Read a body. Raises pydantic's `ValidationError`."""
        given = Request.model_validate_json(body)
        return Call(query=given.query, documents=given.documents, top_n=given.top_n)

    def write(
        self,
        call: Call,
        results: Sequence[RerankResult],
        *,
        model: str,
        tokens: int,
        request_id: str,
    ) -> dict[str, Any]:
        """The answer: the results, best first."""
        return {
            "id": request_id,
            "results": [
                {"index": one.index, "relevance_score": one.relevance_score} for one in results
            ],
            "meta": {"api_version": {"version": "2"}, "tokens": {"input_tokens": tokens}},
        }

    def error(self, problem: Problem, request_id: str) -> tuple[int, dict[str, Any]]:
        """The status and body of an error; Cohere answers what it cannot read with 400."""
        status = 400 if problem.code == INVALID else problem.status
        return status, {"id": request_id, "message": problem.message}
