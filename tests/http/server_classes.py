"""The request classes of servers, as pydantic models of the fields that matter here.

Written for these tests from the servers' own sources (read in sdists and wheels of PyPI):
vLLM `entrypoints/pooling/score/protocol.py` (0.12 to 0.18) and `.../scoring/protocol.py` (from
0.20); SGLang `srt/entrypoints/openai/protocol.py`, class `V1RerankReqInput`; Infinity
`fastapi_schemas/pymodels.py`, class `RerankInput`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from typing_extensions import TypedDict


class ImagePart(TypedDict):
    type: Literal["image_url"]
    image_url: dict[str, str]


class TextPart(TypedDict):
    type: Literal["text"]
    text: str


Parts = list[ImagePart | TextPart]


class Message(TypedDict):
    content: Parts


class VLLM(BaseModel):
    """vLLM ignores fields that it does not know."""

    model_config = ConfigDict(extra="allow")
    model: str | None = None


One = str | Message
Several = list[str] | str | Message
Mixed = One | list[One]


class Score012(VLLM):
    text_1: Several
    text_2: Several


class Score015(VLLM):
    queries: Several
    documents: Several


class Score016(VLLM):
    queries: Mixed
    documents: Mixed


class Score022(Score016):
    instruction: str | None = None


class Rerank012(VLLM):
    query: One
    documents: list[str] | Message


class Rerank016(VLLM):
    query: One
    documents: Mixed


class Rerank022(Rerank016):
    instruction: str | None = None


VLLM_CLASSES: dict[str, dict[str, Any]] = {
    "0.12.0": {"/v1/score": Score012, "/v1/rerank": Rerank012},
    "0.14.1": {"/v1/score": Score012, "/v1/rerank": Rerank012},
    "0.15.1": {"/v1/score": Score015, "/v1/rerank": Rerank012},
    "0.16.0": {"/v1/score": Score016, "/v1/rerank": Rerank016},
    "0.22.0": {"/v1/score": Score022, "/v1/rerank": Rerank022},
    "0.33.0": {"/v1/score": Score022, "/v1/rerank": Rerank022},
}
"""By release and path."""


class SGLang057(BaseModel):
    query: str
    documents: list[str]


class SGLang058(BaseModel):
    query: str | Parts
    documents: list[str | Parts]
    instruct: str | None = None
    top_n: int | None = Field(default=None, ge=1)
    return_documents: bool = True


Text = Annotated[str, StringConstraints(max_length=122_880, strip_whitespace=True)]


class Infinity(BaseModel):
    query: Text
    documents: Annotated[list[Text], Field(min_length=1, max_length=2048)]
    return_documents: bool = False
    raw_scores: bool = False
    model: str = "default/not-specified"
    top_n: int | None = Field(default=None, gt=0)
