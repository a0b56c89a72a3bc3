"""Keys, headers and addresses: found, checked, and hidden."""

from __future__ import annotations

import copy
import pickle

import pytest

from mmrerank import (
    AuthenticationError,
    InvalidInputError,
    JinaReranker,
    NVIDIAReranker,
)
from mmrerank.http.credentials import Secret, check_base_url, find_key
from mmrerank.testing import LocalRerankServer


def test_keys_come_from_either_frameworks_variable(monkeypatch):
    with pytest.raises(AuthenticationError, match="JINA_API_KEY"):
        JinaReranker()
    for name in ("JINA_API_KEY", "JINAAI_API_KEY"):
        monkeypatch.setenv(name, "from-environment")
        assert JinaReranker()._connection.key == "from-environment"
        monkeypatch.delenv(name)


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
def test_a_key_that_is_not_text_is_refused(key):
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


@pytest.mark.parametrize(
    "url", ["http://example.org", "ftp://localhost", "not a url", "https://u:p@example.org", ""]
)
def test_an_address_that_would_leak_the_key_is_refused(url):
    with pytest.raises(InvalidInputError, match="base_url"):
        JinaReranker(api_key="k", base_url=url)


def test_no_key_is_sent_where_none_is_wanted(monkeypatch):
    monkeypatch.setenv("NVIDIA_API_KEY", "from-environment")
    with pytest.raises(InvalidInputError, match='api_key=""'):
        NVIDIAReranker(base_url="http://gpu-box:8000")
    reranker = NVIDIAReranker(base_url="http://gpu-box:8000", api_key="")
    assert reranker._connection.key is None


def test_a_key_that_is_given_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("SECOND_API_KEY", "from-environment")
    names = ("FIRST_API_KEY", "SECOND_API_KEY")
    assert find_key("given", names, None) == "given"
    assert find_key(None, names, None) == "from-environment"
    assert find_key("", names, None) is None
    with pytest.raises(AuthenticationError, match="FIRST_API_KEY"):
        find_key("", names, "SomeReranker")


def test_a_secret_does_not_show():
    secret = Secret("geheim")
    assert "geheim" not in repr(secret) + str(secret)
    assert copy.deepcopy(secret).reveal() == "geheim"
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://host:port", "is not a URL"),
        ("http://xn--a-ecp.ru", "is not a URL"),
        ("https://u:p@example.org", "user name or password"),
        ("ftp://example.org", "http:// or https://"),
        ("https://example.org?key=x", "query or fragment"),
        ("http://example.org", "unencrypted"),
    ],
)
def test_why_an_address_is_refused(url, reason):
    with pytest.raises(InvalidInputError, match=reason):
        check_base_url(url, has_key=True)


@pytest.mark.parametrize("url", ["http://u:geh@eim@host:x", "u:geh@eim", "ftp://geh@eim:1"])
def test_a_password_in_an_address_is_not_shown(url):
    with pytest.raises(InvalidInputError, match="base_url") as caught:
        check_base_url(url, has_key=True)
    assert "eim" not in str(caught.value)
    assert "geh" not in str(caught.value)


def test_through_a_proxy_no_machine_is_this_one():
    with pytest.raises(InvalidInputError, match="unencrypted"):
        check_base_url("http://localhost:8000", has_key=True, over_proxy=True)
    assert check_base_url("https://localhost", has_key=True, over_proxy=True)
    assert check_base_url("http://localhost", has_key=False, over_proxy=True)


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "127.9.9.9", "[::1]:80"])
def test_a_key_may_go_unencrypted_to_this_machine(host):
    assert check_base_url(f"http://{host}/", has_key=True) == f"http://{host}"


def test_an_address_without_a_key_may_be_anywhere():
    assert check_base_url("http://gpu-box:8000/", has_key=False) == "http://gpu-box:8000"
