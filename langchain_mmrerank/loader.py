"""Loaders, markers after a split, and images for documents that are already indexed."""

from __future__ import annotations

import mimetypes
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import Unpack

from langchain_core.document_loaders import BaseBlobParser, BaseLoader, Blob
from langchain_core.documents import Document

from langchain_mmrerank.convert import from_chunk
from mmrerank.loaders.file_options import FileOptions, FolderOptions
from mmrerank.loaders.files import FileLoader, path_loader
from mmrerank.loaders.pdf.attach import FigureIndex
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.options import PDFOptions
from mmrerank.loaders.pieces import own_images
from mmrerank.retrieval.chroma_metadata import write_images

__all__ = [
    "MultimodalBlobParser",
    "MultimodalLoader",
    "MultimodalPDFLoader",
    "attach_images",
    "resolve_markers",
]


class MultimodalPDFLoader(BaseLoader):
    """A PDF as documents: chunks of text whose metadata names the images that belong to them.

    Images are saved under `image_root`; `metadata["images"]` lists their references, strongest
    link first, as JSON in a string. The same file always has the same ids. `options` are those of
    `PDFOptions`. Loading raises `DocumentError` for a file that cannot be read.
    """

    def __init__(
        self,
        file_path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Unpack[PDFOptions],
    ) -> None:
        self._loader = PDFLoader(file_path, image_root=image_root, **options)

    def lazy_load(self) -> Iterator[Document]:
        """One document for each chunk, page by page."""
        return map(from_chunk, self._loader.lazy_load())


class MultimodalLoader(BaseLoader):
    """A file, or a folder of files, as documents (see `MultimodalPDFLoader`).

    Formats: PDF, PPTX, DOCX, XLSX, HTML, Markdown, EPUB, EML, text, CSV and images. `options`
    are those of `FileOptions`; a folder takes those of `FolderOptions` too. Loading raises `DocumentError` for a
    file that cannot be read.
    """

    def __init__(
        self,
        file_path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        **options: Unpack[FolderOptions],
    ) -> None:
        self._loader = path_loader(file_path, image_root=image_root, **options)

    def lazy_load(self) -> Iterator[Document]:
        """One document for each chunk."""
        return map(from_chunk, self._loader.lazy_load())


class MultimodalBlobParser(BaseBlobParser):
    """Parses blobs for `GenericLoader`: the formats of `MultimodalLoader`, by suffix or MIME type."""

    def __init__(
        self, *, image_root: str | os.PathLike[str], **options: Unpack[FileOptions]
    ) -> None:
        self._image_root = image_root
        self._options = options

    def lazy_parse(self, blob: Blob) -> Iterator[Document]:
        """One document for each chunk. A blob in memory is written to a temporary file first.

        Raises `DocumentError` for a blob that cannot be read.
        """
        if blob.data is None and blob.path is not None:
            yield from self._load(blob.path)
            return
        suffix = PurePath(str(blob.path or blob.source or "")).suffix
        suffix = suffix or mimetypes.guess_extension(blob.mimetype or "") or ""
        with tempfile.TemporaryDirectory(prefix="mmrerank-") as folder:
            path = Path(folder, f"blob{suffix}")
            path.write_bytes(blob.as_bytes())
            source = str(blob.source or "blob")
            for document in self._load(path):
                yield document.model_copy(
                    update={"metadata": {**document.metadata, "source": source}}
                )

    def _load(self, path: str | os.PathLike[str]) -> Iterator[Document]:
        loader = FileLoader(path, image_root=self._image_root, **self._options)
        return map(from_chunk, loader.lazy_load())


def attach_images(
    documents: Sequence[Document],
    pdf: str | os.PathLike[str],
    *,
    image_root: str | os.PathLike[str],
    password: str | None = None,
    store: object = None,
) -> list[Document]:
    """Copies of documents from any loader, with references to the PDF's images that belong to them.

    Documents are matched by their metadata (source and page) and their text; those of other files
    come back unchanged. Ids and texts stay, so nothing has to be embedded again: rerank the copies
    with the same `image_root`. `store`, a LangChain `Chroma` or a chromadb collection, gets the
    references written into the metadata of these documents, which are found by their ids.

    Raises `DocumentError` for a PDF that cannot be read. With a `store`: `InvalidInputError` for
    another kind of store and documents without ids, `StoreError` for ids that it does not have
    (then nothing is written) and where it cannot be written.
    """
    index = FigureIndex.from_pdf(pdf, image_root=image_root, password=password)
    attached = [
        document.model_copy(
            update={"metadata": index.attach(document.metadata, document.page_content)}
        )
        for document in documents
    ]
    if store is not None:
        write_images(store, [(document.id, document.metadata) for document in attached])
    return attached


def resolve_markers(
    documents: Iterable[Document], *, image_root: str | os.PathLike[str] | None = None
) -> list[Document]:
    """Copies of a splitter's pieces, without markers, each with only its own images.

    A splitter copies all images of a document to each of its pieces. Loaded with `markers=True`, a
    piece keeps the images marked in it, and has none without a marker. Loaded without, and with the
    loader's `image_root`, it keeps those whose number ("Figure 3") it mentions; an image that no
    piece mentions stays with all pieces of its document.
    """
    pieces = list(documents)
    root = None if image_root is None else Path(image_root)
    own = own_images([(piece.page_content, piece.metadata) for piece in pieces], root)
    return [
        piece.model_copy(update={"page_content": text, "metadata": metadata})
        for piece, (text, metadata) in zip(pieces, own, strict=True)
    ]
