"""What every service of the table promises."""

from __future__ import annotations

from pathlib import Path

import pytest
from calling import (
    make,
    services,
)

from mmrerank import (
    APIError,
    AuthenticationError,
    InvalidInputError,
)
from mmrerank.cli.options import make_reranker
from mmrerank.testing import LocalRerankServer
from mmrerank.testing.dialects import DIALECTS


def built(name, **options):
    return make_reranker(name, **{"api_key": "k", "base_url": "http://127.0.0.1:1", **options})


def test_every_service_has_a_client_a_dialect_and_a_test_of_the_same_name():
    assert set(services()) <= set(DIALECTS)
    for name in services():
        assert type(built(name)).__module__ == f"mmrerank.http.{name}"
        assert Path(__file__).with_name(f"test_{name}.py").exists()


@pytest.mark.parametrize("name", services())
def test_an_instruction_is_refused_where_the_model_takes_none(name):
    if built(name).takes_instruction:
        assert built(name, instruction="i").instruction == "i"
    else:
        with pytest.raises(InvalidInputError, match="takes no instruction"):
            built(name, instruction="i")


@pytest.mark.parametrize("name", services())
def test_urls_are_refused_where_the_service_does_not_fetch_them(name):
    if built(name).fetches_urls:
        assert built(name, send_urls=True).send_urls
    else:
        with pytest.raises(InvalidInputError, match="send_urls"):
            built(name, send_urls=True)


@pytest.mark.parametrize("name", services())
def test_a_service_with_accounts_needs_a_key(name):
    if built(name).needs_key:
        with pytest.raises(AuthenticationError, match="_API_KEY"):
            make_reranker(name)
    else:
        assert make_reranker(name)._connection.key is None


@pytest.mark.parametrize("name", services())
def test_unknown_keywords_are_refused(name):
    kind = type(built(name))
    with pytest.raises(TypeError, match="'max_retires'"):
        kind(api_key="k", base_url="http://127.0.0.1:1", max_retires=1)
    with pytest.raises(InvalidInputError, match="--max-retires"):
        built(name, max_retires=1)


def test_which_services_take_what():
    made = {name: built(name) for name in services()}
    assert {name for name, one in made.items() if one.needs_key} == {"jina", "cohere", "dashscope"}
    assert {name for name, one in made.items() if one.fetches_urls} == {"jina", "vllm", "sglang", "dashscope"}  # fmt: skip
    assert {name for name, one in made.items() if one.takes_instruction} == {"sglang", "dashscope"}


@pytest.mark.parametrize("name", services())
def test_an_error_names_message_code_and_status(name):
    with LocalRerankServer(dialect=name, faults=[400]) as server, make(name, server) as reranker:
        with pytest.raises(APIError, match="scripted 400") as caught:
            reranker.score("q", ["x"])
        assert caught.value.status_code == 400
        if name != "cohere":  # its errors have a message only
            assert caught.value.code == "TEST_400"


@pytest.mark.parametrize("name", services())
def test_a_key_over_http_goes_to_loopback_only_unless_allowed(name):
    with pytest.raises(InvalidInputError, match="unencrypted"):
        make_reranker(name, api_key="k", base_url="http://gpu-box:8000")
    make_reranker(name, api_key="k", base_url="http://gpu-box:8000", allow_http_key=True)
