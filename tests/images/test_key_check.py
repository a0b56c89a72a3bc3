"""A wrong or forgotten image_key is told, once, with the keys that look right."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from mmrerank.errors import RerankWarning
from mmrerank.images.key_check import warn_if_key_looks_wrong


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("image_path", "figures/a.png"),
        ("image_path", "figures/no-suffix"),
        ("image_paths", ["a.png", "b.png"]),
        ("img", "a"),
        ("image_base64", "iVBORw0KGgo="),
        ("images", '["a.png"]'),
        ("figure", {"path": "a.webp"}),
        ("figures", '["a.JPG"]'),
        ("file_path", "/data/photo.JPEG"),
        ("link", "https://example.org/a.png?w=100"),
        ("picture", "data:image/png;base64,AAAA"),
    ],
)
def test_a_key_that_looks_right_is_named(key: str, value: object) -> None:
    with pytest.warns(RerankWarning, match=f"image_key='{key}'") as caught:
        warn_if_key_looks_wrong([{"page": 1}, {key: value}, {key: value}], "pics")
    assert len(caught) == 1


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"source": "report.pdf", "page": 3},
        {"images": 3, "image_count": 3, "has_images": True},
        {"image_path": "", "img": None, "image": "[]"},
        {"text": "as a.png shows, the rest of this is a sentence"},
        {"best_image": "a.png", "not_rendered": '["a.png: too large"]'},
        {7: "a.png"},
    ],
)
def test_what_names_no_image_is_not_named(metadata: dict[Any, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_key_looks_wrong([metadata], "pics")


@pytest.mark.parametrize("value", ["a.png", ["a.png"], 5])
def test_a_call_with_a_value_under_the_key_is_left_alone(value: object) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_if_key_looks_wrong([{"image_path": "b.png"}, {"pics": value}], ["pics", "more"])
        warn_if_key_looks_wrong([{"image_path": "b.png"}], lambda _: None)
