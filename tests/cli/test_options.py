"""Options that commands share, and the reranker that they select."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, TypedDict

import pytest

from mmrerank import InvalidInputError, OCRReranker, TEIReranker
from mmrerank.base import Reranker
from mmrerank.catalog import RERANKERS
from mmrerank.cli.options import (
    add_reranker,
    add_store,
    folder,
    make_reranker,
    option_names,
    positive,
    selected_reranker,
    states_folder,
)
from mmrerank.testing import FakeReranker


def test_every_reranker_of_the_catalog_can_be_named():
    parser = argparse.ArgumentParser()
    add_reranker(parser)
    for name in [*(row.name for row in RERANKERS), "none"]:
        assert parser.parse_args(["--reranker", name]).reranker == name
    assert parser.parse_args([]).reranker == "ocr"


def test_a_reranker_is_made_with_the_options_that_were_given():
    with make_reranker("ocr", model=None, base_url=None) as reranker:
        assert isinstance(reranker, OCRReranker)
        assert reranker.show_progress
    with make_reranker("tei", base_url="http://127.0.0.1:1", api_key="k") as reranker:
        assert isinstance(reranker, TEIReranker)
    with make_reranker("none") as reranker:
        assert reranker is None


def test_an_option_that_a_reranker_does_not_have_is_refused():
    with pytest.raises(InvalidInputError, match="ocr does not have the option --base-url"):
        make_reranker("ocr", base_url="http://127.0.0.1:1")


class Options(TypedDict, total=False):
    reuse: bool
    device: str


class Typed(FakeReranker):
    """A reranker whose `**options` are typed."""

    options = Options

    def __init__(self, model: str = "typed", **options: Any) -> None:
        super().__init__()


class Untyped(FakeReranker):
    def __init__(self, model: str = "untyped", **options: Any) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("kind", "names", "is_open"),
    [
        (Typed, {"model", "reuse", "device"}, False),
        (Untyped, {"model"}, True),
    ],
)
def test_option_names_come_from_the_signature_and_from_typed_options(
    kind: type[Reranker], names: set[str], is_open: bool
):
    assert option_names(kind) == (names, is_open)


@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", ""])
def test_a_count_is_a_whole_number_from_1_on(value):
    assert positive("3") == 3
    with pytest.raises(argparse.ArgumentTypeError, match="whole number"):
        positive(value)


def test_a_folder_has_a_name():
    assert folder("index") == "index"
    with pytest.raises(argparse.ArgumentTypeError, match="missing"):
        folder(" ")


@pytest.mark.parametrize("prefix", ["", "reranker-"])
@pytest.mark.parametrize("name", ["ocr", "ocr-minilm"])
def test_no_ocr_is_passed_to_every_reranker_that_uses_ocr(prefix, name):
    parser = argparse.ArgumentParser()
    add_store(parser)
    add_reranker(parser, prefix)
    parser.add_argument("--no-ocr", action="store_true")
    for given, uses_ocr in ((["--no-ocr"], False), ([], True)):
        options = parser.parse_args(["--store", "s", "--reranker", name, *given])
        with selected_reranker(options, prefix) as reranker:
            assert isinstance(reranker, OCRReranker)
            assert reranker._reader.uses_ocr is uses_ocr


def test_states_are_in_the_folder_of_an_index_or_beside_what_is_copied_from_its_url():
    assert Path(states_folder("index")) == Path("index/states")
    copied = Path(states_folder("s3://bucket/index"))
    assert copied.is_absolute()
    assert copied.name == "states"
    assert copied != Path(states_folder("s3://bucket/other"))
