"""From a PDF through each vector store to a query engine's answer with its figure."""

from __future__ import annotations

import asyncio
import copy
import json
from pathlib import Path

import pymupdf
import pytest
from adapters.llama_index_stores import STORES, chroma_index, collection, engine, images
from langchain_chroma import Chroma
from langchain_core.documents import Document as LangChainDocument
from llama_index.core import VectorStoreIndex
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter, TokenTextSplitter
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import Document, ImageNode, TextNode
from llama_index.vector_stores.chroma import ChromaVectorStore

import langchain_mmrerank
import mmrerank.demo
from llama_index_mmrerank import (
    MultimodalPDFReader,
    MultimodalRetriever,
    TextEmbedding,
    attach_images,
)

REPORT = mmrerank.demo.REPORT
SCAN = Path(__file__).parents[1] / "data" / "pdf" / "scan-rotated-90.pdf"
QUESTION = "On which shelf and in which box is drawing 4471-C?"  # Figure 4: a raster picture
TEXT_ONLY = "A chunk without any image."


@pytest.fixture
def nodes(report):
    """The report's nodes, and one without images."""
    return [*copy.deepcopy(report.nodes), TextNode(text=TEXT_ONLY, id_="text-only")]


@pytest.fixture(params=STORES, scope="session")
def index(request, report, tmp_path_factory):
    """Each store with the report, closed and opened again."""
    nodes = [*copy.deepcopy(report.nodes), TextNode(text=TEXT_ONLY, id_="text-only")]
    return STORES[request.param](nodes, tmp_path_factory.mktemp(request.param))


@pytest.fixture(params=["query", "aquery"])
def ask(request):
    """`ask(engine, question)`"""

    def run(engine, question=QUESTION):
        if request.param == "query":
            return engine.query(question)
        return asyncio.run(engine.aquery(question))

    return run


# -- the stores


def test_nodes_come_back_from_each_store_with_their_images(index, nodes):
    given = {node.node_id: node for node in nodes}
    found = index.as_retriever(similarity_top_k=100).retrieve(QUESTION)
    assert {item.node_id for item in found} == set(given)
    for item in found:
        before = given[item.node_id]
        assert item.node.get_content() == before.get_content()
        assert item.metadata == before.metadata
        assert item.node.relationships == before.relationships
        assert item.node.excluded_embed_metadata_keys == before.excluded_embed_metadata_keys


def test_a_query_engine_answers_from_the_chunk_with_the_figure(index, report, ask):
    response = ask(engine(index, report.rerank))
    first, *others = response.source_nodes
    assert len(others) == 4
    assert report.figure in images(first)
    assert first.metadata["best_image"] == report.figure
    assert "R12" not in first.node.get_content()  # the answer stands in the picture alone
    assert first.score == first.metadata["relevance_score"]
    assert type(first.metadata["retrieval_score"]) is float
    prompt = str(response)  # a MockLLM repeats what it was asked
    assert first.node.get_content().split("\n")[0][:40] in prompt
    for name in ("relevance_score", "best_image", ".png"):
        assert name not in prompt


def test_a_retriever_of_ours_takes_the_place_of_the_stores_own(index, report, ask):
    own = MultimodalRetriever(index.as_retriever(similarity_top_k=50), report.rerank)
    response = ask(RetrieverQueryEngine.from_args(own, llm=MockLLM()))
    assert response.source_nodes[0].metadata["best_image"] == report.figure


def test_a_node_without_images_breaks_no_batch(index, report, ask):
    first, *_ = ask(engine(index, report.rerank), TEXT_ONLY).source_nodes
    assert first.node_id == "text-only"
    assert "best_image" not in first.metadata


async def test_works_in_a_running_event_loop(index, report):
    response = await engine(index, report.rerank).aquery(QUESTION)
    assert response.source_nodes[0].metadata["best_image"] == report.figure


def test_a_page_that_is_only_a_picture_is_indexed_too(tmp_path):
    reader = MultimodalPDFReader(image_root=tmp_path / "images", ocr=False)
    (node,) = reader.load_data(SCAN)
    assert node.get_content() == ""
    for name, reopened in STORES.items():
        (tmp_path / name).mkdir()
        index = reopened([node], tmp_path / name)
        (found,) = index.as_retriever().retrieve("anything")
        assert found.node.get_content() == ""
        assert images(found) == images(node) != []
    for splitter in (SentenceSplitter(), TokenTextSplitter()):
        assert [images(piece) for piece in splitter([node])] == [images(node)]


# -- indexing again


def write_pdf(path, *pages):
    document = pymupdf.open()
    for text in pages:
        page = document.new_page()
        page.insert_text((72, 72), text)
        page.draw_rect((72, 200, 300, 400), fill=(0.5, 0.1, 0.1))
        page.insert_text((72, 420), "Figure 1: A red field.")
    document.save(path)
    document.close()


def test_indexing_the_same_file_twice_leaves_one_copy(nodes, report, tmp_path):
    chroma_index(nodes, tmp_path)
    chroma_index(copy.deepcopy(report.nodes), tmp_path)
    assert collection(tmp_path).count() == len(nodes)

    simple = VectorStoreIndex(nodes, embed_model=TextEmbedding())
    simple.insert_nodes(copy.deepcopy(report.nodes))
    found = simple.as_retriever(similarity_top_k=500).retrieve(QUESTION)
    assert len(found) == len(nodes)


