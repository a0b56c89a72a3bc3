"""Cuts texts that a service would refuse, and reads from its refusal how much it takes."""

from __future__ import annotations

import re
from dataclasses import replace

from mmrerank.errors import APIError, warn
from mmrerank.http.call import UsageCounter
from mmrerank.types import Content

__all__ = ["cut_texts", "shortened", "tell_cut", "too_many_tokens"]

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


def shortened(query: Content, item: Content, error: APIError) -> Content:
    """`item` with a text that may fit, after a service has refused it with this error.

    The text is always shorter than before: by what the message says, or else by half. Raises the
    error if so little would be left that the query must be what is too long.
    """
    text = (item.text or "").encode(errors="replace")
    question = len((query.text or "").encode(errors="replace"))
    counts = too_many_tokens(str(error))
    if counts is None:
        room = len(text) // 2
    else:
        tokens, max_tokens = counts
        # Bytes of the whole prompt that make as many tokens as there may be, without the query's.
        whole = (question + len(text)) * max_tokens / max(1, tokens)
        room = min(int(whole * _MARGIN) - question, int(len(text) * _MARGIN))
    if room < _SHORTEST:
        raise error
    return replace(item, text=text[:room].decode(errors="ignore"))


def tell_cut(model: str, counter: UsageCounter, count: int) -> None:
    """Count the documents that were cut, and warn of them."""
    counter.add(truncated=count)
    if count:
        warn(f"{model}: documents longer than the service takes were cut: {count}")
