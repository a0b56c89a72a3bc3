"""Any endpoint shaped like Jina's or Cohere's."""

from __future__ import annotations

import pytest
from calling import FIGURE, URI, reranker_for, shortened

from mmrerank import (
    AuthenticationError,
    Content,
    InvalidInputError,
    Modalities,
    RerankAPIReranker,
    RerankWarning,
    ScoreCache,
    UnsupportedModalityError,
)
from mmrerank.http.limits import Limits
from mmrerank.http.presets import RerankPreset
from mmrerank.testing import LocalRerankServer

HERE = "http://127.0.0.1:1"


def api(server, model="m", **options):
    return reranker_for(server, lambda **rest: RerankAPIReranker(model, **rest, **options))


def test_without_a_preset_the_form_is_jinas():
    with LocalRerankServer() as server, api(server) as made:
        assert made.score("turbine", ["x", "a turbine"]) == [0.0, 1.0]
    assert server.requests == [{"model": "m", "query": "turbine", "documents": ["x", "a turbine"]}]


def test_path_and_limits_can_be_said():
    options = {"path": "/v2/rerank", "limits": Limits(documents=2)}
    with LocalRerankServer(dialect="cohere") as server, api(server, **options) as made:
        made.score("q", list("abcde"))
    assert len(server.requests) == 3


@pytest.mark.parametrize("form", ["field", "content"])
def test_how_an_image_is_written_can_be_said(form):
    reads = Modalities(image=True, query_image=True)
    dialect, path = ("jina", "/v1/rerank") if form == "field" else ("vllm", "/v1/rerank")
    options = {"modalities": reads, "image_form": form, "path": path}
    with LocalRerankServer(dialect=dialect) as server, api(server, **options) as made:
        made.score(Content(images=[FIGURE]), [Content("t", [FIGURE])])
    image = {"image": URI}
    if form == "content":
        image = {"content": [{"type": "image_url", "image_url": {"url": URI}}]}
    body = shortened(server.requests[0])
    assert (body["query"], body["documents"]) == (image, ["t", image])


def test_the_scale_can_be_said():
    with (
        LocalRerankServer(lambda query, item: 0.75, dialect="llamacpp") as server,
        api(server, scale="logit") as made,
    ):
        assert made.score("q", ["x"]) == [pytest.approx(0.75)]


def test_logits_that_were_not_expected_are_told():
    with (
        LocalRerankServer(lambda query, item: 0.99, dialect="llamacpp") as server,
        api(server) as made,
        pytest.warns(RerankWarning, match="scale='logit'"),
    ):
        assert made.score("q", ["x"])[0] > 1


def test_cached_scores_are_those_of_the_same_form():
    cache = ScoreCache()
    with LocalRerankServer(dialect="vllm") as server:
        for path in ("/v1/rerank", "/v2/rerank"):
            with api(server, path=path, cache=cache) as made:
                made.score("q", ["x"])
    assert len(server.requests) == 2


def test_field_names_come_from_a_preset_of_ones_own():
    preset = RerankPreset(path="/rerank", documents_field="texts", text_as_object=False)
    with LocalRerankServer(dialect="llamacpp") as server, api(server, preset=preset) as made:
        with pytest.raises(Exception, match="structure"):  # TEI's answer is a list
            made.score("q", ["x"])
        assert server.requests[0]["texts"] == ["x"]


def test_a_model_that_is_not_known_reads_text_and_is_used():
    made = RerankAPIReranker("new/model", preset="openrouter", api_key="k")
    assert (made.model, made.modalities) == ("new/model", Modalities())
    with pytest.raises(UnsupportedModalityError):
        made.score("q", [Content(images=[FIGURE])])


def test_dots_of_a_model_are_written_as_nvidia_does():
    made = RerankAPIReranker("nvidia/llama-3.2-nv-rerankqa-1b-v2", preset="nvidia-api", api_key="k")
    path, body = made._body("q", ["x"])
    assert path == "/v1/retrieval/nvidia/llama-3_2-nv-rerankqa-1b-v2/reranking"
    assert body["model"] == "nvidia/llama-3.2-nv-rerankqa-1b-v2"


def test_a_key_is_needed_where_the_preset_needs_one(monkeypatch):
    with pytest.raises(AuthenticationError, match="OPENROUTER_API_KEY"):
        RerankAPIReranker(preset="openrouter")
    monkeypatch.setenv("OPENROUTER_API_KEY", "from-there")
    assert RerankAPIReranker(preset="openrouter")._connection.key == "from-there"
    assert RerankAPIReranker("m", base_url=HERE)._connection.key is None


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"preset": "opnrouter"}, "openrouter, nvidia-api"),
        ({"base_url": HERE}, "model="),
        ({"model": "m"}, "base_url="),
        ({"model": "m", "base_url": HERE, "path": "rerank"}, "path"),
        ({"model": "m", "base_url": HERE, "scale": "auto"}, "scale"),
        ({"model": "m", "base_url": HERE, "image_form": "base64"}, "image_form"),
        ({"model": "m", "base_url": HERE, "instruction": "i"}, "takes no instruction"),
    ],
)
def test_what_cannot_be_used_is_refused(options, named):
    with pytest.raises(InvalidInputError, match=named):
        RerankAPIReranker(**options)