@pytest.mark.parametrize("splitter", [None, SentenceSplitter(chunk_size=40, chunk_overlap=0)])
def test_indexing_a_changed_file_leaves_no_old_text(tmp_path, splitter):
    path = tmp_path / "file.pdf"
    reader = MultimodalPDFReader(image_root=tmp_path / "images")
    index = chroma_index([TextNode(text=TEXT_ONLY)], tmp_path / "store")
    known = []
    for numbers in ("41", "77"):
        write_pdf(path, f"The torque is {numbers}.", "A page that stays as it is.")
        nodes = reader.load_data(path)
        if splitter is not None:
            nodes = splitter(nodes)
        for source in {node.ref_doc_id for node in known}:
            index.delete_ref_doc(source)
        index.insert_nodes(nodes)
        known = nodes
    texts = collection(tmp_path / "store").get()["documents"]
    assert any("77" in text for text in texts)
    assert not any("41" in text for text in texts)
    assert sum("stays" in text for text in texts) == 1
    assert TEXT_ONLY in texts


def test_an_ingestion_pipeline_keeps_one_copy_and_the_images(report, tmp_path):
    for _ in range(2):
        store = ChromaVectorStore(chroma_collection=collection(tmp_path))
        pipeline = IngestionPipeline(transformations=[TextEmbedding()], vector_store=store)
        pipeline.run(nodes=copy.deepcopy(report.nodes))
    assert collection(tmp_path).count() == len(report.nodes)
    index = VectorStoreIndex.from_vector_store(store, embed_model=TextEmbedding())
    first, *_ = engine(index, report.rerank).query(QUESTION).source_nodes
    assert first.metadata["best_image"] == report.figure


# -- one collection, both frameworks


def test_a_collection_written_by_langchain_is_read_with_its_images(report, tmp_path):
    loader = langchain_mmrerank.MultimodalPDFLoader(REPORT, image_root=report.root)
    documents = [*loader.lazy_load(), LangChainDocument(TEXT_ONLY, id="text-only")]
    Chroma("report", langchain_mmrerank.TextEmbeddings(), str(tmp_path)).add_documents(documents)

    store = ChromaVectorStore(chroma_collection=collection(tmp_path))
    index = VectorStoreIndex.from_vector_store(store, embed_model=TextEmbedding())
    found = index.as_retriever(similarity_top_k=100).retrieve(QUESTION)
    given = {document.id: document for document in documents}
    assert {item.node_id for item in found} == set(given)
    for item in found:
        assert item.text == given[item.node_id].page_content
        assert item.metadata == given[item.node_id].metadata

    response = engine(index, report.rerank).query(QUESTION)
    assert response.source_nodes[0].metadata["best_image"] == report.figure
    assert ".png" not in str(response)  # LangChain's side could not exclude our keys; we do


def test_a_collection_written_by_llama_index_is_read_with_its_images(nodes, report, tmp_path):
    picture = ImageNode(id_="picture", text="a picture", image_path=report.figure)
    chroma_index([*nodes, picture], tmp_path)

    store = Chroma("report", langchain_mmrerank.TextEmbeddings(), str(tmp_path))
    found = store.similarity_search(QUESTION, k=100)
    given = {node.node_id: node for node in nodes}
    assert {document.id for document in found} == {*given, "picture"}
    for document in found:
        if document.id == "picture":
            continue
        assert document.page_content == given[document.id].text
        assert given[document.id].metadata.items() <= document.metadata.items()

    rerank = langchain_mmrerank.MultimodalRerank(
        reranker=report.rerank.reranker, image_root=report.root, top_n=1
    )
    one = langchain_mmrerank.MultimodalRetriever(vector_store=store, compressor=rerank, fetch_k=50)
    assert one.invoke(QUESTION)[0].metadata["best_image"] == report.figure

    # An ImageNode's own path lies in what LlamaIndex keeps of a node; image_key can read that.
    rerank = rerank.model_copy(
        update={"image_key": lambda m: json.loads(m["_node_content"]).get("image_path")}
    )
    (picture,) = rerank.compress_documents([d for d in found if d.id == "picture"], QUESTION)
    assert picture.metadata["best_image"] == report.figure


def test_the_same_file_indexed_by_both_frameworks_is_one_copy(report, tmp_path):
    chroma_index(copy.deepcopy(report.nodes), tmp_path)
    loader = langchain_mmrerank.MultimodalPDFLoader(REPORT, image_root=report.root)
    Chroma("report", langchain_mmrerank.TextEmbeddings(), str(tmp_path)).add_documents(
        loader.load()
    )
    assert collection(tmp_path).count() == len(report.nodes)


@pytest.mark.slow
def test_images_are_written_back_and_read_by_both_frameworks(report, tmp_path):
    with pymupdf.open(REPORT) as document:
        pages = [
            Document(text=page.get_text(), metadata={"file_path": str(REPORT), "page": page.number})
            for page in document
        ]
    pieces = SentenceSplitter(chunk_size=200, chunk_overlap=20).get_nodes_from_documents(pages)
    chroma_index(pieces, tmp_path)
    before = collection(tmp_path).get(include=["embeddings", "documents"])

    store = ChromaVectorStore(chroma_collection=collection(tmp_path))
    nodes = attach_images(store.get_nodes(None), REPORT, image_root=report.root, store=store)

    after = collection(tmp_path).get(include=["embeddings", "documents"])
    assert after["ids"] == before["ids"]
    assert (after["embeddings"] == before["embeddings"]).all()
    linked = {node.node_id: node.metadata["images"] for node in nodes if "images" in node.metadata}
    assert 8 <= len(linked) < len(pieces) / 2
    index = VectorStoreIndex.from_vector_store(store, embed_model=TextEmbedding())
    response = engine(index, report.rerank).query(QUESTION)
    assert response.source_nodes[0].metadata["best_image"] == report.figure
    assert ".png" not in str(response)
    langchain = Chroma("report", langchain_mmrerank.TextEmbeddings(), str(tmp_path))
    assert {
        document.id: document.metadata["images"] for document in langchain.get_by_ids(list(linked))
    } == linked
