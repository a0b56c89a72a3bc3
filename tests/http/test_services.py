"""Each service: what it is sent, what it takes, how its answers and errors are read."""

from __future__ import annotations

import httpx
import pytest
from helpers import png
from calling import scores_of

from mmrerank import (
    APIError,
    AuthenticationError,
    Content,
    Image,
    ImageError,
    InvalidInputError,
    NVIDIAReranker,
    RerankWarning,
    SGLangReranker,
    UnsupportedModalityError,
    VLLMReranker,
)
from mmrerank.cli.main import RERANKERS, make_reranker
from mmrerank.http.responses import read_error
from mmrerank.testing import LocalRerankServer
from mmrerank.testing.dialects import DIALECTS

DATA = png("turbine")
FIGURE = Image.from_bytes(DATA)
OTHER = Image.from_bytes(png("torque"))
URI = "data:image/png;base64,"
QWEN = "Qwen/Qwen3-VL-Reranker-2B"


def make(name, server, **options):
    return make_reranker(name, base_url=server.url, api_key=server.api_key, **options)


def sent(name, query, documents, **options):
    """The body of the one request that this makes, its images cut short."""
    with LocalRerankServer(dialect=name) as server, make(name, server, **options) as reranker:
        reranker.score(query, documents)
    (body,) = server.requests
    return shortened(body)


def shortened(value):
    if isinstance(value, dict):
        return {key: shortened(one) for key, one in value.items()}
    if isinstance(value, list):
        return [shortened(one) for one in value]
    return URI if isinstance(value, str) and value.startswith(URI) else value


def test_every_service_has_its_name_and_its_dialect():
    served = {name for name, place in RERANKERS.items() if place.startswith("mmrerank.http")}
    assert served == set(DIALECTS)


