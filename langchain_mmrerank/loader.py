"""Loaders, markers after a split, and images for documents that are already indexed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from langchain_core.document_loaders import BaseLoader
from langchain_core.documents import Document

from langchain_mmrerank.convert import from_chunk
from mmrerank.loaders.attach import FigureIndex
from mmrerank.loaders.pdf import PDFLoader
from mmrerank.refs import IMAGES_KEY, read_refs, write_refs
from mmrerank.refs import resolve_markers as resolve

__all__ = ["MultimodalPDFLoader", "attach_images", "resolve_markers"]


class MultimodalPDFLoader(BaseLoader):
    """A PDF as documents: chunks of text whose metadata names the images that belong to them.

    Images are saved under `image_root`; `metadata["images"]` holds their references as a JSON
    list in a string, strongest link first. Ids are deterministic. `options` are those of
    `mmrerank.PDFLoader`. Raises `DocumentError` for a file that cannot be loaded.
    """

    def __init__(
        self,
        file_path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Any,
    ) -> None:
        self._loader = PDFLoader(file_path, image_root=image_root, **options)

    def lazy_load(self) -> Iterator[Document]:
        """One document a chunk, page by page."""
        return map(from_chunk, self._loader.lazy_load())


def attach_images(
    documents: Sequence[Document],
    pdf: str | os.PathLike[str],
    *,
    image_root: str | os.PathLike[str],
    password: str | None = None,
) -> list[Document]:
    """Copies of documents from any loader, with the references of the PDF's images that belong.

    Documents are matched by their metadata (source and page) and their text; those of another
    file come back as they are. Embeddings and ids stay, so an index need not be built again:
    rerank with `image_root`, or update the store's metadata.
    """
    index = FigureIndex.from_pdf(pdf, image_root=image_root, password=password)
    return [
        document.model_copy(
            update={"metadata": index.attach(document.metadata, document.page_content)}
        )
        for document in documents
    ]


def resolve_markers(documents: Iterable[Document]) -> list[Document]:
    """Copies of a splitter's pieces, each with the images that it speaks of, and no markers.

    For documents loaded with `markers=True` and cut by a text splitter, which copies all images
    of a document to each of its pieces. A piece without a marker has no images.
    """
    return [_resolved(document) for document in documents]


def _resolved(document: Document) -> Document:
    metadata = dict(document.metadata)
    text, refs = resolve(document.page_content, read_refs(metadata.pop(IMAGES_KEY, None)))
    if images := write_refs(refs):
        metadata[IMAGES_KEY] = images
    return document.model_copy(update={"page_content": text, "metadata": metadata})
