"""From a PDF through each vector store to a reranked answer with its figure."""

from __future__ import annotations

import copy
import json
import uuid
import warnings
from pathlib import Path

import chromadb
import pymupdf
import pytest
from langchain_chroma import Chroma
from langchain_classic.retrievers import ContextualCompressionRetriever
from langchain_core.documents import Document
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_qdrant import QdrantVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter

import mmrerank.demo
from langchain_mmrerank import (
    MultimodalPDFLoader,
    MultimodalRerank,
    MultimodalRetriever,
    TextEmbeddings,
    attach_images,
)
from mmrerank import OCRReranker, StoreError
from mmrerank.images.refs import read_refs
from mmrerank.ocr.words import ImageReader

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # langchain-community is being sunset
    from langchain_community.document_loaders import PyMuPDFLoader
    from langchain_community.vectorstores import FAISS
    from langchain_community.vectorstores import Chroma as OldChroma

REPORT = mmrerank.demo.REPORT
QUESTIONS = json.loads(Path(mmrerank.demo.QUESTIONS).read_text(encoding="utf-8"))
QUESTION = "On which shelf and in which box is drawing 4471-C?"  # Figure 4: a raster picture
TEXT_ONLY = Document("A chunk without any image.", id=uuid.uuid4().hex, metadata={"source": "x"})


def reopened_chroma(documents, folder):
    Chroma("report", TextEmbeddings(), str(folder)).add_documents(documents)
    return Chroma("report", TextEmbeddings(), str(folder))