IMAGE_PART = {"type": "image_url", "image_url": {"url": URI}}
BOTH = Content("a chunk", [FIGURE])
REQUESTS = [
    ("jina", {}, [BOTH], {"model": "jina-reranker-m0", "query": "q", "documents": [{"text": "a chunk"}, {"image": URI}], "return_documents": False}),
    ("vllm", {}, [BOTH], {"model": "jinaai/jina-reranker-m0", "query": "q", "queries": "q", "documents": ["a chunk", {"content": [IMAGE_PART]}]}),
    ("vllm", {"api": "rerank"}, ["x"], {"model": "jinaai/jina-reranker-m0", "query": "q", "documents": ["x"]}),
    ("vllm", {"model": QWEN, "instruction": "i"}, [BOTH], {"model": QWEN, "query": "q", "queries": "q", "documents": [{"content": [IMAGE_PART, {"type": "text", "text": "a chunk"}]}], "instruction": "i"}),
    ("sglang", {"instruction": "i"}, [BOTH, "x"], {"model": QWEN, "query": "q", "documents": [[IMAGE_PART, {"type": "text", "text": "a chunk"}], "x"], "return_documents": False, "instruct": "i"}),
    ("tei", {}, ["x"], {"query": "q", "texts": ["x"], "truncate": True, "raw_scores": False, "return_text": False}),
    ("infinity", {"model": "m"}, ["x"], {"model": "m", "query": "q", "documents": ["x"], "return_documents": False, "raw_scores": False}),
    ("cohere", {"max_tokens_per_doc": 9}, ["x"], {"model": "rerank-v3.5", "query": "q", "documents": ["x"], "max_tokens_per_doc": 9}),
    ("dashscope", {"instruction": "i"}, [BOTH], {"model": "qwen3-vl-rerank", "input": {"query": {"text": "q"}, "documents": [{"text": "a chunk"}, {"image": URI}]}, "parameters": {"return_documents": False, "instruct": "i"}}),
    ("dashscope", {"model": "gte-rerank-v2"}, ["x"], {"model": "gte-rerank-v2", "input": {"query": "q", "documents": ["x"]}, "parameters": {"return_documents": False}}),
    ("nvidia", {}, [BOTH, Content(images=[FIGURE]), "x"], {"model": "nvidia/llama-nemotron-rerank-vl-1b-v2", "query": {"text": "q"}, "passages": [{"text": "a chunk", "image": URI}, {"image": URI}, {"text": "x"}], "truncate": "END"}),
    ("llamacpp", {}, ["x"], {"model": "llama.cpp", "query": "q", "documents": ["x"]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options", "documents", "body"), REQUESTS)
def test_the_request_is_the_services(name, options, documents, body):
    assert sent(name, "q", documents, **options) == body


@pytest.mark.parametrize(
    ("name", "options", "query"),
    [
        ("jina", {}, {"image": URI}),
        ("dashscope", {}, {"image": URI}),
        ("sglang", {}, [IMAGE_PART]),
        ("vllm", {}, {"content": [IMAGE_PART]}),
    ],
)
def test_an_image_query_is_sent_as_the_service_reads_it(name, options, query):
    body = sent(name, Content(images=[FIGURE]), ["x"], **options)
    assert body.get("input", body).get("query", body.get("queries")) == query


def test_an_image_query_of_a_text_service_is_refused():
    with (
        LocalRerankServer(dialect="tei") as server,
        make("tei", server) as reranker,
        pytest.raises(UnsupportedModalityError),
    ):
        reranker.score(Content(images=[FIGURE]), ["x"])
    assert server.requests == []


def test_a_text_service_is_never_sent_an_image(mode):
    with LocalRerankServer(dialect="cohere") as server, make("cohere", server) as reranker:
        with pytest.warns(RerankWarning, match="text-only"):
            scores_of(reranker, mode, "turbine", [BOTH])
        assert server.requests[0]["documents"] == ["a chunk"]


def test_several_images_go_in_one_document_where_the_model_reads_them():
    body = sent("vllm", "q", [Content("t", [FIGURE, OTHER])], model=QWEN)
    kinds = [part["type"] for part in body["documents"][0]["content"]]
    assert kinds == ["image_url", "image_url", "text"]


@pytest.mark.parametrize("name", ["nvidia", "llamacpp"])
def test_logits_are_squashed(name, mode):
    with (
        LocalRerankServer(lambda query, item: 0.75, dialect=name) as server,
        make(name, server) as reranker,
    ):
        assert scores_of(reranker, mode, "q", ["x"]) == [pytest.approx(0.75)]


@pytest.mark.parametrize("name", ["jina", "tei", "infinity", "cohere", "nvidia", "llamacpp"])
def test_an_instruction_that_a_service_does_not_take_is_refused(name):
    with pytest.raises(InvalidInputError, match="takes no instruction"):
        make_reranker(name, base_url="http://127.0.0.1:1", api_key="k", instruction="i")


@pytest.mark.parametrize("name", ["jina", "cohere", "dashscope"])
def test_services_with_accounts_need_a_key(name):
    with pytest.raises(AuthenticationError, match="_API_KEY"):
        make_reranker(name)


@pytest.mark.parametrize("name", ["tei", "infinity", "nvidia", "llamacpp", "cohere"])
def test_urls_are_refused_where_the_service_fetches_none(name):
    with pytest.raises(InvalidInputError, match="send_urls"):
        make_reranker(name, api_key="k", send_urls=True)


def test_an_image_url_goes_to_nvidia_only_as_an_image():
    document = Content(images=[Image.from_url("https://example.org/a.png?token=hidden")])
    with pytest.raises(ImageError, match="fetch it first") as caught:
        NVIDIAReranker(base_url="http://127.0.0.1:1").score("q", [document])
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("kind", [VLLMReranker, SGLangReranker])
def test_what_another_model_reads_can_be_said(kind):
    from mmrerank import Modalities

    assert not kind("some/reranker").modalities.image
    assert kind("some/reranker", modalities=Modalities(image=True)).modalities.image


@pytest.mark.parametrize("name", list(DIALECTS))
def test_an_error_names_message_code_and_status(name, mode):
    with LocalRerankServer(dialect=name, faults=[400]) as server, make(name, server) as reranker:
        with pytest.raises(APIError, match="scripted 400") as caught:
            scores_of(reranker, mode, "q", ["x"])
        assert caught.value.status_code == 400
        if name != "cohere":  # its errors have a message only
            assert caught.value.code == "TEST_400"


BODIES = [
    ({"detail": {"message": "m", "request_id": "r", "code": "c"}}, ("m", "c", "r")),
    ({"detail": "m", "code": "c", "request_id": "r"}, ("m", "c", "r")),
    ({"error": {"message": "m", "type": "BadRequestError", "code": 400}}, ("m", "400", None)),
    ({"error": "m", "error_type": "Validation"}, ("m", "Validation", None)),
    ({"message": "m"}, ("m", None, None)),
    ({"code": "c", "message": "m", "request_id": "r"}, ("m", "c", "r")),
    (
        {"detail": [{"loc": ["body", "query"], "msg": "Field required", "input": "SECRET"}]},
        ("body.query: Field required", None, None),
    ),
    ("<html>", ("<html>", None, None)),
    ([], ("[]", None, None)),
    (None, ("None", None, None)),
]


@pytest.mark.parametrize(("body", "facts"), BODIES)
def test_the_forms_of_errors(body, facts):
    assert read_error(body) == facts


def test_the_key_goes_in_the_authorisation_header_only():
    with LocalRerankServer() as server, make("jina", server, headers={"X-Team": "t"}) as reranker:
        reranker.score("q", ["x"])
    (headers,) = server.headers
    assert headers["authorization"] == f"Bearer {server.api_key}"
    assert headers["x-team"] == "t"
    carriers = [name for name, value in headers.items() if server.api_key in value]
    assert carriers == ["authorization"]
    assert server.api_key not in str(server.requests)


@pytest.mark.parametrize("name", list(DIALECTS))
def test_a_key_over_http_goes_to_loopback_only_unless_allowed(name):
    with pytest.raises(InvalidInputError, match="unencrypted"):
        make_reranker(name, api_key="k", base_url="http://gpu-box:8000")
    make_reranker(name, api_key="k", base_url="http://gpu-box:8000", allow_http_key=True)


def test_no_key_is_sent_where_none_is_wanted(monkeypatch):
    monkeypatch.setenv("NVIDIA_API_KEY", "from-environment")
    with pytest.raises(InvalidInputError, match='api_key=""'):
        NVIDIAReranker(base_url="http://gpu-box:8000")
    reranker = NVIDIAReranker(base_url="http://gpu-box:8000", api_key="")
    assert reranker._connection.key is None


def test_the_environments_proxies_hold(monkeypatch):
    with LocalRerankServer(dialect="tei") as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        # The server here is no proxy: it finds no dialect under a whole URL.
        with (
            make_reranker("tei", base_url="http://gpu-box:8000") as reranker,
            pytest.raises(APIError, match="gpu-box:8000/rerank not found"),
        ):
            reranker.score("q", ["x"])


def test_a_proxy_can_be_given(mode):
    with LocalRerankServer(dialect="tei") as proxy:
        options = {"base_url": "http://gpu-box:8000", "proxy": proxy.url}
        with (
            make_reranker("tei", **options) as reranker,
            pytest.raises(APIError, match="gpu-box:8000/rerank not found"),
        ):
            scores_of(reranker, mode, "q", ["x"])


def test_a_timeout_may_be_httpxs_own():
    with LocalRerankServer() as server:
        timeout = httpx.Timeout(5, read=0.2)
        with make("jina", server, timeout=timeout) as reranker:
            assert reranker.score("x", ["x"]) == [1.0]


@pytest.mark.parametrize(
    "options",
    [
        {"max_concurrency": 0},
        {"max_retries": -1},
        {"max_pixels": 0},
        {"requests_per_minute": 0},
        {"tokens_per_minute": 0},
        {"max_images_per_document": 0},
        {"timeout": 0},
        {"deadline": -1},
        {"on_error": "ignore"},
        {"verify": "no/such/file.pem"},
        {"base_url": "ftp://x"},
        {"base_url": "http://127.0.0.1/?key=x"},
    ],
)
def test_options_that_cannot_be_used_are_refused(options):
    with pytest.raises(InvalidInputError, match=next(iter(options)).split("_")[0]):
        VLLMReranker(**options)
