"""The embedders of an index: made when they are needed, and the same as when the index was made."""

from __future__ import annotations

import functools
import io
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

from mmrerank.errors import RerankError, StoreError
from mmrerank.index.ledger import Ledger
from mmrerank.index.writer import Writer
from mmrerank.retrieval.base import TextEmbedder, as_embedder
from mmrerank.retrieval.embedder import Embedder, Vector
from mmrerank.retrieval.embedders import DEFAULT_EMBEDDER, make_embedder
from mmrerank.types import Content, Image

__all__ = ["IMAGE_EMBEDDER_NOTE", "IndexEmbedder", "IndexImageEmbedder", "RememberedEmbedder"]

IMAGE_EMBEDDER_NOTE = "image_embedder"
"""The note of a ledger that identifies the index's image embedder; missing where there is none."""

_SHOWN = 4  # numbers of a vector that identify an embedder
_TOLERANCE = 0.002  # the same model gives slightly other numbers on another device
_PROBE = "probe of an embedder"


class RememberedEmbedder(ABC):
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

    def __init__(self, given: Embedder | str | None, ledger: Ledger, folder: str) -> None:
        self._ledger, self._folder = ledger, folder
        self.name = given if isinstance(given, str) else None
        self._embedder = None if isinstance(given, str) else given
        self._is_ours = self._embedder is None  # then we close it
        self._is_checked = False
        self._facts = ""  # of the embedder, once it is checked
        if given is None:
            self.name = ledger.note(self._name_note) or self._default
        else:
            self.checked()

    @abstractmethod
    def _probes(self, embedder: Embedder) -> Iterable[Vector]:
        """Vectors of what is always the same, which identify an embedder."""

    def remember(self, writer: Writer) -> None:
        """Note the embedder of a new index, and the name that makes it again."""
        if self._ledger.note(self._note) is None:
            self.checked()
            writer.set_note(self._note, self._facts)
        is_known = self.name is None or self._ledger.note(self._name_note) == self.name
        if self._is_checked and not is_known and self.name is not None:
            writer.set_note(self._name_note, self.name)

    def close(self) -> None:
        """Free a model that was made here. Safe to call twice."""
        if self._is_ours and self._embedder is not None:
            self._embedder.close()
            self._embedder, self._is_checked = None, False

    def checked(self) -> Embedder:
        """The embedder itself. Raises `StoreError` for another than that of the index."""
        if self._embedder is None:
            assert self.name is not None, "asked only where there is an embedder"
            self._embedder = self._make(self.name)
        if not self._is_checked:
            known = self._ledger.note(self._note)
            self._facts = self._facts_of(self._embedder)
            if known is not None and not _agree(known, self._facts):
                raise StoreError(self._mismatch(known, self._facts))
            self._is_checked = True
        return self._embedder

    def embed_texts(self, texts: Sequence[str]) -> list[Vector]:
        """One vector per text, in order. Raises `StoreError` for the wrong embedder."""
        return self.checked().embed_texts(texts)

    def embed_query(self, query: str | Content) -> Vector:
        """The vector of one query. Raises `StoreError` for the wrong embedder."""
        try:
            return self.checked().embed_query(query)
        except RerankError:
            raise
        except Exception as error:  # an embedder of the user's own may raise anything
            raise self.failure(error) from error

    def embed_images(self, images: Sequence[Image]) -> list[Vector]:
        """One vector per image, in order. Raises `StoreError` for the wrong embedder."""
        try:
            return self.checked().embed_images(images)
        except RerankError:
            raise
        except Exception as error:
            raise self.failure(error) from error

    def failure(self, error: Exception) -> StoreError:
        """The error for whatever an embedder raises."""
        return StoreError(f"the {self._what} failed: {type(error).__name__}: {error}")

    def _make(self, name: str) -> Embedder:
        return make_embedder(name)

    def _mismatch(self, known: str, ours: str) -> str:
        name = self._ledger.note(self._name_note)
        same = f"{self._option} {name}" if name else f"the same {self._what}"
        return (
            f"the index in {self._folder} was made with another {self._what} ({known}); this is "
            f"{ours}: use {same}, or another folder"
        )

    def _facts_of(self, embedder: Embedder) -> str:
        """What identifies an embedder: its class, dimensions and the first numbers of vectors."""
        vectors = list(self._probes(embedder))
        values = ", ".join(f"{value:.4f}" for vector in vectors for value in vector[:_SHOWN])
        kind = embedder.name.partition(":")[0]  # a model may move: its vectors say which it is
        return f"{kind}, {len(vectors[0])} dimensions, {values}, ..."


class IndexEmbedder(RememberedEmbedder):
    """The embedder of the texts of one index; see `RememberedEmbedder`. Without any, the default."""

    _note, _name_note, _option = "embedder", "embedder_name", "--embedder"
    _what, _default = "embedder", DEFAULT_EMBEDDER

    def __init__(self, given: TextEmbedder | str | None, ledger: Ledger, folder: str) -> None:
        if given is not None and not isinstance(given, str):
            given = as_embedder(given)
        super().__init__(given, ledger, folder)

    def _probes(self, embedder: Embedder) -> Iterable[Vector]:
        return [embedder.embed_query(_PROBE)]


class IndexImageEmbedder(RememberedEmbedder):
    """The embedder of the images of one index, if it has one; see `RememberedEmbedder`.

    If the texts have an embedder of the same name, there is one model for both. `given` is what
    `named_image_embedder` has checked.
    """

    _note, _name_note = IMAGE_EMBEDDER_NOTE, "image_embedder_name"
    _option, _what = "--image-embedder", "image embedder"

    def __init__(
        self, given: Embedder | str | None, ledger: Ledger, folder: str, *, texts: IndexEmbedder
    ) -> None:
        self._texts = texts
        super().__init__(given, ledger, folder)

    @property
    def is_there(self) -> bool:
        """Is there an image embedder: one that was given, or that the index knows by name?"""
        return self._embedder is not None or self.name is not None

    @property
    def is_missing(self) -> bool:
        """Was the index made with an image embedder that must be given again?"""
        return not self.is_there and self._ledger.note(self._note) is not None

    def remember(self, writer: Writer) -> None:
        """As for texts; without an image embedder there is nothing to note."""
        if self.is_there:
            super().remember(writer)

    def _make(self, name: str) -> Embedder:
        if name == self._texts.name:
            self._is_ours = False
            return self._texts.checked()
        return super()._make(name)

    def _probes(self, embedder: Embedder) -> Iterable[Vector]:
        yield embedder.embed_images([_probe_image()])[0]
        if "text" in embedder.modalities:
            yield embedder.embed_query(_PROBE)


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