def reopened_community_chroma(documents, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and still in many projects
        OldChroma("report", TextEmbeddings(), str(folder)).add_documents(documents)
        return OldChroma("report", TextEmbeddings(), str(folder))


def reopened_faiss(documents, folder):
    FAISS.from_documents(documents, TextEmbeddings()).save_local(str(folder))
    return FAISS.load_local(str(folder), TextEmbeddings(), allow_dangerous_deserialization=True)


def reopened_qdrant(documents, folder):
    first = QdrantVectorStore.from_documents(
        documents, TextEmbeddings(), path=str(folder), collection_name="report"
    )
    first.client.close()
    return QdrantVectorStore.from_existing_collection("report", TextEmbeddings(), path=str(folder))


def reloaded_in_memory(documents, folder):
    store = InMemoryVectorStore(TextEmbeddings())
    store.add_documents(documents)
    store.dump(str(folder / "store.json"))
    return InMemoryVectorStore.load(str(folder / "store.json"), TextEmbeddings())


STORES = {
    "langchain_chroma": reopened_chroma,
    "community_chroma": reopened_community_chroma,
    "faiss": reopened_faiss,
    "qdrant": reopened_qdrant,
    "in_memory": reloaded_in_memory,
}


@pytest.fixture(params=STORES, scope="session")
def store(request, report, tmp_path_factory):
    """Each store with the report and one chunk without images, closed and opened again."""
    folder = tmp_path_factory.mktemp(request.param)
    made = STORES[request.param]([*report.documents, TEXT_ONLY], folder)
    yield made
    if isinstance(made, QdrantVectorStore):
        made.client.close()


def retriever(store, rerank, k=50):
    return ContextualCompressionRetriever(
        base_compressor=rerank, base_retriever=store.as_retriever(search_kwargs={"k": k})
    )


# -- the stores


def test_documents_come_back_from_each_store_with_their_images(store, report):
    given = {document.page_content: document for document in report.documents}
    found = store.similarity_search(QUESTION, k=100)
    assert len(found) == len(report.documents) + 1
    for document in found:
        if document.page_content == TEXT_ONLY.page_content:
            assert "images" not in document.metadata
            continue
        before = given[document.page_content]
        assert before.metadata.items() <= document.metadata.items()
        if not isinstance(store, OldChroma):  # which gives no ids back
            # Qdrant writes ids as UUIDs, into the metadata.
            assert uuid.UUID(document.id or document.metadata["_id"]) == uuid.UUID(before.id)


def test_the_chunk_with_the_figure_comes_first_from_each_store(store, report):
    first, *others = retriever(store, report.rerank).invoke(QUESTION)
    assert len(others) == 4
    assert report.figure in read_refs(first.metadata["images"])
    assert first.metadata["best_image"] == report.figure
    assert "R12" not in first.page_content  # the answer stands in the picture alone
    assert (report.root / first.metadata["best_image"]).is_file()


def test_a_chunk_without_images_breaks_no_batch(store, report):
    question = "A chunk without any image"
    first, *_ = retriever(store, report.rerank).invoke(question)
    assert first.page_content == TEXT_ONLY.page_content
    assert "best_image" not in first.metadata


def test_the_retriever_keeps_the_score_of_each_store(store, report):
    one = MultimodalRetriever(vector_store=store, compressor=report.rerank, fetch_k=50, top_n=1)
    (first,) = one.invoke(QUESTION)
    assert first.metadata["best_image"] == report.figure
    assert type(first.metadata["retrieval_score"]) is float


async def test_works_from_each_store_in_an_event_loop(store, report):
    first, *_ = await retriever(store, report.rerank).ainvoke(QUESTION)
    assert first.metadata["best_image"] == report.figure


def test_every_question_of_the_demo_finds_its_figure(report, tmp_path):
    store = reopened_chroma(report.documents, tmp_path)
    for question in QUESTIONS:
        first, *_ = retriever(store, report.rerank).invoke(question["question"])
        caption = report.captions[first.metadata["best_image"]]
        assert caption.startswith(f"{question['figure']}:"), question


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


@pytest.fixture(params=["langchain_chroma", "community_chroma"])
def chroma(request, tmp_path):
    """An empty Chroma that persists."""
    return STORES[request.param]([TEXT_ONLY], tmp_path / "store")


def test_indexing_the_same_file_twice_leaves_one_copy(chroma, report):
    for _ in range(2):
        chroma.add_documents(report.documents)
    assert len(chroma.get()["ids"]) == len(report.documents) + 1


def test_indexing_a_changed_file_leaves_no_old_text(chroma, tmp_path):
    path = tmp_path / "file.pdf"
    for numbers in ("41", "77"):
        write_pdf(path, f"The torque is {numbers}.", "A page that stays as it is.")
        old = chroma.get(where={"source": str(path)})["ids"]
        if old:
            chroma.delete(old)
        chroma.add_documents(MultimodalPDFLoader(path, image_root=tmp_path / "images").load())
    texts = chroma.get()["documents"]
    assert any("77" in text for text in texts)
    assert not any("41" in text for text in texts)
    assert sum("stays" in text for text in texts) == 1
    assert TEXT_ONLY.page_content in texts


# -- splitters after the loader


def test_pieces_of_a_splitter_find_the_figure(report, tmp_path):
    splitter = RecursiveCharacterTextSplitter(chunk_size=300, chunk_overlap=30)
    pieces = splitter.split_documents(report.documents)
    store = reopened_chroma(pieces, tmp_path)
    first, *_ = retriever(store, report.rerank, k=60).invoke(QUESTION)
    assert first.metadata["best_image"] == report.figure


# -- documents that another loader made


def test_an_index_of_another_loaders_documents_gets_its_images(report, tmp_path):
    pages = PyMuPDFLoader(str(REPORT)).load()
    assert pages[0].metadata["page"] == 0  # that loader counts from 0
    store = reopened_chroma(pages, tmp_path / "store")

    found = store.similarity_search(QUESTION, k=8)
    before = copy.deepcopy(found)
    attached = attach_images(found, REPORT, image_root=report.root)
    assert found == before
    assert [d.id for d in attached] == [d.id for d in found]
    assert [d.page_content for d in attached] == [d.page_content for d in found]
    first, *_ = report.rerank.compress_documents(attached, QUESTION)
    assert first.metadata["page"] == 3
    assert first.metadata["best_image"] == report.figure

    store.update_documents([d.id for d in attached], attached)
    assert len(store.get()["ids"]) == len(pages)
    again = Chroma("report", TextEmbeddings(), str(tmp_path / "store"))
    first, *_ = retriever(again, report.rerank, k=8).invoke(QUESTION)
    assert first.metadata["best_image"] == report.figure


class Counting(TextEmbeddings):
    """Counts the texts that are embedded as documents."""

    count = 0

    def embed_documents(self, texts):
        self.count += len(texts)
        return super().embed_documents(texts)


def test_images_are_written_back_without_embedding_anything_again(report, tmp_path):
    splitter = RecursiveCharacterTextSplitter(chunk_size=500, chunk_overlap=50)
    pieces = splitter.split_documents(PyMuPDFLoader(str(REPORT)).load())
    embeddings = Counting()
    store = Chroma("theirs", embeddings, str(tmp_path))
    store.add_documents(pieces)
    before, count = store.get(include=["documents", "embeddings"]), embeddings.count

    documents = store.get_by_ids(store.get(include=[])["ids"])
    attach_images(documents, REPORT, image_root=report.root, store=store)

    assert embeddings.count == count == len(pieces)
    after = store.get(include=["documents", "embeddings"])
    assert after["documents"] == before["documents"]
    assert (after["embeddings"] == before["embeddings"]).all()
    again = Chroma("theirs", TextEmbeddings(), str(tmp_path))
    with_images = [row for row in again.get()["metadatas"] if "images" in row]
    assert len(with_images) < len(pieces) / 2  # few, as a loader would link them
    first, *_ = retriever(again, report.rerank, k=60).invoke(QUESTION)
    assert first.metadata["best_image"] == report.figure
    store.delete([documents[0].id])
    with pytest.raises(StoreError, match="not in the store"):
        attach_images(
            [
                d.model_copy(update={"id": documents[0].id})
                for d in documents
                if "Figure 4" in d.page_content
            ],
            REPORT,
            image_root=report.root,
            store=store,
        )


@pytest.mark.slow
def test_figures_of_their_own_are_found_in_a_plain_store(tmp_path):
    """Each figure has a chunk; with `merge_figures`, it and the text that cites it are one."""
    words = ImageReader(tmp_path / "words", ocr=False)
    loader = MultimodalPDFLoader(REPORT, image_root=tmp_path / "images", figure_chunks=words)
    documents = loader.load()
    assert len([d for d in documents if d.metadata.get("kind") == "figure"]) == 8
    store = reopened_chroma(documents, tmp_path / "store")
    question = "At what dpi are the figure crops saved by the page parser?"
    (nearest,) = store.similarity_search(question, k=1)
    assert nearest.metadata["kind"] == "figure"
    (figure,) = read_refs(nearest.metadata["images"])

    def found(**options):
        reranker = OCRReranker(ocr=False)
        rerank = MultimodalRerank(
            reranker=reranker, image_root=tmp_path / "images", top_n=6, **options
        )
        return retriever(store, rerank).invoke(question)

    apart, merged = found(), found(merge_figures=True)
    assert len(apart) == len(merged) == 6
    assert len([d for d in apart if d.metadata.get("best_image") == figure]) == 3
    (first,) = [d for d in merged if d.metadata.get("best_image") == figure]
    assert first == merged[0]
    assert "kind" not in first.metadata
    assert first.metadata["retrieval_rank"] == 1  # the figure's


def test_a_collection_of_another_program_is_served_as_it_is(report, tmp_path):
    """Written with chromadb itself: paths of its own, some as lists, under its own key."""
    client = chromadb.PersistentClient(str(tmp_path))
    collection = client.create_collection("theirs", embedding_function=None)
    texts = ["a page of an archive", "a page without a picture"]
    collection.add(
        ids=["1", "2"],
        documents=texts,
        embeddings=TextEmbeddings().embed_documents(texts),
        metadatas=[{"img_paths": [f"/their/folder/{report.figure}"]}, {"other": 1}],
    )
    theirs = Chroma("theirs", TextEmbeddings(), client=client)
    rerank = MultimodalRerank(
        reranker=report.rerank.reranker,
        image_root=report.root,
        image_key="img_paths",
        path_map={"/their/folder": str(report.root)},
    )
    first, second = retriever(theirs, rerank).invoke(QUESTION)
    assert (first.id, second.id) == ("1", "2")
    assert first.metadata["best_image"] == f"/their/folder/{report.figure}"


def test_each_store_takes_a_page_that_is_only_a_picture(report, tmp_path):
    blank = Document("", id=uuid.uuid4().hex, metadata={"images": json.dumps([report.figure])})
    for name, reopened in STORES.items():
        (tmp_path / name).mkdir()
        store = reopened([blank, TEXT_ONLY], tmp_path / name)
        first, *_ = retriever(store, report.rerank).invoke(QUESTION)
        assert first.metadata["best_image"] == report.figure, name
        if isinstance(store, QdrantVectorStore):
            store.client.close()
