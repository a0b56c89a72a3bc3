"""The loaders in LangChain and LlamaIndex, with their own splitters and directory readers."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from mmrerank.images.refs import read_refs

pytest.importorskip("bs4")


def picture(color):
    data = io.BytesIO()
    Image.new("RGB", (80, 60), color).save(data, "PNG")
    return data.getvalue()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "belt.png").write_bytes(picture("red"))
    (folder / "hall.png").write_bytes(picture("blue"))
    text = "Belts carry parts from one hall to the next. " * 12
    (folder / "a.md").write_text(
        f"![Figure 1: A belt](belt.png)\n\n{text}\n\n![Figure 2: A hall](hall.png)\n\n{text}\n"
    )
    return folder


@pytest.fixture
def options(tmp_path):
    return {"image_root": tmp_path / "images", "chunk_size": 5000, "markers": True}


def test_pieces_of_langchains_splitter_keep_their_own_images(folder, options):
    splitters = pytest.importorskip("langchain_text_splitters")
    from langchain_mmrerank import MultimodalLoader, resolve_markers

    documents = MultimodalLoader(folder / "a.md", **options).load()
    splitter = splitters.RecursiveCharacterTextSplitter(chunk_size=300, chunk_overlap=0)
    pieces = resolve_markers(splitter.split_documents(documents))
    assert len(pieces) > 3
    assert not any("[[img:" in piece.page_content for piece in pieces)
    counts = [len(read_refs(piece.metadata.get("images"))) for piece in pieces]
    assert sum(counts) == 2
    assert max(counts) == 1
    assert len(read_refs(documents[0].metadata["images"])) == 2


def test_pieces_of_llamaindexs_splitter_keep_their_own_images(folder, options):
    pytest.importorskip("llama_index.core")
    from llama_index.core.node_parser import SentenceSplitter

    from llama_index_mmrerank import MultimodalReader, resolve_markers

    documents = MultimodalReader(**options).load_data(folder / "a.md")
    splitter = SentenceSplitter(chunk_size=100, chunk_overlap=0)
    nodes = resolve_markers(splitter.get_nodes_from_documents(documents))
    assert not any("[[img:" in node.get_content() for node in nodes)
    counts = [len(read_refs(node.metadata.get("images"))) for node in nodes]
    assert (sum(counts), max(counts)) == (2, 1)


def test_a_folder_in_langchain(folder, options):
    pytest.importorskip("langchain_core")
    from langchain_mmrerank import MultimodalLoader

    documents = MultimodalLoader(folder, **options).load()
    assert len({document.metadata["source"] for document in documents}) == 3
    assert len({document.id for document in documents}) == len(documents)


def test_blobs_in_langchain(folder, options):
    pytest.importorskip("langchain_core")
    from langchain_core.documents.base import Blob

    from langchain_mmrerank import MultimodalBlobParser

    parser = MultimodalBlobParser(**options)
    (document,) = parser.lazy_parse(Blob.from_path(folder / "belt.png"))
    assert document.metadata["source"].endswith("belt.png")
    blob = Blob.from_data(picture("green"), mime_type="image/png", path="green.png")
    (document,) = parser.lazy_parse(blob)
    assert (document.metadata["source"], len(read_refs(document.metadata["images"]))) == (
        "green.png",
        1,
    )


def test_as_file_extractor_in_llamaindex(folder, options):
    pytest.importorskip("llama_index.core")
    from llama_index.core import SimpleDirectoryReader

    from llama_index_mmrerank import MultimodalReader

    reader = MultimodalReader(**options)
    documents = SimpleDirectoryReader(
        str(folder), file_extractor={".md": reader, ".png": reader}
    ).load_data()
    assert len(documents) >= 3
    assert all("images" in document.excluded_embed_metadata_keys for document in documents)
    assert {document.metadata["file_name"] for document in documents} == {
        "a.md",
        "belt.png",
        "hall.png",
    }
