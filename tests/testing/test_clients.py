"""The services' own clients from PyPI against the test server.

They want older packages than we do, so they live in an environment of their own: `make clients`
sets it up (`clients.txt`) and runs this file in it. Elsewhere these tests are skipped.

Each test calls a client as its users do and compares what it makes of the answer with the scores
that the server gave: 1 for the third document, 0.5 for the first, 0 for the second.
"""

from __future__ import annotations

import base64
import functools
import importlib
import importlib.util
import os

import pytest

# Before the clients are imported: no usage statistics, no price list from GitHub, no tracing.
os.environ |= {
    "NVIDIA_USAGE_TELEMETRY_ENABLED": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    "LANGCHAIN_TRACING_V2": "false",
    "LANGSMITH_TRACING": "false",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "NO_PROXY": "127.0.0.1",
}

CLIENTS = ("cohere", "dashscope", "langchain_cohere", "litellm", "voyageai", "openrouter")
MISSING = [name for name in CLIENTS if importlib.util.find_spec(name) is None]
if MISSING:
    pytest.skip(f"the services' clients are not there: make clients ({MISSING[0]} is missing)", allow_module_level=True)  # fmt: skip

from helpers import png

from mmrerank.testing import LocalRerankServer
from mmrerank.testing.dialects import DIALECTS
from mmrerank.testing.dialects.forms import logit

# Some clients leave their connections to the garbage collector.
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

KEY = LocalRerankServer.api_key
QUERY = "turbine torque"
TEXTS = ["a turbine", "else", "turbine torque"]
ALL = {2: 1.0, 0: 0.5, 1: 0.0}
BEST = {2: 1.0, 0: 0.5}
PICTURE = base64.b64encode(png("turbine")).decode()
DATA_URI = f"data:image/png;base64,{PICTURE}"


@pytest.fixture
def served():
    """`served(dialect, ...)` starts a server; it must have had one request, and refused none."""
    started = []

    def start(dialect, **options):
        server = LocalRerankServer(dialect=dialect, **options)
        started.append(server.__enter__())
        return server

    yield start
    for server in started:
        server.__exit__(None, None, None)
        assert server.requests


def needs(dialect):
    return pytest.mark.skipif(
        dialect not in DIALECTS, reason=f"the test server has no dialect {dialect}"
    )


def logits(scores):
    return {i: pytest.approx(logit(score)) for i, score in scores.items()}


def scores_in(results):
    """The scores of results that are objects or dicts, by index; they must be sorted."""
    pairs = [
        (row["index"], row["relevance_score"])
        if isinstance(row, dict)
        else (row.index, row.relevance_score)
        for row in results
    ]
    assert pairs == sorted(pairs, key=lambda pair: -pair[1])
    return dict(pairs)


# -- the services' own


@pytest.mark.parametrize("version", ["ClientV2", "Client"])
def test_cohere(served, version):
    import cohere

    server = served("cohere")
    client = getattr(cohere, version)(KEY, base_url=server.url)
    answer = client.rerank(model="rerank-v3.5", query=QUERY, documents=TEXTS)
    assert scores_in(answer.results) == ALL
    answer = client.rerank(model="rerank-v3.5", query=QUERY, documents=TEXTS, top_n=2)
    assert scores_in(answer.results) == BEST
    assert answer.meta.api_version.version == ("2" if version == "ClientV2" else "1")


def test_coheres_first_version_sends_documents_back(served):
    import cohere

    client = cohere.Client(KEY, base_url=served("cohere").url)
    answer = client.rerank(
        model="rerank-v3.5",
        query=QUERY,
        documents=[{"text": text} for text in TEXTS],
        return_documents=True,
    )
    assert [row.document.text for row in answer.results] == [TEXTS[2], TEXTS[0], TEXTS[1]]


