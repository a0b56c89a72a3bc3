"""From a PDF through each vector store to a query engine's answer with its figure."""

from __future__ import annotations

import asyncio
import copy
import json
from dataclasses import dataclass
from pathlib import Path

import chromadb
import pymupdf
import pytest
from langchain_chroma import Chroma
from langchain_core.documents import Document as LangChainDocument
from llama_index.core import (
    SimpleDirectoryReader,
    StorageContext,
    VectorStoreIndex,
    load_index_from_storage,
)
from llama_index.core.ingestion import IngestionPipeline
from llama_index.core.llms import MockLLM
from llama_index.core.node_parser import SentenceSplitter, TokenTextSplitter
from llama_index.core.query_engine import RetrieverQueryEngine
from llama_index.core.schema import (
    Document,
    ImageNode,
    MetadataMode,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.vector_stores.chroma import ChromaVectorStore

import langchain_mmrerank
import mmrerank.demo
from llama_index_mmrerank import (
    MultimodalPDFReader,
    MultimodalRerank,
    MultimodalRetriever,
    TextEmbedding,
    attach_images,
)
from mmrerank import DocumentError, Image, OCRReranker
from mmrerank.images.refs import read_refs
from mmrerank.ocr.words import loader_facts

REPORT = Path(mmrerank.demo.__file__).with_name("report.pdf")
SCAN = Path(__file__).parents[1] / "data" / "pdf" / "scan-rotated-90.pdf"
QUESTION = "On which shelf and in which box is drawing 4471-C?"  # Figure 4: a raster picture
TEXT_ONLY = "A chunk without any image."


@dataclass
class Report:
    nodes: list[Document]
    root: Path
    rerank: MultimodalRerank
    figure: str
    """The reference of the figure that answers QUESTION."""


@pytest.fixture(scope="session")
def report(tmp_path_factory):
    """The demo report, read once; its pictures read by OCR once."""
    root = tmp_path_factory.mktemp("report-images")
    nodes = MultimodalPDFReader(image_root=root).load_data(REPORT)
    # The folder that the LangChain tests use too: nothing is read twice in one run.
    reranker = OCRReranker(cache_dir=tmp_path_factory.getbasetemp() / "ocr")
    rerank = MultimodalRerank(reranker=reranker, image_root=root, top_n=5)
    rerank.warm(nodes)
    captions = {
        path.stem: loader_facts(Image.from_path(path))["caption"] for path in root.glob("*.png")
    }
    (figure,) = [name for name, text in captions.items() if text.startswith("Figure 4:")]
    return Report(nodes, root, rerank, f"{figure}.png")


@pytest.fixture
def nodes(report):
    """The report's nodes, and one without images."""
    return [*copy.deepcopy(report.nodes), TextNode(text=TEXT_ONLY, id_="text-only")]


def collection(folder, name="report"):
    client = chromadb.PersistentClient(str(folder))
    return client.get_or_create_collection(name, embedding_function=None)


def chroma_index(nodes, folder):
    """An index over a persistent Chroma; `nodes` may be empty."""
    store = ChromaVectorStore(chroma_collection=collection(folder))
    return VectorStoreIndex(
        nodes,
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=TextEmbedding(),
    )


def reopened_chroma(nodes, folder):
    chroma_index(nodes, folder)
    store = ChromaVectorStore(chroma_collection=collection(folder))
    return VectorStoreIndex.from_vector_store(store, embed_model=TextEmbedding())


def reloaded_simple(nodes, folder):
    VectorStoreIndex(nodes, embed_model=TextEmbedding()).storage_context.persist(str(folder))
    context = StorageContext.from_defaults(persist_dir=str(folder))
    return load_index_from_storage(context, embed_model=TextEmbedding())


STORES = {"chroma": reopened_chroma, "simple": reloaded_simple}


@pytest.fixture(params=STORES)
def index(request, nodes, tmp_path):
    """Each store with the report, closed and opened again."""
    return STORES[request.param](nodes, tmp_path)


@pytest.fixture(params=["query", "aquery"])
def ask(request):
    """`ask(engine, question)`"""

    def run(engine, question=QUESTION):
        if request.param == "query":
            return engine.query(question)
        return asyncio.run(engine.aquery(question))

    return run


def engine(index, rerank, k=50):
    return index.as_query_engine(
        llm=MockLLM(), similarity_top_k=k, node_postprocessors=[rerank], response_mode="compact"
    )


def images(node):
    return read_refs(node.metadata.get("images"))


# -- the reader


def test_the_reader_gives_one_node_at_a_time_with_flat_metadata(tmp_path):
    reader = MultimodalPDFReader(image_root=tmp_path, pages=[3, 4])
    stream = reader.lazy_load_data(REPORT, extra_info={"tenant": "a"})
    first = next(stream)
    nodes = [first, *stream]
    assert isinstance(first, Document)
    assert {node.metadata["page"] for node in nodes} == {3, 4}
    assert {node.metadata["tenant"] for node in nodes} == {"a"}
    assert len({node.ref_doc_id for node in nodes}) == 1
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
    (folder / "report.pdf").write_bytes(REPORT.read_bytes())
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


# -- the stores


def test_nodes_come_back_from_each_store_with_their_images(index, nodes):
    given = {node.node_id: node for node in nodes}
    found = index.as_retriever(similarity_top_k=100).retrieve(QUESTION)
    assert {item.node_id for item in found} == set(given)
    for item in found:
        before = given[item.node_id]
        assert item.node.get_content() == before.get_content()
        assert item.metadata == before.metadata
        assert item.node.ref_doc_id == before.ref_doc_id
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
    for numbers in ("41", "77"):
        write_pdf(path, f"The torque is {numbers}.", "A page that stays as it is.")
        nodes = reader.load_data(path)
        if splitter is not None:
            nodes = splitter(nodes)
        (source,) = {node.ref_doc_id for node in nodes}
        index.delete_ref_doc(source)
        index.insert_nodes(nodes)
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


# -- nodes that another reader made


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
