"""Local models where users meet them: both adapters, embeddings, the command line."""

from __future__ import annotations

import asyncio
import json

import pytest
from golden_cases import GOLDEN, load
from helpers import png

from mmrerank import Content, Image
from mmrerank.cli.main import main
from mmrerank.index.index import Index

IMAGES = GOLDEN / "images"
TEXTS = ["RAG combines retrieval with generation.", "Python is a programming language."]


@pytest.fixture(params=["jina-reranker-m0", "qwen3-vl-reranker"])
def reranker(request, loaded):
    return loaded(request.param)


def test_langchain_documents_with_images(reranker):
    from langchain_core.documents import Document

    from langchain_mmrerank import MultimodalRerank

    documents = [
        Document(TEXTS[0], id="a", metadata={"images": '["1_300x200.png", "0_56x56.png"]'}),
        Document(TEXTS[1], id="b"),
    ]
    compressor = MultimodalRerank(reranker=reranker, image_root=IMAGES)
    found = compressor.compress_documents(documents, "How does RAG work?")
    again = asyncio.run(compressor.acompress_documents(documents, "How does RAG work?"))
    assert [d.id for d in found] == [d.id for d in again]
    images = [Image.from_path(IMAGES / name) for name in ("1_300x200.png", "0_56x56.png")]
    scores = reranker.score("How does RAG work?", [Content(TEXTS[0], images), TEXTS[1]])
    assert {d.id: d.metadata["relevance_score"] for d in found} == pytest.approx(
        dict(zip("ab", scores, strict=True)), abs=1e-5
    )


def test_llama_index_nodes_and_a_query_with_an_image(reranker):
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

    from llama_index_mmrerank import MultimodalRerank

    nodes = [NodeWithScore(node=TextNode(text=text), score=0.5) for text in TEXTS]
    nodes[1].node.metadata["images"] = '["0_56x56.png"]'
    rerank = MultimodalRerank(reranker=reranker, image_root=IMAGES)
    picture = IMAGES / "1_300x200.png"
    asked = QueryBundle("How does RAG work?", image_path=str(picture))
    found = rerank.postprocess_nodes(nodes, asked)
    query = Content("How does RAG work?", [Image.from_path(picture)])
    documents = [TEXTS[0], Content(TEXTS[1], [Image.from_path(IMAGES / "0_56x56.png")])]
    scores = sorted(reranker.score(query, documents), reverse=True)
    assert [node.score for node in found] == pytest.approx(scores, abs=1e-5)


@pytest.mark.parametrize("name", ["jina-m0", "qwen3", "qwen3-vl"])
def test_the_command_line_takes_them(name, tmp_path, capsys):
    image = "" if name == "qwen3" else "\n\n![](a.png)\n"
    (tmp_path / "a.png").write_bytes(png("turbine"))
    (tmp_path / "a.md").write_text(TEXTS[0] + image)
    (tmp_path / "b.md").write_text(TEXTS[1])
    with Index(tmp_path / "store", ocr=False, figures=False) as index:
        index.sync([tmp_path / "a.md", tmp_path / "b.md"])
    folder = {"jina-m0": "jina-reranker-m0", "qwen3": "qwen3-reranker"}.get(
        name, f"{name}-reranker"
    )
    arguments = ["search", "RAG", "--store", str(tmp_path / "store"), "--reranker", name, "--json"]
    assert main([*arguments, "--model", str(GOLDEN / folder)]) == 0
    hits = json.loads(capsys.readouterr().out)
    assert len(hits) == 2
    assert all(0 <= hit["score"] <= 1 for hit in hits)
    assert main([*arguments, "--model", str(tmp_path)]) == 1
    shown = capsys.readouterr().err
    assert "error:" in shown
    assert "Traceback" not in shown


def test_the_command_line_explains_them(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(png("turbine"))
    (tmp_path / "a.md").write_text("The power of a turbine.")
    files = [str(tmp_path / name) for name in ("a.png", "a.md")]
    model = ["--reranker", "qwen3-vl", "--model", str(GOLDEN / "qwen3-vl-reranker")]
    assert main(["explain", "power", *files, *model]) == 0
    shown = capsys.readouterr().out
    assert "document, image 1" in shown
    assert max(map(len, shown.splitlines()[1:])) <= 80
    assert main(["explain", "power", *files, *model, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["method"] == "integrated_gradients"
    assert [word["text"] for word in found["document"]][:2] == ["The", "power"]
    assert len(found["images"][0]["weights"]) == found["images"][0]["rows"]


def test_states_computed_when_indexing_serve_searches(tmp_path, capsys):
    (tmp_path / "a.md").write_text("# RAG\n\nRAG combines retrieval with generation.\n")
    store, model = str(tmp_path / "store"), str(GOLDEN / "jina-reranker-m0")
    chosen = ["--store", store, "--reranker", "jina-m0", "--model", model]
    assert main(["index", str(tmp_path / "a.md"), "--warm", *chosen]) == 0
    kept = [path for path in (tmp_path / "store" / "states").rglob("*") if path.is_file()]
    assert kept
    capsys.readouterr()
    assert main(["search", "RAG", *chosen, "--json"]) == 0
    (hit,) = json.loads(capsys.readouterr().out)
    assert 0 < hit["score"] < 1


def test_a_reranker_that_is_closed_says_so():
    reranker = load("qwen3-reranker")
    reranker.close()
    with pytest.raises(Exception, match="closed"):
        reranker.score("x", ["y"])
