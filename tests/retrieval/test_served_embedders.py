"""What every served embedder promises: order, unit length, and typed errors for each fault."""

from __future__ import annotations

import asyncio
import math
import pickle
import traceback

import pytest
from serving import SERVICES, TEXTS, cosine

from mmrerank.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AuthenticationError,
    InvalidInputError,
    InvalidResponseError,
    RateLimitError,
)
from mmrerank.testing import Refusal

HTTP = ("jina", "vllm")


@pytest.fixture(params=SERVICES)
def service(request):
    return SERVICES[request.param]


@pytest.mark.parametrize("mode", ["sync", "async"])
def test_vectors_come_in_the_order_of_the_texts(service, mode):
    with service.running() as (server, embedder):
        if mode == "sync":
            found = embedder.embed_texts(TEXTS)
        else:
            found = asyncio.run(embedder.aembed_texts(TEXTS))
        query = embedder.embed_query("a red pump")
    assert server.ignored == []
    assert found[0] == found[3]
    assert [math.hypot(*vector) for vector in found] == pytest.approx([1] * 5, abs=1e-6)
    near = [cosine(query, vector) for vector in found]
    assert near[0] == pytest.approx(1, abs=1e-6)
    assert near[0] > near[4] > max(near[1], near[2])
    assert embedder.dimensions == 256


def test_fewer_dimensions(service):
    with service.running(options={"dimensions": 32}) as (_, embedder):
        assert embedder.dimensions == 32
        vectors = [*embedder.embed_texts(TEXTS), embedder.embed_query("snow")]
    assert {len(vector) for vector in vectors} == {32}


@pytest.mark.parametrize("dimensions", [0, -1, 1.5, "8", True])
def test_dimensions_are_a_positive_integer(service, dimensions):
    with (
        pytest.raises(InvalidInputError, match="dimensions"),
        service.running(options={"dimensions": dimensions}),
    ):
        pass


@pytest.mark.parametrize(
    "fault",
    ["missing", "repeated", "foreign", "nan", "huge", "null", "other_model", "form", "no_json"],
)
def test_an_answer_that_cannot_be_used_is_an_error(service, fault):
    with (
        service.running(faults=[fault]) as (_, embedder),
        pytest.raises(InvalidResponseError),
    ):
        embedder.embed_texts(["a red pump", "snow"])


def test_vectors_of_other_dimensions_are_an_error(service):
    with service.running() as (server, embedder):
        assert embedder.embed_texts(["a", "b"])
        server.faults = ["short"]
        with pytest.raises(InvalidResponseError, match="dimensions"):
            embedder.embed_texts(["c", "d"])


def test_the_index_says_which_text_a_vector_belongs_to(service):
    with service.running(faults=["reversed"]) as (_, embedder):
        found = embedder.embed_texts(["a red pump", "snow"])
        assert found == embedder.embed_texts(["a red pump", "snow"])
        assert embedder.embed_texts(["snow here"]) != found[1:]
        assert cosine(found[1], embedder.embed_texts(["snow snow"])[0]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (401, AuthenticationError),
        (403, AuthenticationError),
        (Refusal(429, {"Retry-After": "90"}), RateLimitError),
        (400, APIError),
        (500, APIError),
        ("drop", APIConnectionError),
        ("timeout", APITimeoutError),
    ],
)
def test_a_failure_of_the_service_is_a_typed_error(service, fault, kind):
    options = {"max_retries": 0, "timeout": 0.3 if fault == "timeout" else 20}
    with service.running(faults=[fault], options=options) as (_, embedder):
        with pytest.raises(kind) as caught:
            embedder.embed_texts(["a red pump"])
        status = fault.status if isinstance(fault, Refusal) else fault
        assert caught.value.status_code == (status if isinstance(status, int) else None)
        assert embedder.embed_texts(["a red pump"])  # and it goes on working


def test_a_temporary_failure_is_tried_again(service):
    with service.running(faults=[503, "drop"], options={"max_retries": 2}) as (server, embedder):
        assert embedder.embed_texts(["a red pump"])
    assert len(server.headers) == 3


def test_the_key_is_shown_nowhere(service):
    secret = "sk-very-secret-key"
    with service.running(options={"api_key": secret}) as (_, embedder):
        assert secret not in repr(embedder)
        with pytest.raises(AuthenticationError) as caught:
            embedder.embed_texts(["a red pump"])
    assert secret not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("name", HTTP)
def test_a_pickle_has_no_key(name):
    with SERVICES[name].running(options={"api_key": "sk-very-secret-key"}) as (_, embedder):
        assert b"very-secret" not in pickle.dumps(embedder)


def test_the_address_may_come_from_the_environment(service, monkeypatch):
    names = {"OpenAIEmbedder": "OPENAI", "JinaEmbedder": "JINA", "VLLMEmbedder": "VLLM"}
    with service.running() as (server, _):
        prefix = names[service.embedder.__name__]
        monkeypatch.setenv(f"{prefix}_BASE_URL", server.url + service.path)
        monkeypatch.setenv(f"{prefix}_API_KEY", server.api_key)
        embedder = service.embedder("m")
        assert embedder.embed_texts(["a red pump"])
        embedder.close()


def test_a_key_is_not_sent_over_http_to_another_machine(service):
    with pytest.raises(InvalidInputError, match="unencrypted"):
        service.embedder("m", api_key="k", base_url="http://example.org")


@pytest.mark.parametrize("model", ["", " ", None, 5])
def test_a_model_is_a_name(service, model):
    with pytest.raises(InvalidInputError, match="model"):
        service.embedder(model, api_key="k")


def test_an_answer_of_another_model_may_be_accepted(service):
    options = {"check_model": False}
    with service.running(faults=["other_model"], options=options) as (_, embedder):
        assert embedder.embed_texts(["a red pump"])


@pytest.mark.parametrize("name", HTTP)
def test_many_requests_at_once_within_the_limit(name):
    texts = [f"text number {i}" for i in range(300)]
    latency = 0.01 if name == "vllm" else 0.2  # vLLM is sent one request a text
    options = {"max_concurrency": 3}
    with SERVICES[name].running(latency=latency, options=options) as (server, embedder):
        found = embedder.embed_texts(texts)
        again = asyncio.run(embedder.aembed_texts([*texts[::-1], "one more"]))
    assert again[:300] == found[::-1]
    assert 1 < server.most_at_once <= 3


@pytest.mark.parametrize("name", HTTP)
async def test_connections_are_kept_within_async_with(name):
    with SERVICES[name].running() as (server, embedder):
        async with embedder:
            for i in range(3):
                await embedder.aembed_query(f"query {i}")
            assert server.connections == 1
