"""Readers, splitters after a reader, and images for nodes of other readers."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pymupdf
import pytest
from adapters.files import folder, mail, options
from adapters.llama_index_stores import engine, images, reopened_chroma
from llama_index.core import SimpleDirectoryReader, VectorStoreIndex
from llama_index.core.node_parser import SentenceSplitter, TokenTextSplitter
from llama_index.core.schema import (
    Document,
    MetadataMode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)

import mmrerank.demo
from llama_index_mmrerank import (
    MultimodalPDFReader,
    MultimodalReader,
    MultimodalRerank,
    MultimodalRetriever,
    TextEmbedding,
    attach_images,
    resolve_markers,
)
from mmrerank import DocumentError

__all__ = ["folder", "mail", "options"]

REPORT = mmrerank.demo.REPORT
QUESTION = "On which shelf and in which box is drawing 4471-C?"  # Figure 4: a raster picture


def test_the_reader_gives_one_node_at_a_time_with_flat_metadata(tmp_path):
    reader = MultimodalPDFReader(image_root=tmp_path, pages=[3, 4])
    stream = reader.lazy_load_data(REPORT, extra_info={"tenant": "a"})
    first = next(stream)
    nodes = [first, *stream]
    assert isinstance(first, Document)
    assert {node.metadata["page"] for node in nodes} == {3, 4}
    assert {node.metadata["tenant"] for node in nodes} == {"a"}
    assert all(node.ref_doc_id == node.node_id for node in nodes)
    for node in nodes:
        assert all(type(value) in (str, int, float, bool) for value in node.metadata.values())
        assert all((tmp_path / ref).is_file() for ref in images(node))
        assert node.get_content(MetadataMode.EMBED).strip().endswith(node.text.strip())
        assert ".png" not in node.get_content(MetadataMode.LLM)
    assert any(images(node) for node in nodes)
    assert any(not images(node) for node in nodes)


def test_reading_the_same_file_again_gives_the_same_nodes(report, tmp_path):
    again = MultimodalPDFReader(image_root=tmp_path).load_data(str(REPORT))
    assert again == report.nodes
    assert len({node.node_id for node in again}) == len(again)


def test_the_reader_works_in_a_directory_reader(report, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "report.pdf").write_bytes(Path(REPORT).read_bytes())
    (folder / "note.txt").write_text("A note beside it.")
    reader = MultimodalPDFReader(image_root=tmp_path / "images")
    loaded = SimpleDirectoryReader(str(folder), file_extractor={".pdf": reader}).load_data()
    chunks = [node for node in loaded if node.metadata["file_name"] == "report.pdf"]
    assert len(loaded) == len(chunks) + 1 == len(report.nodes) + 1
    assert [node.text for node in chunks] == [node.text for node in report.nodes]
    assert [images(node) for node in chunks] == [images(node) for node in report.nodes]

    rerank = MultimodalRerank(
        reranker=report.rerank.reranker, image_root=tmp_path / "images", top_n=1
    )
    index = VectorStoreIndex(loaded, embed_model=TextEmbedding())
    retriever = MultimodalRetriever(index.as_retriever(similarity_top_k=50), rerank)
    assert retriever.retrieve(QUESTION)[0].metadata["best_image"] == report.figure


def test_a_directory_reader_told_to_raise_names_the_broken_file(tmp_path):
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.7 and no more")
    reader = MultimodalPDFReader(image_root=tmp_path / "images")
    directory = SimpleDirectoryReader(
        str(tmp_path), file_extractor={".pdf": reader}, raise_on_error=True
    )
    with pytest.raises(Exception, match="Error loading file") as caught:
        directory.load_data()
    assert isinstance(caught.value.__cause__, DocumentError)
    assert "broken.pdf" in str(caught.value.__cause__)


def test_one_reader_extracts_files_of_several_formats(folder, options):
    reader = MultimodalReader(**options)
    documents = SimpleDirectoryReader(
        str(folder), file_extractor={".md": reader, ".png": reader}
    ).load_data()
    assert len(documents) >= 3
    assert all("images" in document.excluded_embed_metadata_keys for document in documents)
    names = {document.metadata["file_name"] for document in documents}
    assert names == {"a.md", "belt.png", "hall.png"}


def test_a_folder_is_read_as_a_whole(folder, options):
    documents = MultimodalReader(**options).load_data(folder, extra_info={"tenant": "a"})
    assert len({document.metadata["source"] for document in documents}) == 3
    assert len({document.id_ for document in documents}) == len(documents)
    assert {document.metadata["tenant"] for document in documents} == {"a"}


# -- splitters after the reader


@pytest.mark.parametrize(
    "splitter",
    [
        SentenceSplitter(chunk_size=100, chunk_overlap=10),
        TokenTextSplitter(chunk_size=100, chunk_overlap=10),
    ],
    ids=["sentences", "tokens"],
)
def test_splitters_keep_the_images(report, tmp_path, splitter):
    pieces = splitter(copy.deepcopy(report.nodes))
    assert len(pieces) > 1.5 * len(report.nodes)
    parents = {node.metadata["position"]: node for node in report.nodes}
    for piece in pieces:
        parent = parents[piece.metadata["position"]]
        assert piece.metadata == parent.metadata
        assert piece.ref_doc_id == parent.ref_doc_id
        assert ".png" not in piece.get_content(MetadataMode.LLM)
    index = reopened_chroma(pieces, tmp_path)
    first, *_ = engine(index, report.rerank, k=60).query(QUESTION).source_nodes
    assert first.metadata["best_image"] == report.figure


@pytest.mark.parametrize(
    "splitter",
    [SentenceSplitter(chunk_size=64, chunk_overlap=0), TokenTextSplitter(chunk_size=64)],
    ids=["sentences", "tokens"],
)
def test_splitters_do_not_count_a_long_list_of_images(report, splitter):
    (node,) = copy.deepcopy(report.nodes[:1])
    node.metadata["images"] = json.dumps([f"{i:032x}.png" for i in range(200)])
    pieces = splitter([node])
    assert pieces
    assert all(len(images(piece)) == 200 for piece in pieces)


def test_with_markers_each_node_keeps_its_own_images(folder, options):
    documents = MultimodalReader(**options).load_data(folder / "a.md")
    splitter = SentenceSplitter(chunk_size=100, chunk_overlap=0)
    nodes = resolve_markers(splitter.get_nodes_from_documents(documents))
    assert not any("[[img:" in node.get_content() for node in nodes)
    counts = [len(images(node)) for node in nodes]
    assert (sum(counts), max(counts)) == (2, 1)


# -- nodes of other readers


def pages_of(pdf):
    """Nodes as LlamaIndex's own PDF readers make them: one a page, the page's label a str."""
    with pymupdf.open(pdf) as document:
        return [
            TextNode(
                text=page.get_text(),
                id_=f"page-{page.number + 1}",
                metadata={
                    "page_label": str(page.number + 1),
                    "file_name": Path(pdf).name,
                    "file_path": str(pdf),
                },
                relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id="the file")},
            )
            for page in document
        ]


def test_an_index_of_another_readers_nodes_gets_its_images(report, tmp_path):
    index = reopened_chroma(pages_of(REPORT), tmp_path)
    found = index.as_retriever(similarity_top_k=8).retrieve(QUESTION)
    before = copy.deepcopy(found)
    attached = attach_images([item.node for item in found], REPORT, image_root=report.root)
    assert found == before
    assert [node.node_id for node in attached] == [item.node_id for item in found]
    for node in attached:
        assert ".png" not in node.get_content(MetadataMode.EMBED)
    for item, node in zip(found, attached, strict=True):
        item.node = node
    first, *_ = report.rerank.postprocess_nodes(found, query_str=QUESTION)
    assert first.node_id == "page-4"
    assert first.metadata["best_image"] == report.figure


def test_images_are_attached_to_split_pages_and_not_to_another_file(report):
    pieces = SentenceSplitter(chunk_size=150, chunk_overlap=0)(pages_of(REPORT))
    stranger = TextNode(
        text="Figure 4 shows a cat.", metadata={"file_path": "/other/cats.pdf", "page_label": "4"}
    )
    *attached, other = attach_images([*pieces, stranger], REPORT, image_root=report.root)
    assert other.metadata == stranger.metadata
    with_figure = [node for node in attached if report.figure in images(node)]
    assert 0 < len(with_figure) < len(attached)
    for node in with_figure:
        assert "Figure 4" in node.text or node.metadata["page_label"] == "4"


def test_attached_files_are_documents_of_the_mail(mail, options):
    own, attached = MultimodalReader(**options).load_data(mail)
    assert own.text == "See the file."
    assert attached.metadata["attachment"] == "belts.txt"
    assert "belts.txt" in attached.get_content(MetadataMode.LLM)
    assert "belts.txt" not in attached.get_content(MetadataMode.EMBED)
