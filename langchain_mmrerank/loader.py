"""Loaders, markers after a split, and images for documents that are already indexed."""

from __future__ import annotations

import mimetypes
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from langchain_core.document_loaders import BaseBlobParser, BaseLoader, Blob
from langchain_core.documents import Document

from langchain_mmrerank.convert import from_chunk
from mmrerank.images.refs import IMAGES_KEY, read_refs, write_refs
from mmrerank.images.refs import resolve_markers as resolve
from mmrerank.loaders.files import FileLoader, FolderLoader
from mmrerank.loaders.pdf.attach import FigureIndex
from mmrerank.loaders.pdf.loader import PDFLoader

__all__ = [
    "MultimodalBlobParser",
    "MultimodalLoader",
    "MultimodalPDFLoader",
    "attach_images",
    "resolve_markers",
]


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


class MultimodalLoader(BaseLoader):
    """A file of any known format, or a folder of them, as documents (see `MultimodalPDFLoader`).

    PDF, PPTX, DOCX, HTML, Markdown and images. `options` are those of the format's loader in
    `mmrerank.loaders`, for a folder also those of `mmrerank.FolderLoader`.
    """

    def __init__(
        self,
        file_path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Any,
    ) -> None:
        kind = FolderLoader if os.path.isdir(file_path) else FileLoader  # noqa: PTH112 - any path
        self._loader = kind(file_path, image_root=image_root, **options)

    def lazy_load(self) -> Iterator[Document]:
        """One document a chunk."""
        return map(from_chunk, self._loader.lazy_load())


class MultimodalBlobParser(BaseBlobParser):
    """Parses blobs of any known format, for `GenericLoader`; the path or the type tells which."""

    def __init__(self, *, image_root: str | os.PathLike[str], **options: Any) -> None:
        self._image_root = image_root
        self._options = options

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """One document a chunk. A blob without a path is written to a temporary file."""
        if blob.data is None and blob.path is not None:
            yield from self._load(os.fspath(blob.path))
            return
        suffix = os.path.splitext(str(blob.path or blob.source or ""))[1]  # noqa: PTH122 - no path
        suffix = suffix or mimetypes.guess_extension(blob.mimetype or "") or ""
        with tempfile.TemporaryDirectory(prefix="mmrerank-") as folder:
            path = os.path.join(folder, f"blob{suffix}")
            with open(path, "wb") as file:  # noqa: PTH123 - as above
                file.write(blob.as_bytes())
            source = str(blob.source or "blob")
            for document in self._load(path):
                yield document.model_copy(
                    update={"metadata": {**document.metadata, "source": source}}
                )

    def _load(self, path: str) -> Iterator[Document]:
        loader = FileLoader(path, image_root=self._image_root, **self._options)
        return map(from_chunk, loader.lazy_load())


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
