"""What requests for chat completions and embeddings may hold, as JSON Schema.

Written from OpenAI's published API description, vLLM's documentation of its extra parameters and
Ollama's of its compatibility, apart from any client, so that a client's mistake is not repeated
here. What has no use in tests (audio, files, web search) is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["EMBEDDINGS", "OLLAMA_ONLY", "VLLM_ONLY", "chat_schema"]

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"], "minimum": 1}
_FLAG_OR_NULL: Schema = {"type": ["boolean", "null"]}
_ANY_OBJECT: Schema = {"type": "object"}
_NAME: Schema = {"type": "string", "pattern": "^[a-zA-Z0-9_-]{1,64}$"}


def _object(required: Mapping[str, Any], optional: Mapping[str, Any] | None = None) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **(optional or {})},
        "additionalProperties": False,
    }


def _by(field: str, forms: Mapping[str, Schema]) -> Schema:
    """An object whose `field` says which of the forms it has: errors name the fault in that form."""
    return {
        "type": "object",
        "required": [field],
        "properties": {field: {"enum": list(forms)}},
        "allOf": [
            {"if": {"properties": {field: {"const": name}}}, "then": form}
            for name, form in forms.items()
        ],
    }


_TEXT_PART = _object({"type": {"const": "text"}, "text": _TEXT})
_IMAGE_PART = _object(
    {
        "type": {"const": "image_url"},
        "image_url": _object(
            {"url": {"type": "string", "minLength": 1}},
            {"detail": {"enum": ["auto", "low", "high", "original"]}},
        ),
    }
)
_REFUSAL_PART = _object({"type": {"const": "refusal"}, "refusal": _TEXT})


def _content(*types: str, null: bool = False) -> Schema:
    """A text, or a list of parts of these types."""
    forms = {"text": _TEXT_PART, "image_url": _IMAGE_PART, "refusal": _REFUSAL_PART}
    parts = {"items": _by("type", {name: forms[name] for name in types}), "minItems": 1}
    return {"type": ["string", "array", *(["null"] if null else [])], **parts}


_TOOL_CALL = _object(
    {
        "id": _TEXT,
        "type": {"const": "function"},
        "function": _object({"name": _NAME, "arguments": _TEXT}),
    }
)

_TEXT_MESSAGE = {"role": _TEXT, "content": _content("text")}

_MESSAGE = _by(
    "role",
    {
        "developer": _object(_TEXT_MESSAGE, {"name": _TEXT}),
        "system": _object(_TEXT_MESSAGE, {"name": _TEXT}),
        "user": _object({"role": _TEXT, "content": _content("text", "image_url")}, {"name": _TEXT}),
        "assistant": _object(
            {"role": _TEXT},
            {
                "content": _content("text", "refusal", null=True),
                "refusal": {"type": ["string", "null"]},
                "name": _TEXT,
                "tool_calls": {"type": "array", "items": _TOOL_CALL, "minItems": 1},
            },
        ),
        "tool": _object({**_TEXT_MESSAGE, "tool_call_id": _TEXT}),
    },
)

_RESPONSE_FORMAT = _by(
    "type",
    {
        "text": _object({"type": _TEXT}),
        "json_object": _object({"type": _TEXT}),
        "json_schema": _object(
            {
                "type": _TEXT,
                "json_schema": _object(
                    {"name": _NAME},
                    {"description": _TEXT, "schema": _ANY_OBJECT, "strict": _FLAG_OR_NULL},
                ),
            }
        ),
    },
)

_TOOL = _object(
    {
        "type": {"const": "function"},
        "function": _object(
            {"name": _NAME},
            {"description": _TEXT, "parameters": _ANY_OBJECT, "strict": _FLAG_OR_NULL},
        ),
    }
)

_TOOL_CHOICE: Schema = {
    "anyOf": [
        {"enum": ["none", "auto", "required"]},
        _object({"type": {"const": "function"}, "function": _object({"name": _NAME})}),
    ]
}

_CHAT: Schema = {
    "frequency_penalty": _NUMBER_OR_NULL,
    "logit_bias": {"type": ["object", "null"]},
    "logprobs": _FLAG_OR_NULL,
    "max_completion_tokens": _COUNT_OR_NULL,
    "max_tokens": _COUNT_OR_NULL,
    "metadata": {"type": ["object", "null"]},
    "modalities": {"type": ["array", "null"], "items": {"enum": ["text"]}},
    "n": {"type": ["integer", "null"], "minimum": 1, "maximum": 128},
    "parallel_tool_calls": {"type": "boolean"},
    "presence_penalty": _NUMBER_OR_NULL,
    "prompt_cache_key": _TEXT,
    "reasoning_effort": {"type": ["string", "null"]},
    "response_format": _RESPONSE_FORMAT,
    "safety_identifier": _TEXT,
    "seed": {"type": ["integer", "null"]},
    "service_tier": {"enum": ["auto", "default", "flex", "scale", "priority", "fast", None]},
    "stop": {"type": ["string", "array", "null"], "items": _TEXT, "maxItems": 4},
    "store": _FLAG_OR_NULL,
    "stream": _FLAG_OR_NULL,
    "stream_options": {
        "anyOf": [
            {"type": "null"},
            _object({}, {"include_usage": {"type": "boolean"}, "include_obfuscation": {"type": "boolean"}}),
        ]
    },
    "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
    "tool_choice": _TOOL_CHOICE,
    "tools": {"type": "array", "items": _TOOL, "minItems": 1},
    "top_logprobs": {"type": ["integer", "null"]},
    "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
    "user": _TEXT,
    "verbosity": {"enum": ["low", "medium", "high", None]},
}  # fmt: skip

VLLM_ONLY: Schema = {
    "structured_outputs": {
        **_object(
            {},
            {
                "json": {"type": ["object", "string"]},
                "regex": _TEXT,
                "choice": {"type": "array", "items": _TEXT},
                "grammar": _TEXT,
                "json_object": {"const": True},
                "structural_tag": _TEXT,
            },
        ),
        "minProperties": 1,
        "maxProperties": 1,
    },
    "chat_template_kwargs": {"type": ["object", "null"]},
    "min_p": _NUMBER_OR_NULL,
    "mm_processor_kwargs": {"type": ["object", "null"]},
    "priority": {"type": "integer"},
    "repetition_penalty": _NUMBER_OR_NULL,
    "top_k": {"type": ["integer", "null"]},
}
"""Fields that vLLM reads beside OpenAI's. `guided_json` and its like went in version 0.12."""

OLLAMA_ONLY: Schema = {"reasoning": {"type": ["object", "null"]}}
"""Fields that Ollama reads beside OpenAI's."""


def chat_schema(extra: Schema) -> Schema:
    """A request for a chat completion, with the additional fields `extra` of a server."""
    messages = {"type": "array", "items": _MESSAGE, "minItems": 1}
    return _object(
        {"model": {"type": "string", "minLength": 1}, "messages": messages}, _CHAT | extra
    )


_SOME_TEXT: Schema = {"type": "string", "minLength": 1}
_TOKENS: Schema = {"type": "array", "items": {"type": "integer"}, "minItems": 1}

EMBEDDINGS = _object(
    {
        "model": {"type": "string", "minLength": 1},
        "input": {
            "anyOf": [
                _SOME_TEXT,
                {"type": "array", "items": _SOME_TEXT, "minItems": 1, "maxItems": 2048},
                {**_TOKENS, "maxItems": 2048},
                {"type": "array", "items": _TOKENS, "minItems": 1, "maxItems": 2048},
            ]
        },
    },
    {
        "dimensions": {"type": "integer", "minimum": 1},
        "encoding_format": {"enum": ["float", "base64"]},
        "user": _TEXT,
    },
)
"""A request for embeddings."""
