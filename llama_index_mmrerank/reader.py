"""Readers, markers after a split, and images for nodes that are already indexed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from llama_index.core.readers.base import BaseReader
from llama_index.core.schema import BaseNode, Document, MetadataMode

from llama_index_mmrerank.convert import from_chunk, with_hidden_keys
from mmrerank.images.refs import IMAGES_KEY, read_refs, write_refs
from mmrerank.images.refs import resolve_markers as resolve
from mmrerank.loaders.files import FileLoader, FolderLoader
from mmrerank.loaders.pdf.attach import FigureIndex
from mmrerank.loaders.pdf.loader import PDFLoader

__all__ = ["MultimodalPDFReader", "MultimodalReader", "attach_images", "resolve_markers"]

AnyNode = TypeVar("AnyNode", bound=BaseNode)


class MultimodalPDFReader(BaseReader):
    """A PDF as documents: chunks of text whose metadata names the images that belong to them.

    Each is a node of its own, ready for `VectorStoreIndex(nodes)`. Images are saved under
    `image_root`; `metadata["images"]` holds their references as a JSON list in a string,
    strongest link first. Ids are deterministic; `ref_doc_id` stands for the file. `options` are
    those of `mmrerank.PDFLoader`. Works as `file_extractor` of `SimpleDirectoryReader` too.
    """

    def __init__(self, *, image_root: str | os.PathLike[str], **options: Any) -> None:
        self.image_root = image_root
        self.options = options

    def lazy_load_data(
        self, file: str | os.PathLike[str], extra_info: dict[str, Any] | None = None
    ) -> Iterator[Document]:
        """One document a chunk, page by page; `extra_info` is added to their metadata."""
        for chunk in PDFLoader(file, image_root=self.image_root, **self.options).lazy_load():
            document = from_chunk(chunk)
            document.metadata.update(extra_info or {})
            yield document

    def load_data(
        self, file: str | os.PathLike[str], extra_info: dict[str, Any] | None = None
    ) -> list[Document]:
        """All of the file's documents."""
        return list(self.lazy_load_data(file, extra_info))


class MultimodalReader(BaseReader):
    """A file of any known format, or a folder of them, as documents (see `MultimodalPDFReader`).

    PDF, PPTX, DOCX, HTML, Markdown and images. `options` are those of the format's loader in
    `mmrerank.loaders`, for a folder also those of `mmrerank.FolderLoader`. Works as
    `file_extractor` of `SimpleDirectoryReader` for any of the suffixes.
    """

    def __init__(self, *, image_root: str | os.PathLike[str], **options: Any) -> None:
        self.image_root = image_root
        self.options = options

    def lazy_load_data(
        self, file: str | os.PathLike[str], extra_info: dict[str, Any] | None = None
    ) -> Iterator[Document]:
        """One document a chunk; `extra_info` is added to their metadata."""
        kind = FolderLoader if os.path.isdir(file) else FileLoader  # noqa: PTH112 - any path
        loader = kind(file, image_root=self.image_root, **self.options)
        for chunk in loader.lazy_load():
            document = from_chunk(chunk)
            document.metadata.update(extra_info or {})
            yield document

    def load_data(
        self, file: str | os.PathLike[str], extra_info: dict[str, Any] | None = None
    ) -> list[Document]:
        """All of the file's documents."""
        return list(self.lazy_load_data(file, extra_info))


def attach_images(
    nodes: Sequence[AnyNode],
    pdf: str | os.PathLike[str],
    *,
    image_root: str | os.PathLike[str],
    password: str | None = None,
) -> list[AnyNode]:
    """Copies of nodes from any reader, with the references of the PDF's images that belong.

    Nodes are matched by their metadata (file and page) and their text; those of another file come
    back as they are. Embeddings and ids stay, so an index need not be built again.
    """
    index = FigureIndex.from_pdf(pdf, image_root=image_root, password=password)
    return [
        with_hidden_keys(node, index.attach(node.metadata, node.get_content(MetadataMode.NONE)))
        for node in nodes
    ]


def resolve_markers(nodes: Iterable[AnyNode]) -> list[AnyNode]:
    """Copies of a splitter's nodes, each with the images that it speaks of, and no markers.

    For documents loaded with `markers=True` and cut by a node parser, which copies all images of
    a document to each of its nodes. A node without a marker has no images.
    """
    return [_resolved(node) for node in nodes]


def _resolved(node: AnyNode) -> AnyNode:
    metadata = dict(node.metadata)
    text, refs = resolve(
        node.get_content(MetadataMode.NONE), read_refs(metadata.pop(IMAGES_KEY, None))
    )
    if images := write_refs(refs):
        metadata[IMAGES_KEY] = images
    copy = with_hidden_keys(node, metadata)
    copy.set_content(text)
    return copy
