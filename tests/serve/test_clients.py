"""Clients that know nothing of this server get the library's scores from it."""

from __future__ import annotations

import base64
from pathlib import Path

import httpx
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from mmrerank import Content, Image, JinaM0Reranker, JinaReranker

GOLDEN = Path(__file__).parents[1] / "data" / "golden"
QUERY = "Which pump ran hot?"
TEXTS = ["The feed pump ran hot in May.", "Minutes of the annual meeting.", "", "Pump 7: 81 °C"]


@pytest.fixture(scope="module")
def library():
    with JinaM0Reranker(str(GOLDEN / "jina-reranker-m0"), device="cpu") as reranker:
        yield reranker


@pytest.fixture
def running(serve):
    return serve(lambda: JinaM0Reranker(str(GOLDEN / "jina-reranker-m0"), device="cpu"))


@pytest.fixture
def expected(library) -> dict[int, float]:
    return dict(enumerate(library.score(QUERY, TEXTS)))


@pytest.fixture
def cohere_client():
    cohere = pytest.importorskip("cohere")
    with httpx.Client() as http:
        yield lambda url: cohere.ClientV2(api_key="any", base_url=url, httpx_client=http)


def near(found, expected) -> None:
    assert found == pytest.approx(expected, abs=1e-6, rel=0)


def test_cohere(running, expected, cohere_client):
    client = cohere_client(running.url)
    answer = client.rerank(model="rerank-v4.0", query=QUERY, documents=TEXTS)
    near({one.index: one.relevance_score for one in answer.results}, expected)
    scores = [one.relevance_score for one in answer.results]
    assert scores == sorted(scores, reverse=True)
    assert answer.meta.tokens.input_tokens > len(TEXTS)
    assert len(client.rerank(model="m", query=QUERY, documents=TEXTS, top_n=2).results) == 2


def test_cohere_reads_our_errors(running, cohere_client):
    with pytest.raises(pytest.importorskip("cohere").BadRequestError, match="documents"):
        cohere_client(running.url).rerank(model="m", query=QUERY, documents=[])


def test_llama_index(running, expected, monkeypatch):
    rerank = pytest.importorskip("llama_index.postprocessor.jinaai_rerank")
    from llama_index.core.schema import NodeWithScore, TextNode

    reranker = rerank.JinaRerank(base_url=f"{running.url}/v1", api_key="any", top_n=4)
    nodes = [NodeWithScore(node=TextNode(text=text, id_=str(i))) for i, text in enumerate(TEXTS)]
    found = reranker.postprocess_nodes(nodes, query_str=QUERY)
    reranker._session.close()
    near({int(one.node.node_id): one.score for one in found}, expected)


def test_llama_index_tells_our_errors(serve, gated):
    rerank = pytest.importorskip("llama_index.postprocessor.jinaai_rerank")
    from llama_index.core.schema import NodeWithScore, TextNode

    running = serve(gated, max_documents=1)
    reranker = rerank.JinaRerank(base_url=f"{running.url}/v1", api_key="any")
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in TEXTS]
    with pytest.raises(RuntimeError, match="4 documents; at most 1"):
        reranker.postprocess_nodes(nodes, query_str=QUERY)
    reranker._session.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_langchain_community(running, expected, monkeypatch):
    jina = pytest.importorskip("langchain_community.document_compressors.jina_rerank")
    from langchain_core.documents import Document

    monkeypatch.setattr(jina, "JINA_API_URL", f"{running.url}/v1/rerank")
    documents = [Document(text, metadata={"i": i}) for i, text in enumerate(TEXTS)]
    compressor = jina.JinaRerank(jina_api_key="any", top_n=4)
    found = compressor.compress_documents(documents, QUERY)
    compressor.session.close()
    near({one.metadata["i"]: one.metadata["relevance_score"] for one in found}, expected)


def test_our_client_with_images(running, library):
    picture = Image.from_path(GOLDEN / "images" / "1_300x200.png")
    documents = [TEXTS[0], Content(images=[picture]), Content("a figure", [picture])]
    with JinaReranker(api_key="any", base_url=running.url) as client:
        found = client.score(QUERY, documents)
    near(found, library.score(QUERY, documents))


def test_text_and_image_in_one_object(running, library):
    file = (GOLDEN / "images" / "1_300x200.png").read_bytes()
    picture = f"data:image/png;base64,{base64.b64encode(file).decode()}"
    document = {"text": "a figure", "image": picture}
    body = {"query": {"image": picture.partition(",")[2]}, "documents": [document]}
    answer = httpx.post(f"{running.url}/v1/rerank", json=body).json()
    image = Image.from_data_uri(picture)
    wanted = library.score(Content(images=[image]), [Content("a figure", [image])])
    near([one["relevance_score"] for one in answer["results"]], wanted)
    assert answer["results"][0]["document"] == document
