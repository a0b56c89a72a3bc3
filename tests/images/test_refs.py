from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmrerank import InvalidInputError
from mmrerank.images.refs import cut_markers, find_refs, marked_refs, marker, read_refs, write_refs

names = st.text(min_size=1).filter(lambda text: text.strip())


@given(st.lists(names))
def test_what_is_written_is_read(refs):
    written = write_refs(refs)
    unique = list(dict.fromkeys(refs))
    assert written is None if not refs else isinstance(written, str)
    assert read_refs(written) == unique


@pytest.mark.parametrize(
    ("value", "refs"),
    [
        (None, []),
        ("", []),
        ("[]", []),
        ("null", []),
        (["null"], ["null"]),
        ([], []),
        ((), []),
        ("a/b.png", ["a/b.png"]),
        ("https://e.org/x.png", ["https://e.org/x.png"]),
        ("[1] figure.png", ["[1] figure.png"]),
        ('["a.png", "b.png"]', ["a.png", "b.png"]),
        ('{"path": "a.png"}', ["a.png"]),
        (["a.png", "", "a.png", None], ["a.png"]),
        ([{"url": "https://e.org/x.png"}, {"path": "b.png", "page": 3}], ["https://e.org/x.png", "b.png"]),
        (Path("a.png"), ["a.png"]),
    ],
)  # fmt: skip
def test_every_form_in_use_is_read(value, refs):
    assert read_refs(value) == refs


def test_nesting_is_bounded():
    endless: list = []
    endless.append(endless)
    for bad in (endless, "[" * 900 + "]" * 900):
        with pytest.raises(InvalidInputError, match="deep"):
            read_refs(bad)


def test_a_bad_item_may_be_reported_and_the_others_kept():
    errors: list = []
    assert read_refs(["a.png", {"name": "y"}, "b.png"], errors.append) == ["a.png", "b.png"]
    metadata = {"images": "a.png", "x": float("nan"), "y": 3}
    assert find_refs(metadata, ["images", "x", "y"], errors.append) == ["a.png"]
    assert len(errors) == 2


@pytest.mark.parametrize("bad", [3, 1.5, True, {"name": "x"}, "[3]", [[{"a": 1}]], b"x"])
def test_other_forms_are_refused(bad):
    with pytest.raises(InvalidInputError):
        read_refs(bad)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))  # fmt: skip
def test_any_json_is_read_or_refused(value):
    for form in (value, json.dumps(value)):
        with contextlib.suppress(InvalidInputError):
            assert all(isinstance(ref, str) and ref.strip() for ref in read_refs(form))


def test_deep_json_is_no_crash():
    assert read_refs("[" * 100_000) == ["[" * 100_000]


def test_a_key_may_be_several_or_a_function():
    metadata = {"figures": ["a.png"], "image": "b.png", "images": '["c.png"]'}
    assert find_refs(metadata) == ["c.png"]
    assert find_refs(metadata, ("image", "figures", "none")) == ["b.png", "a.png"]
    assert find_refs(metadata, lambda m: m["figures"]) == ["a.png"]


@given(st.lists(st.sampled_from(["a.png", "b/c.png", "d.png"])), st.text())
def test_markers_resolve_among_the_own_images_only(refs, noise):
    text = noise.replace("[[img:", "") + " ".join(marker(ref) for ref in refs)
    assert marked_refs(text, ["a.png", "b/c.png"]) == [
        ref for ref in dict.fromkeys(refs) if ref != "d.png"
    ]
    assert "[[img:" not in cut_markers(text)
