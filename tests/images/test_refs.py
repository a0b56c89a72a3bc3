from __future__ import annotations

import contextlib
import itertools
import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from mmrerank import InvalidInputError
from mmrerank.images.refs import (
    MAX_REFS,
    cut_markers,
    find_refs,
    marked_refs,
    marker,
    read_refs,
    write_refs,
)

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


@pytest.mark.parametrize("name", ["path", "url", "file", "image"])
def test_dicts_name_an_image_in_several_ways(name):
    assert read_refs([{name: "a.png"}, {name: Path("b.png"), "page": 1}]) == ["a.png", "b.png"]


def test_images_in_base64_are_data_uris():
    uri = "data:image/unknown;base64,iVBORw0KGgo="
    assert read_refs({"image_base64": "iVBORw0K\nGgo="}) == [uri]
    metadata = {"image_base64": "iVBORw0KGgo=", "img_b64": "data:image/png;base64,AA=="}
    assert find_refs(metadata, ["image_base64", "img_b64"]) == [uri, "data:image/png;base64,AA=="]
    assert find_refs({"image_base64": ""}, "image_base64") == []


def test_more_references_than_the_limit_are_told_at_once():
    many = [f"{i}.png" for i in range(10**6)]
    started = time.monotonic()
    for value in (many, json.dumps(many), [5] * 10**6, (str(i) for i in itertools.count())):
        errors: list = []
        assert len(read_refs(value, errors.append)) <= MAX_REFS
        assert "1000" in str(errors[-1])
        assert "MAX_REFS" in str(errors[-1])
    with pytest.raises(InvalidInputError, match="MAX_REFS"):
        read_refs(many)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("value", [np.array(["a.png", "b.png"]), np.array(["a.png", "b.png"], dtype=object)])  # fmt: skip
def test_arrays_of_names_are_read(value):
    assert read_refs(value) == ["a.png", "b.png"]


@pytest.mark.parametrize(
    "value",
    [np.zeros((500, 500, 3), "uint8"), np.array(5), np.float32(2), [np.zeros(3)], Pillow.new("L", (2, 2)), object(), memoryview(b"x"), {1: 2}],
)  # fmt: skip
def test_pixels_and_odd_objects_are_refused_once(value):
    errors: list = []
    assert read_refs(value, errors.append) == []
    assert len(errors) == 1


class Hostile:
    """Everything that may be asked of a value raises."""

    def __getattribute__(self, name):
        if name == "__class__":
            return Hostile
        raise RuntimeError(name)

    def __eq__(self, other):
        raise RuntimeError("eq")

    def __iter__(self):
        raise RuntimeError("iter")

    def __fspath__(self):
        raise RuntimeError("fspath")

    __hash__ = None


_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
    | st.builds(Hostile) | st.builds(object) | st.just(np.nan) | st.just(np.array(["a.png"]))
    | st.just(np.zeros((2, 2))) | st.just(np.float64("nan")) | st.builds(Path, st.just("a.png"))
    | st.dates() | st.decimals() | st.sets(st.text())
)  # fmt: skip
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.integers() | st.sampled_from(["path", "image", "url"]), inner))  # fmt: skip


@given(_VALUES)
def test_any_metadata_is_read_or_refused(value):
    errors: list = []
    refs = find_refs({"images": value, "base64": value}, ["images", "base64"], errors.append)
    assert all(isinstance(ref, str) and ref.strip() for ref in refs)
    assert all(isinstance(error, InvalidInputError) for error in errors)
