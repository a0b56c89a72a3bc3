"""Each figure has a chunk of its own, found by its words in any store of both frameworks."""

from __future__ import annotations

import json

import pytest

from mmrerank import FileLoader, PDFLoader, demo
from mmrerank.ocr.words import ImageReader, is_readable


@pytest.fixture(scope="module")
def chunks(tmp_path_factory):
    root = tmp_path_factory.mktemp("images")
    return PDFLoader(demo.REPORT, image_root=root, figure_chunks=True).load()


def figures(chunks):
    return [chunk for chunk in chunks if chunk.extra.get("kind") == "figure"]


def test_text_comes_first_and_is_the_same_without_figures(chunks, tmp_path):
    plain = PDFLoader(demo.REPORT, image_root=tmp_path, ocr=False).load()
    assert [chunk.text for chunk in chunks[: len(plain)]] == [chunk.text for chunk in plain]
    assert len(figures(chunks)) == len(chunks) - len(plain) == 8


def test_a_figure_has_caption_words_section_and_image(chunks):
    (card,) = [chunk for chunk in figures(chunks) if chunk.text.startswith("Figure 4:")]
    assert "Shelf R12" in card.text  # read by OCR: the scanned card has no text layer
    assert card.section
    assert card.section in card.text
    assert card.page == 4
    (link,) = card.links
    assert json.loads(card.metadata["images"]) == [link.figure.ref]


def test_a_figure_names_the_chunks_that_cite_it(chunks):
    by_id = {chunk.id: chunk for chunk in chunks}
    for figure in figures(chunks):
        (own,) = figure.links
        citing = [by_id[one] for one in json.loads(figure.metadata["cited_by"])]
        assert citing
        assert all(own.figure.ref in [link.figure.ref for link in one.links] for one in citing)


def test_an_injected_reader_reads(tmp_path):
    class Spy(ImageReader):
        def lines(self, image):
            read.append(image.name)
            return []

    read = []
    chunks = PDFLoader(demo.REPORT, image_root=tmp_path, figure_chunks=Spy(None)).load()
    own = [chunk.links[0].figure for chunk in figures(chunks)]
    too_little = {str(tmp_path / figure.ref) for figure in own if not is_readable(figure.words)}
    assert set(read) == too_little
    assert 0 < len(too_little) < len(own)

    read.clear()
    PDFLoader(demo.REPORT, image_root=tmp_path, figure_chunks=Spy(None, ocr=False)).load()
    assert read == []


def test_other_formats_have_figures_too(tmp_path):
    from helpers import png

    (tmp_path / "gauge.png").write_bytes(png("turbine torque"))
    page = tmp_path / "page.md"
    page.write_text("# Hall\n\nThe hall is old.\n\n![](gauge.png)\n\nFigure 1: What it shows.\n")
    loader = FileLoader(page, image_root=tmp_path / "images", figure_chunks=True)
    (figure,) = figures(loader.load())
    assert "turbine torque" in figure.text.lower()


def test_stores_of_both_frameworks_find_the_card_by_its_words(tmp_path):
    from langchain_core.vectorstores import InMemoryVectorStore
    from llama_index.core import VectorStoreIndex

    from langchain_mmrerank import MultimodalPDFLoader, TextEmbeddings
    from llama_index_mmrerank import MultimodalPDFReader, TextEmbedding

    question = "On which shelf and in which box is drawing 4471-C?"
    docs = MultimodalPDFLoader(demo.REPORT, image_root=tmp_path, figure_chunks=True).load()
    store = InMemoryVectorStore.from_documents(docs, TextEmbeddings())
    assert store.similarity_search(question, k=1)[0].metadata["kind"] == "figure"
    nodes = MultimodalPDFReader(image_root=tmp_path, figure_chunks=True).load_data(demo.REPORT)
    index = VectorStoreIndex(nodes, embed_model=TextEmbedding())
    best = index.as_retriever(similarity_top_k=1).retrieve(question)[0]
    assert best.metadata["kind"] == "figure"
