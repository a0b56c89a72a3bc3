from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mmrerank.images.markers import (
    cut_markers,
    marked_refs,
    marker,
    resolve_markers,
    with_markers,
)


@given(st.lists(st.sampled_from(["a.png", "b/c.png", "d.png"])), st.text())
def test_markers_resolve_among_the_own_images_only(refs, noise):
    text = noise.replace("[[img:", "") + " ".join(marker(ref) for ref in refs)
    assert marked_refs(text, ["a.png", "b/c.png"]) == [
        ref for ref in dict.fromkeys(refs) if ref != "d.png"
    ]
    assert "[[img:" not in cut_markers(text)


def test_a_marker_follows_the_word_at_its_place_and_is_removed_without_a_trace():
    text = "see Figure 1, and go on"
    marked = with_markers(text, [(12, "a.png"), (12, "a.png")])
    assert marked == f"see Figure 1 {marker('a.png')}, and go on"
    assert resolve_markers(marked, ["a.png", "b.png"]) == (text, ["a.png"])
