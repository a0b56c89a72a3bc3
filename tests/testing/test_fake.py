"""FakeReranker and its scores."""

from __future__ import annotations

from helpers import png

from mmrerank import Content, Image, Modalities
from mmrerank.testing import FakeReranker, overlap


def test_overlap_is_the_share_of_the_querys_words():
    assert overlap(Content("turbine torque"), Content("the torque")) == 0.5
    assert overlap(Content("turbine"), Content("")) == 0.0


def test_overlap_of_an_image_depends_on_its_bytes_and_the_query():
    figure = Content(images=[Image.from_bytes(png("a"))])
    score = overlap(Content("q"), figure)
    assert 0 <= score < 1
    assert score == overlap(Content("q"), figure) != overlap(Content("other"), figure)


def test_it_counts_its_calls_and_reports_usage():
    seen = []
    reranker = FakeReranker(lambda query, item: 0.25, on_usage=seen.append)
    assert reranker.score("q", ["a", "b"]) == [0.25, 0.25]
    assert reranker.calls == 1
    assert (seen[0].documents, seen[0].parts) == (2, 2)


def test_it_reads_what_it_is_told_to_read():
    assert FakeReranker().modalities.image
    assert not FakeReranker(modalities=Modalities()).modalities.image
