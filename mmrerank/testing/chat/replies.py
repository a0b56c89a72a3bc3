"""Scripted replies of a chat model, as completions and as streams in OpenAI's form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mmrerank.testing.chat.requests import ChatRequest
from mmrerank.testing.dialects.forms import Body

__all__ = ["ChatReply", "as_reply", "completion", "events"]

_IMAGE_TOKENS = 100  # that an image counts in `usage`


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What the model answers: a text (`content`), a refusal, or calls of tools.

    `tool_calls` maps names of functions to their arguments. `finish_reason` is found unless given:
    "length" where `max_tokens` cuts the content, "tool_calls", or else "stop". A word with the
    space before it counts as a token.
    """

    content: str | None = None
    refusal: str | None = None
    tool_calls: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    finish_reason: str = ""


def as_reply(value: Any, request: ChatRequest) -> ChatReply:
    """A scripted value as the reply to a request, cut where the request limits it.

    A dict becomes JSON, or the arguments of the function that the request forces. None stands for
    the smallest answer that has the form asked for.
    """
    if value is None:
        value = "This is a test." if request.schema is None else example_of(request.schema)
    if isinstance(value, Mapping) and request.forced_tool is not None:
        value = ChatReply(tool_calls={request.forced_tool: value})
    if isinstance(value, (Mapping, list)):
        value = json.dumps(value, ensure_ascii=False)
    reply = value if isinstance(value, ChatReply) else ChatReply(str(value))
    tokens = _tokens(reply.content)
    if request.max_tokens is not None and len(tokens) > request.max_tokens:
        cut = "".join(tokens[: request.max_tokens])
        reply = replace(reply, content=cut, finish_reason=reply.finish_reason or "length")
    usual = "tool_calls" if reply.tool_calls else "stop"
    return reply if reply.finish_reason else replace(reply, finish_reason=usual)


def example_of(schema: Any, root: Any = None) -> Any:
    """The smallest value of a JSON Schema, as far as chat models are asked for such schemas."""
    root = schema if root is None else root
    if "$ref" in schema:
        return example_of(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], root)
    if schema.get("type") == "object":
        return {name: example_of(one, root) for name, one in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [example_of(schema["items"], root) for _ in range(schema.get("minItems", 0))]
    examples = {"string": "text", "integer": 1, "number": 1.0, "boolean": True}
    return examples.get(schema.get("type"))


def completion(reply: ChatReply, request: ChatRequest) -> Body:
    """The JSON of a reply that is not streamed."""
    message = {
        "role": "assistant",
        "content": reply.content,
        "refusal": reply.refusal,
        **({"tool_calls": _tool_calls(reply)} if reply.tool_calls else {}),
    }
    choices = [
        {"index": i, "message": message, "logprobs": None, "finish_reason": reply.finish_reason}
        for i in range(request.body.get("n") or 1)
    ]
    head = _head(request, "chat.completion")
    return {**head, "choices": choices, "usage": _usage(reply, request)}


def events(reply: ChatReply, request: ChatRequest) -> list[bytes]:
    """The events of a streamed reply, a token each."""
    options = request.body.get("stream_options") or {}
    wants_usage = bool(options.get("include_usage"))
    head = _head(request, "chat.completion.chunk") | ({"usage": None} if wants_usage else {})
    chunks = [
        {**head, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": why}]}
        for delta, why in _deltas(reply)
    ]
    if wants_usage:
        chunks.append({**head, "choices": [], "usage": _usage(reply, request)})
    lines = [json.dumps(chunk) for chunk in chunks]
    return [f"data: {line}\n\n".encode() for line in [*lines, "[DONE]"]]


def _deltas(reply: ChatReply) -> Iterator[tuple[Body, str | None]]:
    yield {"role": "assistant", "content": "" if reply.content else None, "refusal": None}, None
    for token in _tokens(reply.content):
        yield {"content": token}, None
    for token in _tokens(reply.refusal):
        yield {"refusal": token}, None
    for i, call in enumerate(_tool_calls(reply)):
        yield {"tool_calls": [{"index": i, **call}]}, None
    yield {}, reply.finish_reason


def _tool_calls(reply: ChatReply) -> list[Body]:
    return [
        {
            "id": f"call_{i}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for i, (name, arguments) in enumerate(reply.tool_calls.items())
    ]


def _head(request: ChatRequest, kind: str) -> Body:
    return {
        "id": "chatcmpl-test",
        "object": kind,
        "created": 0,
        "model": request.model,
        "system_fingerprint": None,
    }


def _usage(reply: ChatReply, request: ChatRequest) -> Body:
    prompt = len(_tokens(request.text)) + _IMAGE_TOKENS * len(request.images)
    arguments = "".join(json.dumps(one) for one in reply.tool_calls.values())
    answer = len(_tokens(reply.content) + _tokens(reply.refusal) + _tokens(arguments))
    return {
        "prompt_tokens": prompt,
        "completion_tokens": answer,
        "total_tokens": prompt + answer,
    }


def _tokens(text: str | None) -> list[str]:
    return re.findall(r"\s*\S+|\s+$", text or "")
