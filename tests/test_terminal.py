"""Text of untrusted documents is safe and short on a terminal."""

from __future__ import annotations

import pytest

from mmrerank.terminal import clean, snippet


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\x", "x"),
        ("\x9b2Jcleared", "2Jcleared"),
        ("\x1b]no end", "no end"),
        (
            "“shut” at 40 bar, “set” at 60".encode().decode("latin-1"),
            "âshutâ at 40 bar, âsetâ at 60",
        ),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\rb\x08c\x00", "abc"),
        ("right\u202eto left\u2066", "rightto left"),
        ("plain\n\ttext é 漢字 😀", "plain\n\ttext é 漢字 😀"),
        ("\x1b[", ""),
        ("\x1bP1$r\x1b\\ok", "ok"),
    ],
)
def test_terminal_escapes_are_stripped(text, shown):
    assert clean(text) == shown


def test_a_snippet_begins_near_the_words():
    text = "filler " * 60 + "the torque of the turbine " + "more " * 60
    cut = snippet(text, ["torque"], width=80)
    assert "torque" in cut
    assert len(cut) <= 84
