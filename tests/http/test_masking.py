"""What was sent does not come back in errors."""

from __future__ import annotations

import time

import pytest

from mmrerank.http.masking import Mask


@pytest.mark.parametrize(
    ("secrets", "text", "masked"),
    [
        (["geheim-123"], "your geheim-123, GEHEIM-123", "your ***, ***"),
        (["Bearer abcdefgh"], "abcdefgh of Bearer abcdefgh", "*** of ***"),
        (["session=abcdefgh; theme=dark"], "no abcdefgh", "no ***"),
        (["pass/word?&"], "at pass%2Fword%3F%26 or pass/word?&", "at *** or ***"),
        (['a"quoted"key'], r'{"key": "a\"quoted\"key"}', '{"key": "***"}'),
        (["t"], "the team is t", "the team is ***"),
        (["", " "], "nothing", "nothing"),
        ([], "nothing", "nothing"),
    ],
)
def test_every_form_is_masked(secrets, text, masked):
    assert Mask(secrets)(text) == masked


@pytest.mark.parametrize("before", range(59_980, 60_002))
def test_no_piece_is_left_where_a_long_text_is_cut(before):
    assert "gehe" not in Mask(["geheimnisvoll"])("." * before + "geheimnisvoll" * 9)


def test_long_texts_take_no_time():
    start = time.monotonic()
    Mask(["a" * 40, "b c" * 20])("a" * 10_000_000)
    assert time.monotonic() - start < 1
