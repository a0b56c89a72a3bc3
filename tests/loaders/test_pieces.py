"""Pieces of a text splitter keep only their own images."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank.images.markers import marker
from mmrerank.images.refs import read_refs
from mmrerank.loaders.pieces import own_images


@pytest.fixture
def root(tmp_path):
    """belt.png is Figure 1, hall.png Figure 2, logo.png has no caption."""
    for name, caption in (("belt", "Figure 1: A belt"), ("hall", "Fig. 2. A hall"), ("logo", "")):
        facts = {"caption": caption, "words": "", "page": 1, "box": []}
        (tmp_path / f"{name}.json").write_text(json.dumps(facts))
    return tmp_path


def piece(text, *refs, position=0, **more):
    metadata = {"source": "a.pdf", "page": 1, "position": position, **more}
    return text, metadata | ({"images": json.dumps(refs)} if refs else {})


def images(own):
    return [read_refs(metadata.get("images")) for _, metadata in own]


def test_a_piece_keeps_the_images_that_it_names(root):
    refs = ("belt.png", "hall.png")
    pieces = [piece(text, *refs) for text in ("see Figure 1", "nothing", "Figs. 1 and 2 show")]
    assert images(own_images(pieces, root)) == [["belt.png"], [], ["belt.png", "hall.png"]]


def test_an_image_that_no_piece_names_stays_with_all(root):
    pieces = [piece(text, "belt.png", "logo.png") for text in ("see Figure 1", "nothing")]
    assert images(own_images(pieces, root)) == [["belt.png", "logo.png"], ["logo.png"]]


def test_pieces_of_other_chunks_do_not_count(root):
    pieces = [piece("see Figure 1", "belt.png"), piece("another", "belt.png", position=1)]
    assert images(own_images(pieces, root)) == [["belt.png"], ["belt.png"]]


def test_markers_go_before_names(root):
    marked = f"A belt {marker('belt.png')} runs, not Figure 2."
    pieces = [piece(marked, "belt.png", "hall.png"), piece("Figure 2", "belt.png", "hall.png")]
    own = own_images(pieces, root)
    assert images(own) == [["belt.png"], []]
    assert own[0][0] == "A belt runs, not Figure 2."


def test_a_figures_own_chunk_keeps_its_image(root):
    pieces = [piece(t, "belt.png", kind="figure") for t in ("Figure 1: A belt", "its words")]
    assert images(own_images(pieces, root)) == [["belt.png"], ["belt.png"]]


def test_without_a_root_only_markers_count(root):
    assert images(own_images([piece("see Figure 1", "belt.png")], None)) == [[]]


@given(st.lists(st.lists(st.sampled_from([1, 2, 3]), max_size=3), min_size=1, max_size=5))
def test_no_image_is_lost_and_none_is_new(tmp_path_factory, mentions):
    root = tmp_path_factory.mktemp("root")
    facts = {"caption": "Figure 1", "words": "", "page": 1, "box": []}
    (root / "belt.json").write_text(json.dumps(facts))
    pieces = [
        piece(" ".join(f"Figure {n}." for n in some), "belt.png", "logo.png") for some in mentions
    ]
    before = [dict(metadata) for _, metadata in pieces]
    own = images(own_images(pieces, root))
    assert {ref for refs in own for ref in refs} == {"belt.png", "logo.png"}
    assert [metadata for _, metadata in pieces] == before
