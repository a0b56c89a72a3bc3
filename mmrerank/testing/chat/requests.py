"""What the chat server takes from a request, and what it refuses, as strictly as the service."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from mmrerank.errors import ImageError
from mmrerank.images.decode import content_hash, decode_image
from mmrerank.optional import require
from mmrerank.testing.chat.schema import EMBEDDINGS, OLLAMA_ONLY, VLLM_ONLY, chat_schema
from mmrerank.testing.dialects.forms import Body, RefusedError
from mmrerank.types import Image

__all__ = ["ChatDialect", "ChatMessage", "ChatRequest", "SentImage", "read_chat", "read_embeddings"]

ChatDialect = Literal["openai", "vllm", "ollama"]

_SCHEMAS = {
    "openai": chat_schema({}),
    "vllm": chat_schema(VLLM_ONLY),
    "ollama": chat_schema(OLLAMA_ONLY),
}
_FORMATS = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "MPO": "image/jpeg",
}
_TEXT_ONLY = {
    "openai": "Invalid content type. image_url is only supported by certain models.",
    "vllm": "At most 0 image(s) may be provided in one prompt.",
    "ollama": "this model does not support image input",
}
"""What each server answers where a model for text is sent images."""


@dataclass(frozen=True, slots=True)
class SentImage:
    """An image of a request: its bytes, with `sha256` and `size` in pixels; or a URL, not fetched.

    `hash` is the `content_hash` of the bytes, by which loaders name image files.
    """

    data: bytes = field(default=b"", repr=False)
    media_type: str = ""
    size: tuple[int, int] = (0, 0)
    url: str | None = None
    detail: str | None = None

    @property
    def hash(self) -> str:
        """32 hex digits that name the bytes; "" for a URL."""
        return content_hash(self.data) if self.url is None else ""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """A message: its texts and images in their order."""

    role: str
    parts: tuple[str | SentImage, ...]

    @property
    def text(self) -> str:
        """The texts, joined by line ends."""
        return "\n".join(part for part in self.parts if isinstance(part, str))

    @property
    def images(self) -> tuple[SentImage, ...]:
        """The images in their order."""
        return tuple(part for part in self.parts if isinstance(part, SentImage))


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request for a chat completion that was accepted.

    `schema` is the JSON Schema that the answer must have, however the dialect asks for it; None
    if none is asked for. `body` is the JSON as it was sent, `path` where it was sent to.
    """

    body: Body
    path: str
    messages: tuple[ChatMessage, ...]
    schema: dict[str, Any] | None = None

    @property
    def model(self) -> str:
        """The model that is asked."""
        return str(self.body["model"])

    @property
    def text(self) -> str:
        """The texts of all messages, joined by line ends."""
        return "\n".join(message.text for message in self.messages)

    @property
    def parts(self) -> tuple[str | SentImage, ...]:
        """Texts and images of all messages in their order: which text an image stands next to."""
        return tuple(part for message in self.messages for part in message.parts)

    @property
    def images(self) -> tuple[SentImage, ...]:
        """The images of all messages in their order."""
        return tuple(image for message in self.messages for image in message.images)

    @property
    def max_tokens(self) -> int | None:
        """The most tokens that the answer may have."""
        return self.body.get("max_completion_tokens") or self.body.get("max_tokens")

    @property
    def forced_tool(self) -> str | None:
        """The name of the function that the model must call, if there is one."""
        choice, tools = self.body.get("tool_choice"), self.body.get("tools") or []
        if isinstance(choice, dict):
            return str(choice["function"]["name"])
        return str(tools[0]["function"]["name"]) if choice == "required" and tools else None


def read_chat(
    body: Any, dialect: ChatDialect, *, path: str, takes_images: bool
) -> tuple[ChatRequest, list[str]]:
    """The request, and the fields that the server ignores. Raises `RefusedError`."""
    checked, ignored = _without_unknown(body, dialect)
    _check(checked, _SCHEMAS[dialect])
    messages = tuple(
        ChatMessage(one["role"], tuple(_parts(one.get("content"), dialect)))
        for one in checked["messages"]
    )
    if not takes_images and any(message.images for message in messages):
        raise RefusedError(_TEXT_ONLY[dialect])
    schema = _schema(checked)
    if dialect == "openai" and schema is not None and _asks_strictly(checked):
        _check_strict(schema, "schema")
    if dialect == "ollama":
        _check_bounds(schema)
    return ChatRequest(body, path, messages, schema), ignored


