"""Jina's rerank API: texts, images, or both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from mmrerank.serve.dialects.base import Call
from mmrerank.serve.problems import INVALID, Problem
from mmrerank.types import RerankResult

__all__ = ["Jina"]


class TextOrImage(BaseModel):
    """A text, an image (a data URI, base64, or a URL where the server opens them), or both."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str | None = None
    image: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _holds_something(self) -> TextOrImage:
        if self.text is None and self.image is None:
            raise ValueError("text or image is needed")
        return self


def _as_object(value: Any) -> Any:
    """A string is short for an object with a text. Raises ValueError for what is neither."""
    if isinstance(value, str):
        return {"text": value}
    if not isinstance(value, dict):
        raise ValueError("must be a string, or an object with text or image")  # noqa: TRY004 - pydantic's rule
    return value


Given = Annotated[
    TextOrImage, BeforeValidator(_as_object, json_schema_input_type=str | TextOrImage)
]


class Request(BaseModel):
    """A request. Any `model` is accepted: the server has one. Unknown fields are ignored."""

    model_config = ConfigDict(strict=True)

    model: str | None = None
    query: Given
    documents: Annotated[list[Given], Field(min_length=1)]
    top_n: Annotated[int, Field(ge=1)] | None = None
    return_documents: bool | None = None


class Result(BaseModel):
    """One document: its index in the request, and its score."""

    index: int
    relevance_score: float
    document: TextOrImage | None = None


class Usage(BaseModel):
    """What the request took."""

    total_tokens: int


class Response(BaseModel):
    """The results, best first."""

    model: str
    usage: Usage
    results: list[Result]


class Jina:
    """`/v1/rerank`. As with Jina, documents are sent back unless `return_documents` is false."""

    name = "jina"
    path = "/v1/rerank"
    request = Request
    response = Response

    def read(self, body: bytes | bytearray) -> Call:
        """Read a body. Raises pydantic's `ValidationError`."""
        given = Request.model_validate_json(body)
        return Call(
            query=given.query.model_dump(exclude_none=True),
            documents=[one.model_dump(exclude_none=True) for one in given.documents],
            top_n=given.top_n,
            echo=given.return_documents is not False,
        )

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
            "model": model,
            "usage": {"total_tokens": tokens},
            "results": [self._result(call, one) for one in results],
        }

    def _result(self, call: Call, result: RerankResult) -> dict[str, Any]:
        row: dict[str, Any] = {"index": result.index, "relevance_score": result.relevance_score}
        if call.echo:
            row["document"] = call.documents[result.index]
        return row

    def error(self, problem: Problem, request_id: str) -> tuple[int, dict[str, Any]]:
        """The status and body of an error, in one of Jina's three forms."""
        if problem.code == INVALID:
            errors = [{"field": name, "message": why} for name, why in problem.fields]
            return 422, {"detail": problem.message, "errors": errors}
        facts = {"code": problem.code, "request_id": request_id}
        if problem.status == 401:
            return 401, {"detail": problem.message, **facts}
        return problem.status, {"detail": {"message": problem.message, **facts}}
