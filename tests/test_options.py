"""Options are named, typed and given defaults once, for every class that takes them."""

from __future__ import annotations

import inspect
from typing import ClassVar, TypedDict, Unpack, get_type_hints

import pytest

from mmrerank import catalog
from mmrerank.http.base import HTTPReranker
from mmrerank.options import Configurable


class PaintOptions(TypedDict, total=False):
    color: str
    width: int


class Pen(Configurable):
    options = PaintOptions
    defaults: ClassVar = {"color": "black", "width": 1}

    def __init__(self, name: str, **options: Unpack[PaintOptions]) -> None:
        self.settings = self.complete_options(options)


class Brush(Pen):
    defaults: ClassVar = {"width": 9}


def test_given_options_come_before_defaults_and_a_subclass_changes_only_its_own():
    assert Pen("p").settings == {"color": "black", "width": 1}
    assert Brush("b", color="red").settings == {"color": "red", "width": 9}


def test_the_signature_shows_every_option_with_its_type_and_default():
    name, color, width = inspect.signature(Brush).parameters.values()
    assert (name.name, color.default, width.default) == ("name", "black", 9)
    assert (color.annotation, width.annotation) == (str, int)
    assert color.kind is inspect.Parameter.KEYWORD_ONLY


def test_an_unknown_option_is_refused_by_name():
    with pytest.raises(TypeError, match=r"Brush\(\) got an unexpected keyword argument 'colour'"):
        Brush("b", colour="red")


def test_a_subclass_may_name_an_option_in_its_own_signature():
    class Marker(Pen):
        def __init__(self, name: str, *, width: int = 20, **options: Unpack[PaintOptions]) -> None:
            super().__init__(name, width=width, **options)

    assert list(inspect.signature(Marker).parameters) == ["name", "width", "color"]
    assert Marker("m").settings == {"color": "black", "width": 20}


SERVICES = [row.class_name for row in catalog.RERANKERS if ".http." in row.module]


@pytest.mark.parametrize("name", SERVICES)
def test_the_signature_of_a_service_shows_all_of_its_options(name: str):
    cls = catalog.load(name)
    assert issubclass(cls, HTTPReranker)
    parameters = inspect.signature(cls).parameters
    assert set(get_type_hints(cls.options)) <= set(parameters)
    assert parameters["max_retries"].default == 3
