"""Which entries a search may return, and how the command line writes it."""

from __future__ import annotations

import pytest

from mmrerank import InvalidInputError
from mmrerank.index.filters import matcher, parse_where
from mmrerank.index.ledger import Entry


def entry(path="/docs/a.pdf", kind="text", page=3, **metadata):
    return Entry(
        id="a", vector_id="a.1", path=path, text="", kind=kind, page=page, metadata=metadata
    )


def meets(entry, *conditions):
    return matcher(parse_where(conditions))(entry)


@pytest.mark.parametrize("condition", ["file=a.pdf", "file=/docs/a.pdf", "file=/docs", "page=3"])
def test_file_and_page(condition):
    assert meets(entry(), condition)
    assert not meets(entry("/other/b.pdf", page=4), condition)


def test_a_range_has_both_of_its_ends():
    assert [meets(entry(page=page), "page=3-5") for page in (2, 3, 5, 6)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_all_conditions_must_hold_and_a_repeated_key_means_one_of_its_values():
    conditions = ["kind=figure", "file=a.pdf", "file=b.pdf"]
    assert meets(entry("/docs/a.pdf", "figure"), *conditions)
    assert meets(entry("/docs/b.pdf", "figure"), *conditions)
    assert not meets(entry("/docs/c.pdf", "figure"), *conditions)
    assert not meets(entry("/docs/a.pdf", "text"), *conditions)


@pytest.mark.parametrize("value", [7, 7.0, "7"])
def test_a_number_in_metadata_is_found_as_it_is_typed(value):
    assert meets(entry(position=value), "position=7")
    assert not meets(entry(position=8), "position=7")
    assert not meets(entry(), "position=7")


@pytest.mark.parametrize("conditions", [["page"], ["=x"], ["page=x"], ["page=1", "page=2"]])
def test_what_cannot_be_read_is_an_error(conditions):
    with pytest.raises(InvalidInputError, match="where"):
        parse_where(conditions)


def test_no_conditions_are_no_filter():
    assert matcher(None) is None
    assert matcher(parse_where([])) is None
    with pytest.raises(InvalidInputError, match="kind is one of"):
        matcher(parse_where(["kind=chart"]))
