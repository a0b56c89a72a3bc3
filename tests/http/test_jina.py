"""The Jina reranker against a real server on loopback."""

from __future__ import annotations

import pickle

import pytest
import calling
from helpers import png

from mmrerank import (
    APIConnectionError,
    AuthenticationError,
    Content,
    Image,
    ImageError,
    InvalidInputError,
    JinaReranker,
    RerankWarning,
    UnsupportedModalityError,
)
from mmrerank.images.decode import open_image
from mmrerank.testing import LocalRerankServer

FIGURE = Image.from_bytes(png("turbine torque"))
DOCUMENTS = ["turbine torque", Content("beside a figure", [FIGURE]), "else"]


def scores_of(reranker, mode, documents=DOCUMENTS):
    return calling.scores_of(reranker, mode, "turbine torque", documents)


def test_the_request_is_jinas(mode):
    with LocalRerankServer() as server:
        scores_of(JinaReranker(api_key=server.api_key, base_url=server.url), mode)
    (body,) = server.requests
    assert set(body) == {"model", "query", "documents", "return_documents"}
    assert body["model"] == "jina-reranker-m0"
    assert body["return_documents"] is False
    assert body["query"] == "turbine torque"
    assert body["documents"][0] == {"text": "turbine torque"}
    assert [list(document) for document in body["documents"]] == [["text"], ["text"], ["image"], ["text"]]  # fmt: skip
    assert body["documents"][2]["image"].startswith("data:image/png;base64,")


def test_blank_text_is_not_sent_and_scores_zero(mode):
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        assert scores_of(reranker, mode, ["", "  ", "turbine"])[:2] == [0.0, 0.0]
        assert len(server.requests[0]["documents"]) == 1
        assert scores_of(reranker, mode, ["", " "]) == [0.0, 0.0]
        assert len(server.requests) == 1


def test_equal_parts_are_sent_once(mode):
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        scores_of(reranker, mode, ["same", "same", Content("same", [FIGURE]), Content(images=[FIGURE])])  # fmt: skip
        assert len(server.requests[0]["documents"]) == 2


def test_large_images_are_shrunk_to_what_the_model_reads(mode):
    large = Image.from_bytes(png("large", size=(2000, 1500)))
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        scores_of(reranker, mode, [Content(images=[large])])
    sent = Image.from_data_uri(server.requests[0]["documents"][0]["image"])
    picture = open_image(sent)
    assert 500_000 < picture.width * picture.height <= 602_112


def test_large_calls_are_split_and_keep_their_order(mode):
    documents = [f"turbine number {i}" if i % 3 else f"number {i}" for i in range(200)]
    with LocalRerankServer(latency=0.05) as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url, max_concurrency=2)
        scores = scores_of(reranker, mode, documents)
    assert len(server.requests) == 4
    assert server.most_at_once == 2
    assert [score > 0 for score in scores] == [bool(i % 3) for i in range(200)]


def test_a_listwise_model_is_never_split(mode):
    with LocalRerankServer() as server:
        reranker = JinaReranker("jina-reranker-v3", api_key=server.api_key, base_url=server.url)
        scores_of(reranker, mode, [f"document {i}" for i in range(200)])
    assert reranker.listwise
    assert len(server.requests) == 1


def test_a_text_model_leaves_images_out_with_a_warning(mode):
    with LocalRerankServer() as server:
        reranker = JinaReranker("jina-reranker-v3", api_key=server.api_key, base_url=server.url)
        with pytest.warns(RerankWarning, match="text-only"):
            scores_of(reranker, mode)
        with pytest.raises(UnsupportedModalityError):
            reranker.score("x", [Content(images=[FIGURE])])
        with pytest.raises(UnsupportedModalityError):
            reranker.score(Content(images=[FIGURE]), ["x"])


def test_an_unknown_key_is_an_authentication_error(mode):
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key="wrong", base_url=server.url)
        with pytest.raises(AuthenticationError, match="AUTH_INVALID_API_KEY") as caught:
            scores_of(reranker, mode)
        reranker.close()
    assert caught.value.status_code == 401


