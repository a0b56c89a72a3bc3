"""Each vLLM release is sent what its own request classes accept, or a clear error is raised."""

from __future__ import annotations

import pytest
from calling import FIGURE, QWEN, make
from server_classes import VLLM_CLASSES

from mmrerank import Content, RerankWarning, UnsupportedModalityError
from mmrerank.testing import LocalRerankServer

TEXTS = ["a", "b"]
BOTH = [Content("t", [FIGURE]), "b"]


def sent(version, documents, **options):
    """The one request, with its path, to a server of this version, and the paths looked up."""
    paths = []

    class Server(LocalRerankServer):
        def answer(self, path, headers, raw):
            paths.append(path)
            return super().answer(path, headers, raw)

    facts = {"/version": {"version": version}}
    with Server(dialect="vllm", facts=facts) as server, make("vllm", server, **options) as made:
        made.score("q", documents)
        made.score("another q", documents)
    assert server.lookups == ["/version"]
    return paths[0], server.requests[0]


@pytest.mark.parametrize("api", ["score", "rerank"])
@pytest.mark.parametrize("version", VLLM_CLASSES)
def test_text_is_accepted_by_every_release(version, api):
    path, body = sent(version, TEXTS, api=api)
    VLLM_CLASSES[version][path].model_validate(body)


@pytest.mark.parametrize("api", ["score", "rerank"])
@pytest.mark.parametrize("version", ["0.16.0", "0.22.0", "0.33.0", "0.33.1.dev5+gabc"])
def test_images_are_accepted_from_0_16_on(version, api):
    path, body = sent(version, BOTH, model=QWEN, api=api)
    VLLM_CLASSES.get(version, VLLM_CLASSES["0.33.0"])[path].model_validate(body)


@pytest.mark.parametrize("version", ["0.12.0", "0.14.1", "0.15.1", "0.15.2.dev1+gabc"])
def test_images_for_an_older_release_are_an_error_that_names_both_versions(version):
    with pytest.raises(UnsupportedModalityError, match=r"0\.16\.0 or later.*0\.1[245]\."):
        sent(version, BOTH)


def test_an_instruction_that_is_ignored_is_told():
    with pytest.warns(RerankWarning, match=r"0\.21\.0 ignores the instruction"):
        sent("0.21.0", TEXTS, model=QWEN, instruction="i")
    assert sent("0.22.0", TEXTS, model=QWEN, instruction="i")[1]["instruction"] == "i"


@pytest.mark.parametrize("version", ["unknown", None, {"odd": 1}])
def test_a_server_without_a_version_is_taken_for_a_current_one(version):
    path, body = sent(version, BOTH, model=QWEN)
    VLLM_CLASSES["0.33.0"][path].model_validate(body)
