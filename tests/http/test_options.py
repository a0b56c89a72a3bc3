"""The keywords of all services: typed, spelled once, checked."""

from __future__ import annotations

import typing

import pytest

from mmrerank import (
    InvalidInputError,
    JinaReranker,
    VLLMReranker,
)
from mmrerank.http.base import HTTPReranker
from mmrerank.http.options import DEFAULTS, HTTPOptions, check_options


@pytest.mark.parametrize(
    "options",
    [
        {"max_concurrency": 0},
        {"max_retries": -1},
        {"max_pixels": 0},
        {"requests_per_minute": 0},
        {"tokens_per_minute": 0},
        {"max_images_per_document": 0},
        {"max_retries": 1.5},
        {"max_retries": None},
        {"max_concurrency": "5"},
        {"max_concurrency": True},
        {"requests_per_minute": float("nan")},
        {"timeout": 0},
        {"timeout": "5"},
        {"timeout": float("inf")},
        {"deadline": -1},
        {"deadline": float("nan")},
        {"deadline": float("inf")},
        {"deadline": 1e300},
        {"deadline": "5"},
        {"deadline": None},
        {"proxy": "nonsense"},
        {"proxy": "ftp://host"},
        {"proxy": "http://"},
        {"proxy": "http://[::1"},
        {"proxy": 5},
        {"proxy": b"http://host:1"},
        {"headers": {"X-Ümlaut": "x"}},
        {"headers": {"two words": "x"}},
        {"headers": {"": "x"}},
        {"headers": {5: "x"}},
        {"headers": {"X": 5}},
        {"headers": ["X"]},
        {"verify": "a\0b"},
        {"base_url": "http://xn--/"},
        {"base_url": f"http://{'a' * 64}.com"},
        {"base_url": "http://a..b"},
        {"base_url": 5},
        {"base_url": "http://[::1"},
        {"on_error": "ignore"},
        {"verify": "no/such/file.pem"},
        {"base_url": "ftp://x"},
        {"base_url": "http://127.0.0.1/?key=x"},
    ],
)
def test_options_that_cannot_be_used_are_refused(options):
    with pytest.raises(InvalidInputError, match=next(iter(options)).split("_")[0]):
        VLLMReranker(**options)


def test_an_unknown_keyword_is_named():
    with pytest.raises(TypeError, match=r"JinaReranker\(\).*'max_retires'"):
        JinaReranker(api_key="k", max_retires=3)


def test_every_keyword_has_a_type_and_a_default():
    assert set(typing.get_type_hints(HTTPReranker.options)) == set(DEFAULTS)
    assert HTTPReranker.options is HTTPOptions


def test_what_is_not_given_has_its_default():
    given = {"max_retries": 0, "api_key": "k"}
    assert HTTPReranker.complete_options(given) == {**DEFAULTS, **given}
    assert given == {"max_retries": 0, "api_key": "k"}


def test_the_message_names_the_limit():
    with pytest.raises(InvalidInputError, match="max_retries must be at least 0, not -1"):
        check_options({**DEFAULTS, "max_retries": -1})
