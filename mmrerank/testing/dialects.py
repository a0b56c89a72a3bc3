"""How each rerank service reads a request and writes its answers: the server's side of the wire.

Written from the services' published schemas, apart from the clients in `mmrerank.http`, so that a
mistake in one is not repeated in the other. A request of another form raises `Refused`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mmrerank.types import Content, Image

__all__ = ["DIALECTS", "Dialect", "Refused"]

Body = dict[str, Any]

Rows = Sequence[tuple[int, float]]


class Refused(Exception):  # noqa: N818  # an answer, not a failure of the server
    """The request has not the form that the service reads: a 422."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """One service: its paths, how it reads query and documents, how it writes scores and errors.

    `write` gets (index, score) pairs with scores from 0 to 1.
    """

    paths: tuple[str, ...]
    read: Callable[[Body], tuple[Content, list[Content]]]
    write: Callable[[Rows, Body], Any]
    error: Callable[[int, str, str], Body]


def _known(body: Body, *names: str) -> None:
    """Services ignore what they do not know; here it is a mistake of the client."""
    if unknown := set(body) - set(names):
        raise Refused(f"unknown fields {sorted(unknown)}")


def _text(value: Any) -> Content:
    if not isinstance(value, str) or not value.strip():
        raise Refused("a text is a str that is not blank")
    return Content(value)


def _image(value: Any) -> Image:
    if not isinstance(value, str):
        raise Refused("an image is a str")
    return Image.from_url(value) if value.startswith("http") else Image.from_data_uri(value)


def _one_of_two(value: Any) -> Content:
    """Jina's and DashScope's items: `{"text"}` or `{"image"}`, never both."""
    if isinstance(value, str):
        return _text(value)
    if not isinstance(value, dict) or len(value) != 1 or next(iter(value)) not in ("text", "image"):
        raise Refused("one of text and image")
    return Content(images=[_image(value["image"])]) if "image" in value else _text(value["text"])


def _parts(value: Any) -> Content:
    """A list of chat parts."""
    texts: list[str] = []
    images: list[Image] = []
    for part in value:
        if part["type"] == "image_url":
            images.append(_image(part["image_url"]["url"]))
        else:
            texts.append(_text(part["text"]).text or "")
    return Content("\n".join(texts) if texts else None, images)


def _vllm_item(value: Any) -> Content:
    return _text(value) if isinstance(value, str) else _parts(value["content"])


def _sglang_item(value: Any) -> Content:
    return _text(value) if isinstance(value, str) else _parts(value)


def _passage(value: Body) -> Content:
    _known(value, "text", "image")
    text = _text(value["text"]).text if "text" in value else None
    if "image" in value and not value["image"].startswith("data:"):
        raise Refused("images are data URLs")
    return Content(text, [_image(value["image"])] if "image" in value else [])


def _reader(
    names: Sequence[str], documents: str, item: Callable[[Any], Content], query: str = "query"
) -> Callable[[Body], tuple[Content, list[Content]]]:
    def read(body: Body) -> tuple[Content, list[Content]]:
        _known(body, query, documents, *names)
        return item(body[query]), [item(one) for one in body[documents]]

    return read


def _read_vllm(body: Body) -> tuple[Content, list[Content]]:
    known = ("model", "instruction", "queries")  # vLLM passes over names that it does not know
    return _reader(known, "documents", _vllm_item)(body)


def _read_dashscope(body: Body) -> tuple[Content, list[Content]]:
    _known(body, "model", "input", "parameters")
    _known(body["parameters"], "return_documents", "instruct", "top_n")
    return _reader((), "documents", _one_of_two)(body["input"])


def _best_first(rows: Rows) -> list[tuple[int, float]]:
    return sorted(rows, key=lambda row: -row[1])


def _results(rows: Rows, body: Body) -> Body:
    results = [{"index": i, "relevance_score": score} for i, score in _best_first(rows)]
    return {
        "model": body.get("model"),
        "usage": {"total_tokens": 10 * len(rows)},
        "results": results,
    }


def _cohere_results(rows: Rows, body: Body) -> Body:
    results = _results(rows, body)["results"]
    return {"id": "r-0", "results": results, "meta": {"billed_units": {"search_units": 1}}}


def _vllm_answer(rows: Rows, body: Body) -> Body:
    if "queries" not in body:
        return _results(rows, body)
    data = [{"index": i, "object": "score", "score": score} for i, score in rows]
    return {"object": "list", "data": data, "usage": {"total_tokens": 10 * len(rows)}}


def _bare_list(rows: Rows, body: Body) -> list[Body]:
    return [{"index": i, "score": score} for i, score in _best_first(rows)]


def _rankings(rows: Rows, body: Body) -> Body:
    rankings = [{"index": i, "logit": _logit(score)} for i, score in _best_first(rows)]
    return {"rankings": rankings, "usage": {"total_tokens": 10 * len(rows)}}


def _logits(rows: Rows, body: Body) -> Body:
    return _results([(i, _logit(score)) for i, score in rows], body)


def _logit(score: float) -> float:
    if not 0 <= score <= 1:
        return score  # NaN stays NaN
    inside = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(inside / (1 - inside))


def _jina_error(status: int, code: str, message: str) -> Body:
    if status == 422:
        return {"detail": "Validation error", "errors": [{"field": "body", "message": message}]}
    if status == 401:
        return {"detail": message, "code": code, "request_id": "r-1"}
    return {"detail": {"message": message, "code": code, "request_id": "r-1"}}


def _openai_error(status: int, code: str, message: str) -> Body:
    return {"error": {"message": message, "type": "error", "code": code, "request_id": "r-1"}}


def _tei_error(status: int, code: str, message: str) -> Body:
    return {"error": message, "error_type": code}


def _fastapi_error(status: int, code: str, message: str) -> Body:
    if status == 422:
        return {"detail": [{"loc": ["body"], "msg": message, "input": "what was sent"}]}
    return {"error": {"message": message, "type": None, "param": None, "code": code}}


def _plain_error(status: int, code: str, message: str) -> Body:
    return {"code": code, "message": message, "request_id": "r-1"}


def _cohere_error(status: int, code: str, message: str) -> Body:
    return {"id": "r-1", "message": message}


_INFINITY = ("model", "return_documents", "raw_scores")

DIALECTS = {
    "jina": Dialect(
        ("/v1/rerank",),
        _reader(("model", "return_documents", "top_n"), "documents", _one_of_two),
        _results,
        _jina_error,
    ),
    "vllm": Dialect(("/score", "/rerank"), _read_vllm, _vllm_answer, _openai_error),
    "sglang": Dialect(
        ("/v1/rerank",),
        _reader(("model", "return_documents", "instruct"), "documents", _sglang_item),
        _bare_list,
        _openai_error,
    ),
    "tei": Dialect(
        ("/rerank",),
        _reader(("truncate", "raw_scores", "return_text"), "texts", _text),
        _bare_list,
        _tei_error,
    ),
    "infinity": Dialect(
        ("/rerank",), _reader(_INFINITY, "documents", _text), _results, _fastapi_error
    ),
    "cohere": Dialect(
        ("/v2/rerank",),
        _reader(("model", "max_tokens_per_doc", "top_n"), "documents", _text),
        _cohere_results,
        _cohere_error,
    ),
    "dashscope": Dialect(
        ("/api/v1/services/rerank/text-rerank/text-rerank",),
        _read_dashscope,
        lambda rows, body: {
            "output": {"results": _results(rows, body)["results"]},
            "usage": {"total_tokens": 10 * len(rows)},
            "request_id": "r-0",
        },
        _plain_error,
    ),
    "nvidia": Dialect(
        ("/v1/ranking",),
        _reader(("model", "truncate"), "passages", _passage),
        _rankings,
        _tei_error,
    ),
    "llamacpp": Dialect(
        ("/v1/rerank", "/rerank"),
        _reader(("model", "top_n"), "documents", _text),
        _logits,
        _openai_error,
    ),
}
"""By the names that the command line's `--reranker` has for them."""
