"""Documents of both frameworks as a page."""

from __future__ import annotations

import json

import pytest
from helpers import png
from langchain_core.documents import Document
from llama_index.core.schema import ImageNode, NodeWithScore, TextNode
from shown import pdf_file
from test_page import text_of

import langchain_mmrerank
import llama_index_mmrerank
from mmrerank import InvalidInputError, OCRReranker

METADATA = {"source": "report.pdf", "page": 2, "section": "Machines", "images": '["gauge.png"]'}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "gauge.png").write_bytes(png("turbine torque"))
    facts = {
        "source": "report.pdf",
        "page": 2,
        "caption": "Figure 1: The gauge.",
        "box": [9, 9, 90, 90],
        "kind": "raster",
        "label": "figure 1",
        "words": "",
    }
    (tmp_path / "gauge.json").write_text(json.dumps(facts))
    pdf_file(tmp_path / "report.pdf")
    return tmp_path


def langchain(root, metadata=METADATA):
    documents = [Document("The hall is old."), Document("A gauge.", metadata=metadata)]
    rerank = langchain_mmrerank.MultimodalRerank(reranker=OCRReranker(), image_root=root)
    return langchain_mmrerank.show, rerank.compress_documents(documents, "turbine torque")


def llama_index(root, metadata=METADATA):
    texts = [("The hall is old.", {}), ("A gauge.", metadata)]
    nodes = [NodeWithScore(node=TextNode(text=t, metadata=m), score=0.5) for t, m in texts]
    rerank = llama_index_mmrerank.MultimodalRerank(reranker=OCRReranker(), image_root=root)
    return llama_index_mmrerank.show, rerank.postprocess_nodes(nodes, query_str="turbine torque")


@pytest.mark.parametrize("framework", [langchain, llama_index])
def test_documents_are_shown_with_what_the_reranker_wrote(framework, root):
    show, documents = framework(root)
    page = show(documents, "turbine torque", image_root=root).html()
    text = text_of(page)
    for said in (
        "1. report.pdf, page 2",
        "2 before reranking, 1 after (up 1)",
        "SectionMachines",
        "image 1, best image: Figure 1: The gauge.",
        "Best image Figure 1: The gauge. (page 2, box 9,9 to 90,90)",
    ):
        assert said in text
    assert page.count('src="data:image/') == 1


@pytest.mark.parametrize("framework", [langchain, llama_index])
def test_a_source_is_opened_only_below_a_root(framework, root, tmp_path_factory):
    show, documents = framework(root)
    options = {"image_root": root, "query": "turbine"}
    assert "with a frame" not in show(documents, **options).html()
    assert "with a frame" in show(documents, **options, source_root=root).html()
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert "with a frame" not in show(documents, **options, source_root=elsewhere).html()
    for document in documents:
        metadata = document.metadata if isinstance(document, Document) else document.node.metadata
        metadata["source"] = str(root / "report.pdf")
    assert "with a frame" not in show(documents, **options, source_root=elsewhere).html()


@pytest.mark.parametrize("framework", [langchain, llama_index])
def test_images_that_cannot_be_shown_are_named(framework, root):
    show, documents = framework(root)
    assert "no image_root was given" in text_of(show(documents).html())
    (root / "gauge.png").unlink()
    assert "there is no such file" in text_of(show(documents, image_root=root).html())


def test_metadata_of_others_breaks_nothing():
    metadata = {
        "source": 3, "page": True, "section": ["x"], "images": 7, "relevance_score": "high",
        "retrieval_rank": float("nan"), "part_scores": '[{"part": "x"}, 3, {"part": "image"}]',
        "retrieval_routes": '{"words": "1"}', "best_image": 4, "generated_captions": "[",
        "box": "[1", "page_label": None, "is_scored": 0,
    }  # fmt: skip
    page = text_of(langchain_mmrerank.show([Document("text", metadata=metadata)]).html())
    assert "1. document 1" in page
    broken = {"part_scores": "[" * 100_000, "retrieval_routes": "[]", "images": "[" * 10_000}
    assert "text" in langchain_mmrerank.show([Document("text", metadata=broken)]).html()


def test_a_node_that_is_an_image_is_shown(root):
    node = NodeWithScore(node=ImageNode(image_path="gauge.png"), score=0.25)
    page = llama_index_mmrerank.show([node], image_root=root)
    assert page.html().count('src="data:image/') == 1
    assert "0.2500 (not reranked)" in page.html()


@pytest.mark.parametrize("show", [langchain_mmrerank.show, llama_index_mmrerank.show])
def test_other_objects_are_refused(show):
    with pytest.raises(InvalidInputError):
        show(["a text"])
    with pytest.raises(InvalidInputError):
        show([], image_key=3)
