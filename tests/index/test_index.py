"""The command line's index is an ordinary Chroma collection that both frameworks read."""

from __future__ import annotations

import os
import shutil

import chromadb
import pytest
from helpers import png

from mmrerank import InvalidInputError, OCRReranker, RerankWarning, StoreError
from mmrerank.images.decode import content_hash
from mmrerank.index.index import Index
from mmrerank.loaders.base import Chunk, Figure, Link
from mmrerank.retrieval.chroma import COLLECTION
from mmrerank.testing import FakeReranker


def chunk(number: int, text: str, *refs: str, source: str = "a.pdf") -> Chunk:
    box = (0.0, 0.0, 1.0, 1.0)
    links = tuple(Link(Figure(ref, source, 1, box, "raster"), "reference", 1.0) for ref in refs)
    return Chunk(f"{source}-{number}", text, source, number, number, links)


@pytest.fixture
def store(tmp_path):
    made = Index(tmp_path / "store", create=True)
    made.image_root.mkdir(parents=True)
    data = png("turbine torque")
    ref = f"{content_hash(data)}.png"
    (made.image_root / ref).write_bytes(data)
    made.replace("a.pdf", [chunk(1, "turbine words"), chunk(2, "a scanned page", ref)])
    return made


def test_langchain_reads_it(store):
    from langchain_chroma import Chroma

    from langchain_mmrerank import MultimodalRerank, TextEmbeddings

    chroma = Chroma(COLLECTION, TextEmbeddings(), persist_directory=str(store.folder))
    found = chroma.similarity_search("turbine torque", k=2)
    assert [doc.metadata["page"] for doc in found] == [1, 2]
    compressor = MultimodalRerank(reranker=OCRReranker(), image_root=store.image_root)
    best = compressor.compress_documents(found, "turbine torque")[0]
    assert best.metadata["page"] == 2
    assert (store.image_root / best.metadata["best_image"]).is_file()


def test_llama_index_reads_it(store):
    from llama_index.core import VectorStoreIndex
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from llama_index_mmrerank import MultimodalRerank, TextEmbedding

    collection = chromadb.PersistentClient(str(store.folder)).get_collection(COLLECTION)
    index = VectorStoreIndex.from_vector_store(
        ChromaVectorStore(chroma_collection=collection), embed_model=TextEmbedding()
    )
    found = index.as_retriever(similarity_top_k=2).retrieve("turbine torque")
    assert [node.metadata["page"] for node in found] == [1, 2]
    rerank = MultimodalRerank(reranker=OCRReranker(), image_root=store.image_root)
    best = rerank.postprocess_nodes(found, query_str="turbine torque")[0]
    assert best.metadata["page"] == 2


def test_reopened_it_finds_the_same(store):
    again = Index(store.folder)
    assert len(again) == 2
    assert again.search("turbine", None) == store.search("turbine", None)


def test_more_chunks_than_one_write_takes(store):
    store.replace("b.pdf", [chunk(i, f"word{i}", source="b.pdf") for i in range(1100)])
    assert len(store) == 1102
    assert store.search("word1042", None, top_n=1)[0].text == "word1042"


def test_a_folder_without_an_index_is_left_alone(tmp_path):
    with pytest.raises(StoreError, match="mmrerank index"):
        Index(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_read_only_index_says_that_it_must_be_writable(store, tmp_path):
    copied = shutil.copytree(store.folder, tmp_path / "copy")  # Chroma knows the other already
    for path in (copied, copied / "chroma.sqlite3"):
        path.chmod(path.stat().st_mode & ~0o222)
    if os.access(copied, os.W_OK):
        pytest.skip("root may write everywhere")
    with pytest.raises(StoreError, match="make the folder and its files writable"):
        Index(copied)
    copied.chmod(0o700)


def test_another_programs_collection_is_a_store_error(tmp_path):
    chromadb.PersistentClient(str(tmp_path)).create_collection("other", embedding_function=None)
    with pytest.raises(StoreError, match="cannot be opened"):
        Index(tmp_path)


def test_other_embeddings_are_a_store_error(tmp_path):
    collection = chromadb.PersistentClient(str(tmp_path)).create_collection(
        COLLECTION, embedding_function=None
    )
    collection.add(ids=["1"], embeddings=[[1.0, 2.0]], documents=["x"])
    with pytest.raises(StoreError, match="cannot be searched"):
        Index(tmp_path).search("x", FakeReranker())


@pytest.mark.parametrize("options", [{"top_n": 0}, {"fetch_k": 0}])
def test_unusable_counts_are_refused(store, options):
    with pytest.raises(InvalidInputError):
        store.search("turbine", None, **options)


def test_an_empty_index_is_a_store_error(tmp_path):
    with pytest.raises(StoreError, match="is empty"):
        Index(tmp_path, create=True).search("x", FakeReranker())


def test_what_cannot_be_written_loses_nothing(store):
    with pytest.raises(StoreError, match=r"a\.pdf cannot be written"):
        store.replace("a.pdf", [chunk(1, "half of a pair \ud800")])
    assert len(store) == 2


def test_odd_metadata_of_other_loaders_is_ignored(store):
    collection = chromadb.PersistentClient(str(store.folder)).get_collection(COLLECTION)
    collection.add(
        ids=["x"],
        embeddings=[[1.0] + [0.0] * 1023],
        documents=["turbine"],
        metadatas=[{"page": "iv", "images": '[{"file": 1}]'}],
    )
    with pytest.warns(RerankWarning, match="images"):
        hits = store.search("turbine", FakeReranker())
    assert {hit.page for hit in hits} == {1, 2, None}
