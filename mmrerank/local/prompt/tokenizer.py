"""Tokenises text as plain text, control tokens by number, images as their placeholder tokens.

The tokeniser is read from the checkpoint's `tokenizer.json` without its added tokens, so
`<|im_end|>` written in a document is ten ordinary characters, and never the token that closes a
turn. The template's own control tokens are inserted by number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmrerank.errors import ModelLoadError
from mmrerank.local.prompt.prompt import ImagePart, PlacedImage

__all__ = ["Control", "ImageTokens", "Piece", "Pieces", "Tokenizer"]


@dataclass(frozen=True, slots=True)
class Control:
    """A token of the template, by number."""

    id: int


Piece = str | Control | ImagePart

Pieces = Sequence[Piece]


@dataclass(frozen=True, slots=True)
class ImageTokens:
    """The tokens of an image: one before it, one for each of its patches, one after it."""

    start: int
    pad: int
    end: int


class Tokenizer:
    """The plain-text tokeniser of a checkpoint. Thread-safe.

    Raises `ModelLoadError` for a tokenizer.json that cannot be read.
    """

    def __init__(self, path: Path, model: str) -> None:
        tokenizers = __import__("tokenizers")  # comes with transformers
        self.model = model
        try:
            spec = json.loads(path.read_text(encoding="utf-8"))
            self._added = {str(t["content"]): int(t["id"]) for t in spec.pop("added_tokens", [])}
            spec |= {"added_tokens": [], "truncation": None, "padding": None}
            self._plain: Any = tokenizers.Tokenizer.from_str(json.dumps(spec))
        except Exception as error:  # the library raises plain Exception for a bad file
            raise ModelLoadError(f"{model}: its tokenizer.json cannot be read: {error}") from error

    def control(self, name: str) -> Control:
        """The control token called `name`. Raises `ModelLoadError` if the vocabulary has none."""
        if name not in self._added:
            raise ModelLoadError(f"{self.model}: its vocabulary has no control token {name!r}")
        return Control(self._added[name])

    def around(self) -> tuple[list[Control], list[Control]]:
        """The tokens that the checkpoint's own post-processing puts before and after a text."""
        encoding = self._plain.encode("a", add_special_tokens=True)
        tokens = list(zip(encoding.ids, encoding.special_tokens_mask, strict=True))
        own = [i for i, (_, is_special) in enumerate(tokens) if not is_special]
        before, after = tokens[: own[0]], tokens[own[-1] + 1 :]
        return [Control(token) for token, _ in before], [Control(token) for token, _ in after]

    def word(self, text: str) -> int:
        """The id of a word that is one token. Raises `ModelLoadError` if it is not."""
        ids = self.encode([text])[0]
        if len(ids) != 1:
            raise ModelLoadError(
                f"{self.model}: its vocabulary has no token {text!r}, so it cannot score"
            )
        return ids[0]

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """The token ids of each text, without control tokens."""
        clean = [_clean(text) for text in texts]
        return [e.ids for e in self._plain.encode_batch_fast(clean, add_special_tokens=False)]

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a text begins and ends, in characters.

        Tokens that are parts of one character all have its place.
        """
        encoding = self._plain.encode(_clean(text), add_special_tokens=False)
        starts = _original_places(text)
        return [(starts[begin], starts[end]) for begin, end in encoding.offsets]

    def head(self, text: str, limit: int) -> tuple[str, bool]:
        """The first `limit` tokens of a text, as text, and whether anything was cut off."""
        if len(text.encode("utf-8", "surrogatepass")) <= limit:  # a token is at least one byte
            return text, False
        clean = _clean(text)
        encoding = self._plain.encode(clean, add_special_tokens=False)
        if len(encoding.ids) <= limit:
            return text, False
        return clean[: encoding.offsets[limit][0]], True

    def assemble(
        self, documents: Sequence[Pieces], image: ImageTokens | None = None
    ) -> list[tuple[list[int], list[PlacedImage]]]:
        """The token ids and the placed images of each list of pieces.

        Pieces of text that follow each other are tokenised together, since `:` and a line break,
        or a full stop and a line break, are one token. Raises TypeError for an image if `image` is
        None.
        """
        joined = [_join(pieces) for pieces in documents]
        texts = list(dict.fromkeys(p for pieces in joined for p in pieces if isinstance(p, str)))
        ids_of = dict(zip(texts, self.encode(texts), strict=True))
        return [_place(pieces, ids_of, image) for pieces in joined]


def _clean(text: str) -> str:
    """Half of a surrogate pair, which tokenisers refuse, becomes the replacement character."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _original_places(text: str) -> list[int]:
    """Where each character of `_clean(text)` begins in the text, and the text's end.

    Two halves of a surrogate pair that follow each other are one character of the clean text.
    """
    is_second_half = re.compile("(?<=[\ud800-\udbff])[\udc00-\udfff]").match
    places = [i for i in range(len(text)) if not is_second_half(text, i)]
    return [*places, len(text)]


def _join(pieces: Pieces) -> list[Piece]:
    out: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and out and isinstance(out[-1], str):
            out[-1] += piece
        else:
            out.append(piece)
    return out


def _place(
    pieces: list[Piece], ids_of: dict[str, list[int]], image: ImageTokens | None
) -> tuple[list[int], list[PlacedImage]]:
    ids: list[int] = []
    images: list[PlacedImage] = []
    for piece in pieces:
        if isinstance(piece, str):
            ids += ids_of[piece]
        elif isinstance(piece, Control):
            ids.append(piece.id)
        elif image is None:
            raise TypeError("an image in the prompt of a model without images")
        else:
            images.append(PlacedImage(piece, len(ids) + 1))
            ids += [image.start, *[image.pad] * piece.tokens, image.end]
    return ids, images
