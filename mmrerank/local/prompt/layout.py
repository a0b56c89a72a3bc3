"""Which tokens of a prompt come from the caller's query and document, and from where in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from mmrerank.local.prompt.prompt import ImagePart
from mmrerank.local.prompt.tokenizer import Control, Piece, Tokenizer

__all__ = ["Layout", "Owned", "Owner", "TokenPlace", "places", "plain", "words"]

Owner = Literal["query", "document"]

# Chinese, Japanese, Thai, Lao, Khmer and Burmese have no spaces between words: their words here are
# what the tokeniser takes for one. Vowel signs of Indic scripts are part of a word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"

_UNIT = re.compile(rf"[{_UNSPACED}]|(?:[^\W{_UNSPACED}]|[\u0300-\u036f\u0900-\u0dff])+|[^\w\s]+")


@dataclass(frozen=True, slots=True)
class Owned:
    """A piece of a prompt that is the caller's, not the template's: a whole text, or an image."""

    owner: Owner
    piece: str | ImagePart


Layout = Sequence[Piece | Owned]
"""The pieces of a prompt, with the owner of those that have one."""


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token of a query or document comes from.

    A token of text covers the characters `start` to `end`, without white space around them. Of the
    owner's image number `image`, it is the token number `start`, row by row.
    """

    owner: Owner
    start: int
    end: int
    image: int | None = None


def plain(layout: Layout) -> list[Piece]:
    """The pieces without their owners."""
    return [piece.piece if isinstance(piece, Owned) else piece for piece in layout]


def places(layout: Layout, tokenizer: Tokenizer) -> list[TokenPlace | None]:
    """The place of each token that `Tokenizer.assemble` makes of the pieces.

    None for a token of the template, and for one of white space alone.
    """
    found: list[TokenPlace | None] = []
    run: list[str | Owned] = []
    images = {"query": 0, "document": 0}
    for piece in layout:
        inner = piece.piece if isinstance(piece, Owned) else piece
        if isinstance(inner, str):
            run.append(piece)  # type: ignore[arg-type]
            continue
        found += _text_places(run, tokenizer)
        run = []
        if isinstance(inner, Control):
            found.append(None)
        else:
            found += _image_places(piece, inner, images)
    return found + list(_text_places(run, tokenizer))


def _image_places(
    piece: Piece | Owned, part: ImagePart, images: dict[str, int]
) -> list[TokenPlace | None]:
    """The places of an image's tokens, and None for the two around them."""
    if not isinstance(piece, Owned):
        return [None] * (part.tokens + 2)
    number = images[piece.owner]
    images[piece.owner] += 1
    inner = [TokenPlace(piece.owner, i, i + 1, number) for i in range(part.tokens)]
    return [None, *inner, None]


def _text_places(run: Sequence[str | Owned], tokenizer: Tokenizer) -> Iterator[TokenPlace | None]:
    """The places of the tokens of texts that follow each other, which are tokenised as one."""
    texts = [str(piece.piece) if isinstance(piece, Owned) else piece for piece in run]
    owned: list[tuple[int, int, Owner]] = []
    begin = 0
    for piece, text in zip(run, texts, strict=True):
        if isinstance(piece, Owned):
            owned.append((begin, begin + len(text), piece.owner))
        begin += len(text)
    whole = "".join(texts)
    for first, behind in tokenizer.offsets(whole) if whole else []:
        yield _place(whole, first, behind, owned)


def _place(
    text: str, first: int, behind: int, owned: Sequence[tuple[int, int, Owner]]
) -> TokenPlace | None:
    """The place of the token `text[first:behind]`: of its part that is an owner's, if any."""
    for begin, end, owner in owned:
        start, stop = max(first, begin), min(behind, end)
        covered = text[start:stop]
        if covered.strip():
            start += len(covered) - len(covered.lstrip())
            return TokenPlace(owner, start - begin, start - begin + len(covered.strip()))
    return None


def words(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int, list[int]]]:
    """The words of a text: where each begins and ends, and the indices of its tokens.

    `spans` are the places of the tokens. A token is never split: words that share one, such as
    those of a script without spaces, are one word here. Text without a token is left out.
    """
    units = [(match.start(), match.end(), -1) for match in _UNIT.finditer(text)]
    tokens = [(start, end, i) for i, (start, end) in enumerate(spans)]
    found: list[tuple[int, int, list[int]]] = []
    for start, end, token in sorted([*units, *tokens]):
        own = [token] if token >= 0 else []
        if found and start < found[-1][1]:
            before = found.pop()
            found.append((before[0], max(before[1], end), before[2] + own))
        else:
            found.append((start, end, own))
    return [word for word in found if word[2]]
