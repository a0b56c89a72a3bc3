"""Keys: from a file or the environment, compared as hashes."""

from __future__ import annotations

import base64
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.errors import InvalidInputError
from mmrerank.serve.keys import VARIABLE, Keys


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


def test_without_keys_everybody_is_accepted():
    assert Keys().accept(None)
    assert len(Keys()) == 0


@pytest.mark.parametrize("given", ["Bearer two", "bearer  two", basic("user:two"), basic(":two")])
def test_accepted(given):
    assert Keys(["one", "two"]).accept(given)


@pytest.mark.parametrize(
    "given",
    [None, "", "two", "Bearer", "Bearer ", "Bearer tw", "Bearer twoo", "Bearer two one", "Digest two",
     "Basic two", "Basic ====", basic("two"), basic("two:"), "Basic //79", "Bearer t\udcffwo"],
)  # fmt: skip
def test_refused(given):
    assert not Keys(["one", "two"]).accept(given)


@given(st.text())
def test_nothing_else_is_accepted(header):
    assert not Keys(["a long key that is not guessed"]).accept(header)


def test_every_key_is_compared(monkeypatch):
    """Or the time would tell which key it was."""
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda *pair: compared.append(1) or compare(*pair))
    assert Keys(["one", "two", "three"]).accept("Bearer one")
    assert len(compared) == 3


def test_of_a_file(tmp_path):
    path = tmp_path / "keys"
    path.write_text("# ours\none\n\n two  # of the second team\n", encoding="utf-8")
    keys = Keys.read(path)
    assert len(keys) == 2
    assert keys.accept("Bearer two")


def test_of_the_environment(monkeypatch):
    monkeypatch.setenv(VARIABLE, "one, two\nthree")
    assert len(Keys.read()) == 3
    monkeypatch.delenv(VARIABLE)
    assert len(Keys.read()) == 0


def test_a_source_without_keys_is_not_an_open_server(tmp_path, monkeypatch):
    (tmp_path / "keys").write_text("# none yet\n", encoding="utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, message in (("keys", "no key"), ("bytes", "UTF-8"), ("missing", "No such file")):
        with pytest.raises(InvalidInputError, match=message):
            Keys.read(tmp_path / name)
    monkeypatch.setenv(VARIABLE, " ")
    with pytest.raises(InvalidInputError, match=VARIABLE):
        Keys.read()


def test_keys_cannot_be_read_back():
    keys = Keys(["a secret"])
    assert "secret" not in repr(keys) + repr(vars(keys))
