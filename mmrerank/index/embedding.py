"""The embedder of an index: made when it is needed, and the same as when the index was made."""

from __future__ import annotations

from collections.abc import Sequence

from mmrerank.errors import StoreError
from mmrerank.index.ledger import Ledger
from mmrerank.index.writer import Writer
from mmrerank.retrieval.base import TextEmbedder, as_embedder
from mmrerank.retrieval.embedder import Embedder, Vector
from mmrerank.retrieval.embedders import DEFAULT_EMBEDDER, make_embedder

__all__ = ["IndexEmbedder"]

_FACTS, _NAME = "embedder", "embedder_name"  # notes of the ledger
_SHOWN = 4  # numbers of a vector that identify an embedder
_TOLERANCE = 0.002  # the same model gives slightly other numbers on another device


class IndexEmbedder:
    """The embedder of one index: it refuses to work if the index was made with another.

    `given` is an embedder, or a name that `embedder_name` has checked; it is compared at once. With
    None, the embedder that the index remembers by name is made at its first use, or else the
    default, so that listing files loads no model. `folder` is for messages. Raises `StoreError` for
    another embedder than that of the index.
    """

    def __init__(self, given: TextEmbedder | str | None, ledger: Ledger, folder: str) -> None:
        self._ledger, self._folder = ledger, folder
        self._name = given if isinstance(given, str) else None
        self._embedder = None if given is None or isinstance(given, str) else as_embedder(given)
        self._is_ours = self._embedder is None  # then we close it
        self._is_checked = False
        if given is None:
            self._name = ledger.note(_NAME) or DEFAULT_EMBEDDER
        else:
            self._checked()

    def embed_texts(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, in order. Raises `StoreError` for the wrong embedder."""
        return self._checked().embed_texts(texts)

    def embed_query(self, text: str) -> Vector:
        """The vector of one query. Raises `StoreError` for the wrong embedder."""
        return self._checked().embed_query(text)

    def remember(self, writer: Writer) -> None:
        """Note the embedder of a new index, and the name that makes it again."""
        if self._ledger.note(_FACTS) is None:
            writer.set_note(_FACTS, _facts(self._checked()))
        if self._is_checked and self._name is not None and self._ledger.note(_NAME) != self._name:
            writer.set_note(_NAME, self._name)

    def close(self) -> None:
        """Free a model that was made here. Safe to call twice."""
        if self._is_ours and self._embedder is not None:
            self._embedder.close()
            self._embedder, self._is_checked = None, False

    def _checked(self) -> Embedder:
        if self._embedder is None:
            self._embedder = make_embedder(self._name or DEFAULT_EMBEDDER)
        if not self._is_checked:
            known, ours = self._ledger.note(_FACTS), _facts(self._embedder)
            if known is not None and not _agree(known, ours):
                raise StoreError(self._mismatch(known, ours))
            self._is_checked = True
        return self._embedder

    def _mismatch(self, known: str, ours: str) -> str:
        name = self._ledger.note(_NAME)
        same = f"--embedder {name}" if name else "the same embedder"
        return (
            f"the index in {self._folder} was made with other embeddings ({known}); these are "
            f"{ours}: use {same}, or another folder"
        )


def _facts(embedder: Embedder) -> str:
    """What identifies an embedder: its class, dimensions and the first numbers of a vector."""
    vector = embedder.embed_query("probe of an embedder")
    values = ", ".join(f"{value:.4f}" for value in vector[:_SHOWN])
    kind = embedder.name.partition(":")[0]  # a model may move: its vector says which it is
    return f"{kind}, {len(vector)} dimensions, {values}, ..."


def _agree(known: str, ours: str) -> bool:
    """Do two facts describe the same embedder?"""
    (*old_kind, old), (*new_kind, new) = (text.split(", ", 2) for text in (known, ours))
    try:
        pairs = zip(_numbers(old), _numbers(new), strict=True)
        return old_kind == new_kind and all(abs(a - b) <= _TOLERANCE for a, b in pairs)
    except ValueError:  # notes of another form
        return known == ours


def _numbers(values: str) -> list[float]:
    return [float(value) for value in values.removesuffix(", ...").split(", ")]
