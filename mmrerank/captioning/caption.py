"""What a vision model says of an image: its form, and how an answer is read and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["CAPTION_SCHEMA", "Caption", "UnusableAnswerError", "caption_schema", "plain_caption", "read_caption"]  # fmt: skip

_TEXTS = {"brief": 400, "detailed": 6000}
"""The most characters of each text."""

_LISTS = {"text_in_image": (300, 600), "data_points": (200, 400), "keywords": (50, 100)}
"""The most items of each list, and the most characters of an item."""

_LONGEST_BOUND = 1900
"""The largest bound of a schema. llama.cpp, and Ollama with it, refuses those from 2000 on."""

_MEANINGS = {
    "text_in_image": "every piece of text in the image, exactly as it is printed",
    "data_points": "values that can be read from charts and tables, each with what it is a value of",
    "brief": "what the image shows, in one sentence",
    "detailed": "what the image shows, with its parts and how they are related",
    "keywords": "words by which somebody may look for the image",
}
"""The fields in the order in which they are written: transcribed before described."""

_MOST_READ, _MOST_PLAIN = 32_000, 4000
"""Characters of an answer that are read for plain text, and that are kept."""

_LOOP = re.compile(r"(\S.{0,119}?)\1{7,}", re.DOTALL)
_SHORTEST_LOOP = 160  # characters: a row of dots or zeros is no loop

_FENCED = re.compile(r"^\s*```(?:json)?\s*\n(.*?)\n?```\s*$", re.DOTALL)
_JSON_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"?\s*(:?)')
_REFUSALS = re.compile(
    r"\s*(i\W?m (?:very )?sorry|i am sorry|sorry, (?:but )?i|i (?:can\W?t|cannot|am unable|won\W?t)"
    r"|as an ai|unable to (?:assist|help|process))",
    re.IGNORECASE,
)
_LONGEST_REFUSAL = 400  # characters: a longer text says something of the image


class UnusableAnswerError(Exception):
    """An answer has no caption; the message says why. `is_refusal`: asking again is of no use."""

    def __init__(self, reason: str, *, is_refusal: bool = False) -> None:
        super().__init__(reason)
        self.is_refusal = is_refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What a model says of an image.

    `text_in_image` is transcribed, `data_points` are values read from charts and tables. With
    `is_plain` the model did not keep to the form, and `detailed` holds what it said instead.
    """

    text_in_image: tuple[str, ...] = ()
    data_points: tuple[str, ...] = ()
    brief: str = ""
    detailed: str = ""
    keywords: tuple[str, ...] = ()
    is_plain: bool = False

    @property
    def text(self) -> str:
        """All of it as one text, for a search."""
        parts = [self.brief, self.detailed, *self.text_in_image, *self.data_points]
        return "\n".join(part for part in [*parts, ", ".join(self.keywords)] if part)

    def to_json(self) -> str:
        """As a line of JSON, which `Caption.from_json` reads."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Caption:
        """Read what `to_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        values = json.loads(line)
        lists = {name: tuple(str(item) for item in values[name]) for name in _LISTS}
        texts = {name: str(values[name]) for name in _TEXTS}
        return _caption(lists, texts, is_plain=bool(values["is_plain"]))


def caption_schema(*, bounded: bool) -> dict[str, Any]:
    """The JSON Schema of a caption.

    OpenAI's strict form allows no bounds of lengths; with `bounded` they are there, for servers
    that keep a model from looping by them (vLLM, Ollama).
    """
    properties: dict[str, Any] = {}
    for name, meaning in _MEANINGS.items():
        if name in _TEXTS:
            limit = {"maxLength": min(_TEXTS[name], _LONGEST_BOUND)} if bounded else {}
            properties[name] = {"type": "string", "description": meaning, **limit}
        else:
            items, length = _LISTS[name]
            item = {"type": "string", **({"maxLength": length} if bounded else {})}
            limit = {"maxItems": items} if bounded else {}
            properties[name] = {"type": "array", "items": item, "description": meaning, **limit}
    return {
        "title": "caption",
        "description": "What an image shows.",
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


CAPTION_SCHEMA = caption_schema(bounded=False)
"""The JSON Schema of a caption, in the form that all services take."""


def read_caption(content: str | Mapping[str, Any]) -> Caption:
    """The caption in an answer. Raises `UnusableAnswerError` if there is none."""
    values = _object(content) if isinstance(content, str) else content
    lists = {name: _strings(name, values.get(name)) for name in _LISTS}
    texts = {name: _string(name, values.get(name)) for name in _TEXTS}
    caption = _caption(lists, texts)
    if not caption.text:
        raise UnusableAnswerError("the answer says nothing")
    if any(_has_loop(text) for text in caption.text.splitlines()):
        raise UnusableAnswerError("the answer repeats itself")
    return caption


def plain_caption(content: str | Mapping[str, Any]) -> Caption | None:
    """The text of an answer without a usable caption, without repetitions; None if it is empty.

    Of JSON that was cut off, the texts in it.
    """
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    text = text[:_MOST_READ]
    if text.lstrip().startswith(("{", "[", "```")):
        found = [match[1] for match in _JSON_STRING.finditer(text) if not match[2]]
        text = "\n".join(_unescaped(one) for one in found)
    text = _LOOP.sub(_once, text[: _MOST_READ // 2])[:_MOST_PLAIN].strip()
    return Caption(detailed=text, is_plain=True) if re.search(r"\w", text) else None


def _caption(
    lists: Mapping[str, tuple[str, ...]], texts: Mapping[str, str], *, is_plain: bool = False
) -> Caption:
    return Caption(
        text_in_image=lists["text_in_image"],
        data_points=lists["data_points"],
        brief=texts["brief"],
        detailed=texts["detailed"],
        keywords=lists["keywords"],
        is_plain=is_plain,
    )


def _object(content: str) -> Mapping[str, Any]:
    if not content.strip():
        raise UnusableAnswerError("the answer is empty")
    fenced = _FENCED.match(content)
    try:
        values = json.loads(fenced[1] if fenced else content)
    except (ValueError, RecursionError):
        is_refusal = len(content) <= _LONGEST_REFUSAL and bool(_REFUSALS.match(content))
        reason = f"refused: {content.strip()}" if is_refusal else "the answer is not JSON"
        raise UnusableAnswerError(reason, is_refusal=is_refusal) from None
    if not isinstance(values, dict):
        raise UnusableAnswerError("the answer is not a JSON object")
    return values


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise UnusableAnswerError(f"{name} is not a text")
    if len(value) > _TEXTS[name]:
        raise UnusableAnswerError(f"{name} has more than {_TEXTS[name]} characters")
    return _encodable(value.strip())


def _strings(name: str, value: Any) -> tuple[str, ...]:
    items, length = _LISTS[name]
    if not isinstance(value, list) or any(isinstance(item, (dict, list)) for item in value):
        raise UnusableAnswerError(f"{name} is not a list of texts")
    if len(value) > items:
        raise UnusableAnswerError(f"{name} has more than {items} items")
    texts = [_encodable(str(item).strip()) for item in value if item is not None]
    if any(len(text) > length for text in texts):
        raise UnusableAnswerError(f"an item of {name} has more than {length} characters")
    return tuple(dict.fromkeys(text for text in texts if text))


def _encodable(text: str) -> str:
    """Halves of surrogate pairs become question marks: no database takes them."""
    return text.encode("utf-8", "replace").decode()


def _has_loop(text: str) -> bool:
    return any(_is_loop(match) for match in _LOOP.finditer(text))


def _is_loop(match: re.Match[str]) -> bool:
    return len(match[0]) >= _SHORTEST_LOOP and bool(re.search(r"\w", match[1]))


def _once(match: re.Match[str]) -> str:
    return match[1] if _is_loop(match) else match[0]


def _unescaped(text: str) -> str:
    try:
        return _encodable(str(json.loads(f'"{text}"')))
    except ValueError:  # cut within an escape
        return text
