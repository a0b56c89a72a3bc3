"""Progress bars."""

from __future__ import annotations

from mmrerank.progress import progress


def test_a_bar_without_an_end_counts_what_it_shows(capsys):
    assert list(progress(iter("abc"), "Loading [a].pdf", show=True, unit="chunks")) == list("abc")
    shown = capsys.readouterr().err
    assert "Loading [a].pdf" in shown
    assert "chunks: 3" in shown
    assert "it/s" not in shown