def test_cohere_lists_models_and_reads_errors(served):
    import cohere

    server = served("cohere", models=["rerank-v3.5"])
    client = cohere.ClientV2(KEY, base_url=server.url)
    assert [model.name for model in client.models.list().models] == ["rerank-v3.5"]
    with pytest.raises(cohere.BadRequestError, match="must not be empty"):
        client.rerank(model="rerank-v3.5", query=QUERY, documents=[])
    with pytest.raises(cohere.UnauthorizedError, match="key is invalid"):
        cohere.ClientV2("other", base_url=server.url).rerank(model="m", query="q", documents=["x"])


def call_dashscope(server, monkeypatch, **arguments):
    import dashscope

    monkeypatch.setattr(dashscope, "base_http_api_url", server.url + "/api/v1")
    return dashscope.TextReRank.call(api_key=KEY, **arguments)


def test_dashscope(served, monkeypatch):
    server = served("dashscope")
    arguments = {"model": "qwen3-rerank", "query": QUERY, "documents": TEXTS}
    answer = call_dashscope(server, monkeypatch, **arguments)
    assert scores_in(answer.output.results) == ALL
    answer = call_dashscope(server, monkeypatch, **arguments, top_n=2, return_documents=True)
    assert scores_in(answer.output.results) == BEST
    assert answer.output.results[0]["document"] == {"text": TEXTS[2]}


def test_dashscope_with_images(served, monkeypatch):
    server = served("dashscope")
    answer = call_dashscope(
        server,
        monkeypatch,
        model="qwen3-vl-rerank",
        query={"text": QUERY},
        documents=[{"text": TEXTS[0]}, {"image": DATA_URI}, {"image": "https://example.org/a.png"}],
    )
    assert answer.status_code == 200
    assert len(scores_in(answer.output.results)) == 3


def test_dashscope_reads_errors(served, monkeypatch):
    server = served("dashscope", faults=[400])
    answer = call_dashscope(server, monkeypatch, model="m", query="q", documents=["x"])
    assert (answer.status_code, answer.code) == (400, "TEST_400")
    assert answer.message == "scripted 400"


def test_voyage(served):
    import voyageai

    client = voyageai.Client(api_key=KEY, base_url=served("voyage").url + "/v1")
    assert scores_in(client.rerank(QUERY, TEXTS, "rerank-2.5").results) == ALL
    answer = client.rerank(QUERY, TEXTS, "rerank-2.5", top_k=2)
    assert scores_in(answer.results) == BEST
    assert answer.total_tokens == 20


def test_mixedbread(served):
    from mixedbread import Mixedbread

    client = Mixedbread(api_key=KEY, base_url=served("mixedbread").url)
    model = "mixedbread-ai/mxbai-rerank-large-v2"
    answer = client.rerank(model=model, query=QUERY, input=TEXTS, top_k=2, return_input=True)
    assert {row.index: row.score for row in answer.data} == BEST
    assert [row.input for row in answer.data] == [TEXTS[2], TEXTS[0]]


def test_zeroentropy(served):
    from zeroentropy import ZeroEntropy

    client = ZeroEntropy(api_key=KEY, base_url=served("zeroentropy").url + "/v1")
    answer = client.models.rerank(model="zerank-2", query=QUERY, documents=TEXTS, top_n=2)
    assert scores_in(answer.results) == BEST


def test_together(served):
    from together import Together

    client = Together(api_key=KEY, base_url=served("together").url)
    answer = client.rerank.create(
        model="m", query=QUERY, documents=TEXTS, top_n=2, return_documents=True
    )
    assert scores_in(answer.results) == BEST
    assert answer.results[0].document.text == TEXTS[2]


@needs("openrouter")
def test_openrouter(served):
    from openrouter import OpenRouter

    client = OpenRouter(api_key=KEY, server_url=served("openrouter").url + "/api/v1")
    answer = client.rerank.rerank(model="m", query=QUERY, documents=TEXTS, top_n=2)
    assert scores_in(answer.results) == BEST
    documents = [TEXTS[0], {"image": DATA_URI}, {"image": DATA_URI, "text": "else"}]
    answer = client.rerank.rerank(model="m", query=QUERY, documents=documents)
    assert len(scores_in(answer.results)) == 3


# -- LangChain


