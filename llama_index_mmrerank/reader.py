"""Readers, markers after a split, and images for nodes that are already indexed."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, Unpack

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import BaseNode, Document, MetadataMode

from llama_index_mmrerank.convert import from_chunk, with_hidden_keys
from mmrerank.loaders.base import Chunk
from mmrerank.loaders.file_options import FolderOptions
from mmrerank.loaders.files import path_loader
from mmrerank.loaders.pdf.attach import FigureIndex
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.pdf.options import PDFOptions
from mmrerank.loaders.pieces import own_images
from mmrerank.retrieval.chroma_metadata import write_images

__all__ = ["MultimodalPDFReader", "MultimodalReader", "attach_images", "resolve_markers"]

AnyNode = TypeVar("AnyNode", bound=BaseNode)


class _ChunkReader(BaseReader):
    """A reader over one of the core's loaders."""

    @abstractmethod
    def _chunks(self, file: str | os.PathLike[str]) -> Iterator[Chunk]:
        """The chunks of the file, as the core loads them."""

    def lazy_load_data(
        self, file: str | os.PathLike[str], extra_info: dict[str, Any] | None = None
    ) -> Iterator[Document]:
        """One document for each chunk; `extra_info` is added to their metadata.

        Raises `DocumentError` for a file that cannot be read.
        """
        for chunk in self._chunks(file):
            document = from_chunk(chunk)
            document.metadata.update(extra_info or {})
            yield document

    def load_data(
        self, file: str | os.PathLike[str], extra_info: dict[str, Any] | None = None
    ) -> list[Document]:
        """All documents of `lazy_load_data`; raises as it does."""
        return list(self.lazy_load_data(file, extra_info))


class MultimodalPDFReader(_ChunkReader):
    """A PDF as documents: chunks of text whose metadata names the images that belong to them.

    Each is a node of its own, ready for `VectorStoreIndex(nodes)`. Images are saved under
    `image_root`; `metadata["images"]` lists their references, strongest link first, as JSON in a
    string. The same file always has the same ids, so that an `IngestionPipeline` with a docstore
    skips what it knows. `options` are those of `PDFOptions`. Works as `file_extractor` of
    `SimpleDirectoryReader` too.
    """

    def __init__(
        self, *, image_root: str | os.PathLike[str], **options: Unpack[PDFOptions]
    ) -> None:
        self.image_root = image_root
        self.options = options

    def _chunks(self, file: str | os.PathLike[str]) -> Iterator[Chunk]:
        return PDFLoader(file, image_root=self.image_root, **self.options).lazy_load()


class MultimodalReader(_ChunkReader):
    """A file, or a folder of files, as documents (see `MultimodalPDFReader`).

    Formats: PDF, PPTX, DOCX, XLSX, HTML, Markdown, EPUB, EML, text, CSV and images. `options`
    are those of `FileOptions`; a folder takes those of `FolderOptions` too. Works as `file_extractor` of
    `SimpleDirectoryReader` for any of their suffixes.
    """

    def __init__(
        self, *, image_root: str | os.PathLike[str], **options: Unpack[FolderOptions]
    ) -> None:
        self.image_root = image_root
        self.options = options

    def _chunks(self, file: str | os.PathLike[str]) -> Iterator[Chunk]:
        return path_loader(file, image_root=self.image_root, **self.options).lazy_load()


def attach_images(
    nodes: Sequence[AnyNode],
    pdf: str | os.PathLike[str],
    *,
    image_root: str | os.PathLike[str],
    password: str | None = None,
    store: object = None,
) -> list[AnyNode]:
    """Copies of nodes from any reader, with references to the PDF's images that belong to them.

    Nodes are matched by their metadata (file and page) and their text; those of other files come
    back unchanged. Ids, texts and embeddings stay, so nothing has to be embedded again. `store`, a
    `ChromaVectorStore` or a chromadb collection, gets the references written into the metadata of
    these nodes, which are found by their ids.

    Raises `DocumentError` for a PDF that cannot be read. With a `store`: `InvalidInputError` for
    another kind of store, `StoreError` for ids that it does not have (then nothing is written) and
    where it cannot be written.
    """
    index = FigureIndex.from_pdf(pdf, image_root=image_root, password=password)
    attached = [
        with_hidden_keys(node, index.attach(node.metadata, node.get_content(MetadataMode.NONE)))
        for node in nodes
    ]
    if store is not None:
        write_images(store, [(node.node_id, node.metadata) for node in attached])
    return attached


def resolve_markers(
    nodes: Iterable[AnyNode], *, image_root: str | os.PathLike[str] | None = None
) -> list[AnyNode]:
    """Copies of a splitter's nodes, without markers, each with only its own images.

    A node parser copies all images of a document to each of its nodes. Loaded with `markers=True`,
    a node keeps the images marked in it, and has none without a marker. Loaded without, and with
    the reader's `image_root`, it keeps those whose number ("Figure 3") it mentions; an image that
    no node mentions stays with all nodes of its document.
    """
    pieces = list(nodes)
    root = None if image_root is None else Path(image_root)
    texts = [(piece.get_content(MetadataMode.NONE), piece.metadata) for piece in pieces]
    return [
        _with_text(piece, text, metadata)
        for piece, (text, metadata) in zip(pieces, own_images(texts, root), strict=True)
    ]


def _with_text(node: AnyNode, text: str, metadata: dict[str, Any]) -> AnyNode:
    copy = with_hidden_keys(node, metadata)
    copy.set_content(text)
    return copy