def read_embeddings(body: Any) -> list[str]:
    """The inputs as texts; tokens are read as their numbers. Raises `RefusedError`."""
    _check(body, EMBEDDINGS)
    value = body["input"]
    if isinstance(value, str) or isinstance(value[0], int):
        value = [value]
    return [one if isinstance(one, str) else json.dumps(one) for one in value]


def _without_unknown(body: Any, dialect: ChatDialect) -> tuple[Any, list[str]]:
    """The body as the server reads it: OpenAI refuses unknown fields, the others pass over them."""
    if dialect == "openai" or not isinstance(body, dict):
        return body, []
    known = _SCHEMAS[dialect]["properties"]
    ignored = sorted(name for name in body if name not in known)
    body = copy.deepcopy({name: value for name, value in body.items() if name in known})
    return body, ignored


def _check(value: Any, schema: dict[str, Any]) -> None:
    jsonschema = require("jsonschema")
    errors = jsonschema.Draft202012Validator(schema).iter_errors(value)
    if error := jsonschema.exceptions.best_match(errors):
        place = error.json_path.removeprefix("$").lstrip(".") or "the body"
        raise RefusedError(f"{place}: {error.message:.300}")


def _schema(body: Body) -> dict[str, Any] | None:
    outputs = body.get("structured_outputs") or {}
    if "json" in outputs:
        given = outputs["json"]
        return dict(json.loads(given) if isinstance(given, str) else given)
    wanted = body.get("response_format") or {}
    schema = wanted.get("json_schema", {}).get("schema")
    return None if schema is None else dict(schema)


def _asks_strictly(body: Body) -> bool:
    return bool(body["response_format"]["json_schema"].get("strict"))


def _check_strict(schema: Any, place: str) -> None:
    """OpenAI's subset: each object closed, each of its properties required."""
    if isinstance(schema, list):
        for i, one in enumerate(schema):
            _check_strict(one, f"{place}[{i}]")
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            raise RefusedError(f"{place}: 'additionalProperties' is required to be false")
        if set(schema.get("required", ())) != set(schema.get("properties", ())):
            raise RefusedError(f"{place}: 'required' must list every key of properties")
    for name, value in schema.items():
        _check_strict(value, f"{place}.{name}")


def _check_bounds(schema: Any) -> None:
    """llama.cpp, on which Ollama stands, compiles no repetition of 2000 times or more."""
    for name, value in schema.items() if isinstance(schema, dict) else ():
        if name in ("maxLength", "maxItems") and isinstance(value, int) and value >= 2000:
            raise RefusedError(f"failed to parse grammar: {name} of {value} is too large")
        _check_bounds(value)


def _parts(content: Any, dialect: ChatDialect) -> list[str | SentImage]:
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    return [
        _image(part["image_url"], dialect)
        if part["type"] == "image_url"
        else str(part.get("text", part.get("refusal")))
        for part in content
    ]


def _image(value: dict[str, Any], dialect: ChatDialect) -> SentImage:
    url, detail = value["url"], value.get("detail")
    if url.startswith(("http://", "https://")):
        if dialect == "ollama":
            raise RefusedError("invalid image input: Ollama reads inline base64 only")
        return SentImage(url=url, detail=detail)
    try:
        image = Image.from_data_uri(url)
        data = image.data or b""
        picture = decode_image(data, "image_url", None)
        media_type = image_type(data)
    except ImageError as error:
        raise RefusedError(f"invalid image: {error.reason}") from None
    if image.media_type != media_type:
        raise RefusedError(f"invalid image: called {image.media_type}, but is {media_type}")
    return SentImage(data, media_type, picture.size, None, detail)


def image_type(data: bytes) -> str:
    """The media type of an image file that chat models read. Raises `ImageError` for others."""
    from mmrerank.images.decode import open_header

    kind = str(open_header(data, "image_url").format)
    if kind not in _FORMATS:
        raise ImageError("image_url", f"{kind} is not one of {', '.join(_FORMATS)}")
    return _FORMATS[kind]
