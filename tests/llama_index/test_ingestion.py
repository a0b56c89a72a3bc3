"""LlamaIndex's IngestionPipeline with a docstore: what is known is not processed again."""

from __future__ import annotations

import pytest
from adapters.llama_index_stores import collection
from llama_index.core import SimpleDirectoryReader
from llama_index.core.ingestion import DocstoreStrategy, IngestionPipeline
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.storage.docstore import SimpleDocumentStore
from llama_index.vector_stores.chroma import ChromaVectorStore

import mmrerank.demo
from llama_index_mmrerank import MultimodalPDFReader, MultimodalReader, TextEmbedding


@pytest.fixture(params=["plain", "split"])
def transformations(request):
    """An embedding, without and with a splitter before it."""
    splitter = [SentenceSplitter(chunk_size=1024)] if request.param == "split" else []
    return [*splitter, TextEmbedding()]


@pytest.mark.parametrize("strategy", list(DocstoreStrategy))
@pytest.mark.parametrize("filename_as_id", [False, True])
def test_an_ingestion_pipeline_with_a_docstore_runs_only_what_changed(
    tmp_path, transformations, strategy, filename_as_id
):
    folder = tmp_path / "files"
    folder.mkdir()
    for name in ("a", "b"):
        lines = [f"Line {i} of {name} says a few words. " * 4 for i in range(5)]
        (folder / f"{name}.md").write_text("\n\n".join(lines))
    reader = MultimodalReader(image_root=tmp_path / "images", chunk_size=200)
    files = SimpleDirectoryReader(
        str(folder), file_extractor={".md": reader}, filename_as_id=filename_as_id
    )
    pipeline = IngestionPipeline(
        transformations=transformations,
        vector_store=ChromaVectorStore(chroma_collection=collection(tmp_path)),
        docstore=SimpleDocumentStore(),
        docstore_strategy=strategy,
    )
    first, second = (pipeline.run(documents=files.load_data()) for _ in range(2))
    assert (len(first), len(second)) == (10, 0)

    changed = folder / "a.md"
    changed.write_text(changed.read_text().replace("Line 2 of a", "New line"))
    third = pipeline.run(documents=files.load_data())
    assert {node.metadata["file_name"] for node in third} == {"a.md"}
    pipeline.persist(str(tmp_path / "pipeline"))
    pipeline.load(str(tmp_path / "pipeline"))
    assert len(pipeline.run(documents=files.load_data())) == 0

    texts = collection(tmp_path).get()["documents"]
    if strategy is DocstoreStrategy.UPSERTS_AND_DELETE:
        assert len(texts) == 10
        assert any("New line" in text for text in texts)
        assert not any("Line 2 of a" in text for text in texts)


def test_an_ingestion_pipeline_with_a_docstore_skips_a_pdf_that_it_knows(report, tmp_path):
    pipeline = IngestionPipeline(
        transformations=[TextEmbedding()],
        vector_store=ChromaVectorStore(chroma_collection=collection(tmp_path)),
        docstore=SimpleDocumentStore(),
    )
    reader = MultimodalPDFReader(image_root=report.root)
    counts = [len(pipeline.run(documents=reader.load_data(mmrerank.demo.REPORT))) for _ in range(3)]
    assert counts == [len(report.nodes), 0, 0]


def test_a_file_that_changes_back_and_forth_leaves_no_old_text(tmp_path, transformations):
    pipeline = IngestionPipeline(
        transformations=transformations,
        vector_store=ChromaVectorStore(chroma_collection=collection(tmp_path)),
        docstore=SimpleDocumentStore(),
        docstore_strategy=DocstoreStrategy.UPSERTS_AND_DELETE,
        disable_cache=True,  # LlamaIndex's cache gives documents back without our `ref_doc_id`
    )
    reader, path = MultimodalReader(image_root=tmp_path / "images"), tmp_path / "a.md"
    for version in ("one", "two", "one", "two"):
        path.write_text(f"The text of version {version}.")
        pipeline.run(documents=reader.load_data(path))
        assert collection(tmp_path).get()["documents"] == [f"The text of version {version}."]
