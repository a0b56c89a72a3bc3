"""The vectors of an index's images: which entries have one, and how those that lack it get it.

An image has one vector in each file that shows it: that of its figure's entry or, where it has none
(the scan of a page, an image file, an index without figures), that of the first chunk whose first
image it is. The vectors of new files are written together with those of their texts. An index
that gets an image embedder later, and one whose writer was killed, gets the missing ones here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mmrerank.errors import ImageError, warn
from mmrerank.index.embedding import IndexImageEmbedder
from mmrerank.index.ledger import Entry, Ledger
from mmrerank.index.writer import Writer
from mmrerank.progress import progress_bar
from mmrerank.retrieval.vector_store import IMAGE, Vector, VectorStore
from mmrerank.types import Image

__all__ = ["ImageIndexer", "ImageVectors"]

_BATCH = 64  # images between two writes: what a killed process has to embed again


@dataclass(frozen=True, slots=True)
class ImageVectors:
    """Vectors by vector id, and for each of the ids why it has no vector; "" if it has one."""

    vectors: Mapping[str, Vector] = field(default_factory=dict)
    problems: Mapping[str, str] = field(default_factory=dict)


class ImageIndexer:
    """Embeds the images of an index; does nothing in one without an image embedder."""

    def __init__(
        self,
        ledger: Ledger,
        writer: Writer,
        store: VectorStore,
        embedder: IndexImageEmbedder,
        image_root: Path,
    ) -> None:
        self._ledger, self._writer, self._store = ledger, writer, store
        self._embedder, self._image_root = embedder, image_root

    def refs_of(self, entries: Sequence[Entry]) -> dict[str, str]:
        """Which of a file's new entries get the vector of which image, by vector id."""
        if not self._embedder.is_there:
            return {}
        refs: dict[str, str] = {}  # vector ids by image: of a figure's entry, or else of the first
        for entry in sorted(entries, key=lambda entry: entry.kind != "figure"):
            if entry.images:
                refs.setdefault(entry.images[0], entry.vector_id)
        return {vector_id: ref for ref, vector_id in refs.items()}

    def add_missing(self, *, show_progress: bool = False) -> None:
        """Embed the images that lack a vector; each batch is kept, so that a next call goes on.

        Raises what the embedder and the vector store raise.
        """
        if not (self._embedder.is_there or self._embedder.is_missing):
            return
        missing = self._ledger.unembedded()
        if missing and self._embedder.is_missing:
            warn(
                f"{len(missing)} images get no vectors, since the image embedder of this index was "
                "not given: Index(folder, image_embedder=...)"
            )
            return
        show = show_progress and len(missing) > _BATCH
        with progress_bar(show, len(missing), "Embedding images") as advance:
            for start in range(0, len(missing), _BATCH):
                some = missing[start : start + _BATCH]
                entries = self._ledger.live([one.vector_id for one in some])
                self._ledger.fetch_images(list(entries.values()))
                made = self.embedded({one.vector_id: one.ref for one in some})
                self._store.update_vectors(IMAGE, made.vectors)
                self._writer.add_image_vectors(made.problems)
                if advance is not None:
                    advance(len(some))

    def embedded(self, refs: Mapping[str, str]) -> ImageVectors:
        """The vectors of images, by vector id; one that cannot be decoded costs only its own.

        Raises what the embedder raises otherwise.
        """
        vectors: dict[str, Vector] = {}
        problems = dict.fromkeys(refs, "")
        unique = list(dict.fromkeys(refs.values()))
        of_ref = dict(zip(unique, self._vectors_of(unique), strict=True))
        for vector_id, ref in refs.items():
            vector = of_ref[ref]
            if isinstance(vector, ImageError):
                problems[vector_id] = vector.reason
            else:
                vectors[vector_id] = vector
        return ImageVectors(vectors, problems)

    def _vectors_of(self, refs: Sequence[str]) -> Sequence[Vector | ImageError]:
        if not refs:
            return []
        images = [Image(path=self._image_root / ref, root=self._image_root) for ref in refs]
        try:
            return self._embedder.embed_images(images)
        except ImageError:  # rare; then each by itself, to know which
            return [self._vector_or_error(image) for image in images]

    def _vector_or_error(self, image: Image) -> Vector | ImageError:
        try:
            return self._embedder.embed_images([image])[0]
        except ImageError as error:
            warn(f"{error}; searches by images do not find it")
            return error
