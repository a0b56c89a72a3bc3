"""The embedders of an index: made when they are needed, and the same as when the index was made."""

from __future__ import annotations

import contextlib
import functools
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, Generic, TypeVar

from mmrerank.errors import InvalidInputError, StoreError
from mmrerank.index.ledger import Ledger
from mmrerank.index.writer import Writer
from mmrerank.retrieval.base import TextEmbedder, embedded_query
from mmrerank.retrieval.embedder import Embedder
from mmrerank.retrieval.embedders import DEFAULT_EMBEDDER, make_embedder
from mmrerank.types import Content, Image

__all__ = ["IMAGE_EMBEDDER_NOTE", "IndexEmbedder", "IndexImageEmbedder"]

IMAGE_EMBEDDER_NOTE = "image_embedder"
"""The note of a ledger that identifies the index's image embedder; missing where there is none."""

_SHOWN = 4  # numbers of a vector that identify an embedder
_TOLERANCE = 0.002  # the same model gives slightly other numbers on another device
_PROBE = "probe of an embedder"

T = TypeVar("T", bound=TextEmbedder)


class _Remembered(ABC, Generic[T]):
    """An embedder that the ledger of an index remembers, so that no other takes its place.

    `given` is an embedder, or a name that `embedder_name` has checked; it is compared at once. With
    None, the embedder that the index remembers by name is made at its first use, so that listing
    files loads no model. `folder` is for messages. Raises `StoreError` for another embedder than
    that of the index.
    """

    _note: ClassVar[str]  # of the ledger: what identifies the embedder
    _name_note: ClassVar[str]  # of the ledger: the name that makes it again
    _option: ClassVar[str]  # of the command line
    _what: ClassVar[str]
    _default: ClassVar[str | None] = None

    def __init__(self, given: T | str | None, ledger: Ledger, folder: str) -> None:
        self._ledger, self._folder = ledger, folder
        self._name = given if isinstance(given, str) else None
        self._embedder = None if given is None or isinstance(given, str) else given
        self._is_ours = self._embedder is None  # then we close it
        self._is_checked = False
        if given is None:
            self._name = ledger.note(self._name_note) or self._default
        else:
            self._checked()

    @abstractmethod
    def _made(self, name: str) -> T:
        """The embedder of a name."""

    @abstractmethod
    def _vectors(self, embedder: T) -> Iterable[Sequence[float]]:
        """Vectors of what is always the same, which identify an embedder."""

    def remember(self, writer: Writer) -> None:
        """Note the embedder of a new index, and the name that makes it again."""
        if self._ledger.note(self._note) is None:
            writer.set_note(self._note, self._facts(self._checked()))
        if self._is_checked and self._name is not None:
            if self._ledger.note(self._name_note) != self._name:
                writer.set_note(self._name_note, self._name)

    def close(self) -> None:
        """Free a model that was made here. Safe to call twice."""
        if self._is_ours and self._embedder is not None:
            with contextlib.suppress(AttributeError):  # some embedders have nothing to free
                self._embedder.close()  # type: ignore[attr-defined]
            self._embedder, self._is_checked = None, False

    def _checked(self) -> T:
        if self._embedder is None:
            assert self._name is not None, "asked only where there is an embedder"
            self._embedder = self._made(self._name)
        if not self._is_checked:
            known, ours = self._ledger.note(self._note), self._facts(self._embedder)
            if known is not None and not _agree(known, ours):
                raise StoreError(self._mismatch(known, ours))
            self._is_checked = True
        return self._embedder

    def _mismatch(self, known: str, ours: str) -> str:
        name = self._ledger.note(self._name_note)
        same = f"{self._option} {name}" if name else f"the same {self._what}"
        return (
            f"the index in {self._folder} was made with another {self._what} ({known}); this is "
            f"{ours}: use {same}, or another folder"
        )

    def _facts(self, embedder: T) -> str:
        """What identifies an embedder: its class, dimensions and the first numbers of vectors."""
        vectors = list(self._vectors(embedder))
        values = ", ".join(f"{value:.4f}" for vector in vectors for value in vector[:_SHOWN])
        return f"{type(embedder).__name__}, {len(vectors[0])} dimensions, {values}, ..."


class IndexEmbedder(_Remembered[TextEmbedder]):
    """The embedder of the texts of one index; see `_Remembered`. Without any, it is the default."""

    _note, _name_note, _option = "embedder", "embedder_name", "--embedder"
    _what, _default = "embedder", DEFAULT_EMBEDDER

    @property
    def name(self) -> str | None:
        """The name that makes the embedder again; None for one that was given as an object."""
        return self._name

    def checked(self) -> TextEmbedder:
        """The embedder itself. Raises `StoreError` for the wrong one."""
        return self._checked()

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order. Raises `StoreError` for the wrong embedder."""
        return self._checked().embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        """The vector of one query. Raises `StoreError` for the wrong embedder."""
        return self._checked().embed_query(text)

    def _made(self, name: str) -> TextEmbedder:
        return make_embedder(name)

    def _vectors(self, embedder: TextEmbedder) -> Iterable[Sequence[float]]:
        return [embedded_query(embedder, _PROBE)]


class IndexImageEmbedder(_Remembered[Embedder]):
    """The embedder of the images of one index, if it has one; see `_Remembered`.

    If the texts have the same embedder by name, there is one model for both. Raises
    `InvalidInputError` for an embedder that does not embed images.
    """

    _note, _name_note = IMAGE_EMBEDDER_NOTE, "image_embedder_name"
    _option = "--image-embedder"
    _what = "image embedder"

    def __init__(
        self, given: Embedder | str | None, ledger: Ledger, folder: str, *, texts: IndexEmbedder
    ) -> None:
        self._texts = texts
        super().__init__(given, ledger, folder)

    @property
    def is_there(self) -> bool:
        """Is there an image embedder: one that was given, or that the index knows by name?"""
        return self._embedder is not None or self._name is not None

    @property
    def is_missing(self) -> bool:
        """Was the index made with an image embedder that must be given again?"""
        return not self.is_there and self._ledger.note(self._note) is not None

    def checked(self) -> Embedder:
        """The embedder itself. Raises `StoreError` for the wrong one."""
        return self._checked()

    def remember(self, writer: Writer) -> None:
        """As for texts; without an image embedder there is nothing to note."""
        if self.is_there:
            super().remember(writer)

    def _made(self, name: str) -> Embedder:
        shared = name == self._texts.name
        made = self._texts.checked() if shared else make_embedder(name)
        self._is_ours = not shared
        if not isinstance(made, Embedder):
            raise _no_image_embedder(name)
        return made

    def _vectors(self, embedder: Embedder) -> Iterable[Sequence[float]]:
        if not isinstance(embedder, Embedder) or "image" not in embedder.modalities:
            raise _no_image_embedder(self._name or type(embedder).__name__)
        yield embedder.embed_images([_probe_image()])[0]
        if "text" in embedder.modalities:
            yield embedder.embed_query(Content(_PROBE))


def _no_image_embedder(name: str) -> InvalidInputError:
    return InvalidInputError(f"the embedder {name} embeds no images, so it is no image embedder")


@functools.cache
def _probe_image() -> Image:
    """A small picture that is the same everywhere: each of its pixels has another colour."""
    from PIL import Image as Pillow

    picture = Pillow.new("RGB", (64, 64))
    picture.putdata([(4 * x, 4 * y, 2 * (x + y)) for y in range(64) for x in range(64)])
    file = io.BytesIO()
    picture.save(file, "PNG")
    return Image.from_bytes(file.getvalue(), "image/png")


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