def test_nobody_listens(mode):
    with LocalRerankServer() as server:
        url = server.url
    reranker = JinaReranker(api_key="k", base_url=url, max_retries=0)
    with pytest.raises(APIConnectionError, match=r"^jina-reranker-m0: the service could not be"):
        scores_of(reranker, mode)
    reranker.close()


def test_keys_come_from_either_frameworks_variable(monkeypatch):
    with pytest.raises(AuthenticationError, match="JINA_API_KEY"):
        JinaReranker()
    for name in ("JINA_API_KEY", "JINAAI_API_KEY"):
        monkeypatch.setenv(name, "from-environment")
        assert JinaReranker()._connection.key == "from-environment"
        monkeypatch.delenv(name)


@pytest.mark.parametrize("model", ["jina-reranker-m0-v1", "jina-m0", "jinaai/jina-reranker-m0"])
def test_a_wrong_model_name_names_the_right_one(model):
    with pytest.raises(InvalidInputError, match="'jina-reranker-m0'"):
        JinaReranker(model, api_key="k")


@pytest.mark.parametrize(
    "url", ["http://example.org", "ftp://localhost", "not a url", "https://u:p@example.org", ""]
)
def test_an_address_that_would_leak_the_key_is_refused(url):
    with pytest.raises(InvalidInputError, match="base_url"):
        JinaReranker(api_key="k", base_url=url)


def test_urls_are_sent_only_when_allowed(mode):
    document = Content(images=[Image.from_url("https://example.org/figure.png")])
    with LocalRerankServer(lambda query, item: 0.5) as server:
        options = {"api_key": server.api_key, "base_url": server.url}
        with pytest.raises(ImageError, match="send_urls"):
            scores_of(JinaReranker(**options), mode, [document])
        assert scores_of(JinaReranker(send_urls=True, **options), mode, [document]) == [0.5]
    assert server.requests[0]["documents"] == [{"image": "https://example.org/figure.png"}]


def test_a_closed_reranker_opens_again():
    with LocalRerankServer() as server:
        reranker = JinaReranker(api_key=server.api_key, base_url=server.url)
        first = reranker.score("turbine", ["turbine"])
        reranker.close()
        assert reranker.score("turbine", ["turbine"]) == first
        reranker.close()


class Covered:
    """As pydantic's SecretStr covers a key."""

    def get_secret_value(self):
        return LocalRerankServer.api_key


@pytest.mark.parametrize("key", [f" {LocalRerankServer.api_key}\n", Covered()])
def test_a_key_may_be_pasted_with_its_line_end_or_covered(key):
    with LocalRerankServer() as server, JinaReranker(api_key=key, base_url=server.url) as reranker:
        assert reranker.score("turbine", ["turbine"]) == [1.0]


@pytest.mark.parametrize("key", ["schlüssel-geheim", "two words-geheim", "line\nend-geheim"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(key):
    with pytest.raises(AuthenticationError, match="characters") as caught:
        JinaReranker(api_key=key)
    assert "geheim" not in repr(caught.value)


@pytest.mark.parametrize("key", [b"geheim", 31415926, ["geheim"]])
def test_what_is_no_text_is_no_key(key):
    with pytest.raises(InvalidInputError, match="api_key must be a str") as caught:
        JinaReranker(api_key=key)
    assert "geheim" not in repr(caught.value)
    assert "31415926" not in repr(caught.value)


def test_headers_are_checked_and_stay_covered():
    with pytest.raises(InvalidInputError, match="X-Token") as caught:
        JinaReranker(api_key="k", headers={"X-Token": "geheim\nx"})
    assert "geheim" not in str(caught.value)
    reranker = JinaReranker(api_key="k", headers={"X-Token": "geheim"})
    assert b"geheim" not in pickle.dumps(reranker)
    assert "geheim" not in repr(vars(reranker._connection))
