"""Cuts texts that a service would refuse, and reads from its refusal how much it takes."""

from __future__ import annotations

import re
from dataclasses import replace

from mmrerank.types import Content

__all__ = ["cut_texts", "cut_to_bytes", "room_for_documents", "too_many_tokens"]

# llama.cpp: "input (900 tokens) is too large to process. increase the physical batch size (current
# batch size: 512)", "request (900 tokens) exceeds the available context size (512 tokens)", ...
_TOO_LONG = re.compile(r"\((\d{1,9}) tokens\)[^()]{1,80}\((?:current batch size: )?(\d{1,9})")

_MARGIN = 0.9  # since the text that is kept may have more tokens a byte than the whole

_SHORTEST = 32  # bytes; what is left of less is no document


def cut_texts(items: list[Content], max_characters: int) -> list[Content]:
    """`items`, those with longer texts cut to `max_characters`; the others are the same objects."""
    return [
        replace(item, text=item.text[:max_characters])
        if item.text is not None and len(item.text) > max_characters
        else item
        for item in items
    ]


def too_many_tokens(message: str) -> tuple[int, int] | None:
    """The tokens of a refused prompt, and how many there may be; None for another refusal."""
    match = _TOO_LONG.search(message)
    return (int(match[1]), int(match[2])) if match is not None else None


def room_for_documents(
    query: Content, items: list[Content], tokens: int, max_tokens: int
) -> int | None:
    """The bytes to which the texts of `items` should be cut, so that a prompt of `tokens` gets at
    most `max_tokens`. It is an estimate, but always less than the longest text has; None if no
    text can be cut so that something is left.
    """
    longest = max(_size(item) for item in items)
    question = _size(query)
    room = int((question + longest) * _MARGIN * max_tokens / max(1, tokens)) - question
    room = min(room, int(longest * _MARGIN))
    return room if room >= _SHORTEST else None


def cut_to_bytes(items: list[Content], max_bytes: int) -> list[Content]:
    """As `cut_texts`, for the length in UTF-8: it is closer to the number of tokens."""
    return [
        replace(
            item,
            text=(item.text or "").encode(errors="replace")[:max_bytes].decode(errors="ignore"),
        )
        if _size(item) > max_bytes
        else item
        for item in items
    ]


def _size(item: Content) -> int:
    return len((item.text or "").encode(errors="replace"))