def compressed(compressor, images=()):
    """The scores that a compressor gives the texts, by their place."""
    from langchain_core.documents import Document

    metadata = dict(images)
    documents = [
        Document(page_content=text, metadata={"place": i, **metadata.get(i, {})})
        for i, text in enumerate(TEXTS)
    ]
    found = compressor.compress_documents(documents, QUERY)
    return {one.metadata["place"]: one.metadata["relevance_score"] for one in found}


def test_langchain_cohere(served):
    from langchain_cohere import CohereRerank

    url = served("cohere").url
    assert compressed(CohereRerank(model="m", base_url=url, cohere_api_key=KEY, top_n=2)) == BEST
    assert compressed(CohereRerank(model="m", base_url=url, cohere_api_key=KEY)) == ALL


@pytest.mark.parametrize("model", [{"model": "some-model"}, {}])
def test_langchain_nvidia(served, model):
    from langchain_nvidia_ai_endpoints import NVIDIARerank

    server = served("nvidia", models=["some-model"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NVIDIA_API_KEY", KEY)
        found = compressed(NVIDIARerank(base_url=server.url, truncate="END", **model))
    assert found == logits(ALL)
    assert bool(server.lookups) == (not model)


def test_langchain_nvidia_with_images(served):
    from langchain_nvidia_ai_endpoints import NVIDIARerank

    server = served("nvidia")
    client = NVIDIARerank(base_url=server.url, model="m", nvidia_api_key=KEY)
    assert len(compressed(client, {0: {"image": DATA_URI}})) == 3
    assert server.requests[0]["passages"][0]["image"].startswith("data:image/")


def test_langchain_jina(served, monkeypatch):
    from langchain_community.document_compressors import jina_rerank

    monkeypatch.setattr(jina_rerank, "JINA_API_URL", served("jina").url + "/v1/rerank")
    assert compressed(jina_rerank.JinaRerank(jina_api_key=KEY)) == ALL
    assert compressed(jina_rerank.JinaRerank(jina_api_key=KEY, top_n=2)) == BEST


# -- LlamaIndex


def postprocessed(package, name, **options):
    """The scores that a postprocessor gives the texts, by their place."""
    from llama_index.core.schema import NodeWithScore, TextNode

    kind = getattr(importlib.import_module(f"llama_index.postprocessor.{package}"), name)
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in TEXTS]
    place = {one.node_id: i for i, one in enumerate(nodes)}
    found = kind(**options).postprocess_nodes(nodes, query_str=QUERY)
    return {place[one.node_id]: one.score for one in found}


def test_llama_index_cohere(served):
    options = {"api_key": KEY, "base_url": served("cohere").url, "model": "m"}
    assert postprocessed("cohere_rerank", "CohereRerank", top_n=2, **options) == BEST


def test_llama_index_jina(served):
    options = {"api_key": KEY, "base_url": served("jina").url + "/v1"}
    assert postprocessed("jinaai_rerank", "JinaRerank", **options, top_n=2) == BEST


@pytest.mark.parametrize("model", [{"model": "some-model"}, {}])
def test_llama_index_nvidia(served, model):
    server = served("nvidia", models=["some-model"])
    options = {"base_url": server.url + "/v1", "api_key": KEY, "top_n": 3, **model}
    assert postprocessed("nvidia_rerank", "NVIDIARerank", **options) == logits(ALL)
    assert server.lookups


def test_llama_index_tei(served):
    options = {"base_url": served("tei").url, "auth_token": f"Bearer {KEY}", "top_n": 3}
    assert postprocessed("tei_rerank", "TextEmbeddingInference", **options) == ALL


def test_llama_index_dashscope(served, monkeypatch):
    import dashscope

    url = served("dashscope").url + "/api/v1"
    monkeypatch.setattr(dashscope, "base_http_api_url", url)
    assert postprocessed("dashscope_rerank", "DashScopeRerank", api_key=KEY, top_n=2) == BEST


def test_llama_index_siliconflow(served):
    options = {"api_key": KEY, "base_url": served("siliconflow").url + "/v1/rerank", "top_n": 2}
    assert postprocessed("siliconflow_rerank", "SiliconFlowRerank", **options) == BEST


def test_llama_index_xinference(served):
    options = {"base_url": served("xinference", needs_key=False).url, "model": "m", "top_n": 2}
    assert postprocessed("xinference_rerank", "XinferenceRerank", **options) == BEST


def test_llama_index_mixedbread(served, monkeypatch):
    monkeypatch.setenv("MIXEDBREAD_BASE_URL", served("mixedbread").url)
    options = {"api_key": KEY, "top_n": 2}
    assert postprocessed("mixedbreadai_rerank", "MixedbreadAIRerank", **options) == BEST


def test_llama_index_voyage(served, monkeypatch):
    """It has no parameter for the URL, so its client is told where to go."""
    import voyageai

    url = served("voyage").url + "/v1"
    monkeypatch.setattr(voyageai, "Client", functools.partial(voyageai.Client, base_url=url))
    options = {"model": "rerank-2.5", "api_key": KEY, "top_n": 2}
    assert postprocessed("voyageai_rerank", "VoyageAIRerank", **options) == BEST


# -- LiteLLM


@pytest.mark.parametrize(
    ("dialect", "model", "path", "scale"),
    [
        ("cohere", "cohere/rerank-v3.5", "", dict),
        ("cohere", "cohere/rerank-v3.5", "/v1/rerank", dict),
        ("jina", "jina_ai/jina-reranker-v3", "", dict),
        ("infinity", "infinity/m", "", dict),
        ("vllm", "hosted_vllm/m", "", dict),
        ("voyage", "voyage/rerank-2.5", "", dict),
        ("nvidia", "nvidia_nim/ranking/nvidia/m", "", logits),
        ("dashscope", "dashscope/qwen3-rerank", "/compatible-api/v1", dict),
        ("together", "together_ai/m", "", dict),
        ("jina", "litellm_proxy/m", "", dict),
    ],
)
def test_litellm(served, dialect, model, path, scale):
    import litellm

    arguments = {"model": model, "query": QUERY, "documents": TEXTS, "api_key": KEY}
    answer = litellm.rerank(**arguments, api_base=served(dialect).url + path, top_n=2)
    assert scores_in(answer.results) == scale(BEST)


def test_litellm_with_tei_gets_all(served):
    """It sends `top_n`, which TEI does not know."""
    import litellm

    server = served("tei")
    arguments = {"query": QUERY, "documents": TEXTS, "api_key": KEY, "api_base": server.url}
    answer = litellm.rerank(model="huggingface/BAAI/bge-reranker", **arguments, top_n=2)
    assert scores_in(answer.results) == ALL
    assert server.ignored == ["top_n"]


def test_litellm_with_nvidias_hosts(served):
    """Without `top_n`, which it sends as `top_k`; NVIDIA refuses that."""
    import litellm

    server = served("nvidia")
    arguments = {"query": QUERY, "documents": TEXTS, "api_key": KEY, "api_base": server.url}
    model = "nvidia_nim/nvidia/llama-3.2-nv-rerankqa-1b-v2"
    assert scores_in(litellm.rerank(model=model, **arguments).results) == logits(ALL)


def test_litellm_sends_images_to_jina_and_vllm(served):
    import litellm

    images = [DATA_URI, PICTURE, "https://example.org/a.png"]
    answer = litellm.rerank(
        model="jina_ai/jina-reranker-m0",
        query=QUERY,
        documents=[{"image": image} for image in images],
        return_documents=False,  # it cannot read documents without text that come back
        api_base=served("jina").url,
        api_key=KEY,
    )
    scores = scores_in(answer.results)
    assert scores[0] == scores[1] != scores[2]
    part = {"type": "image_url", "image_url": {"url": DATA_URI}}
    answer = litellm.rerank(
        model="hosted_vllm/m",
        query=QUERY,
        documents=[{"content": [part]}, "turbine torque"],
        api_base=served("vllm").url,
        api_key=KEY,
    )
    assert scores_in(answer.results)[1] == 1.0
