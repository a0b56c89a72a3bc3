"""Lines that many pages repeat at their edges."""

from __future__ import annotations

from pdf_pages import (
    line,
)

from mmrerank.loaders.pdf.text.lines import (
    make_block,
)
from mmrerank.loaders.pdf.text.running_heads import edge_lines, find_running_heads


def edges(*lines, height=800.0):
    return edge_lines([make_block([one]) for one in lines], height)


def test_edge_lines_are_short_and_at_the_edge():
    head, foot = line("Chapter 3", y=30.0), line("17", y=770.0)
    found = edges(head, line("in the middle", y=400.0), foot)
    assert [(one.text, one.outermost) for one in found] == [("chapter #", True), ("#", True)]
    assert edges(line("long " * 40, y=30.0)) == []
    assert edges(line("Figure 3: Speed", y=30.0)) == []
    assert edges(line("turned", y=30.0, upright=False)) == []
    assert edges() == []


def test_roman_numbers_count_up_too():
    assert edges(line("page xiv", y=30.0))[0].text == "page #"


def test_what_pages_repeat_in_one_place():
    pages = {
        number: edges(
            line("The hall", y=30.0), line(f"Title {number}", y=400.0), line(str(number), y=770.0)
        )
        for number in range(1, 5)
    }
    heads = find_running_heads(pages, 10.0)
    assert all(heads[number] == {line("", y=30.0).box, line("", y=770.0).box} for number in pages)
    assert find_running_heads({1: pages[1]}, 10.0) == {1: set()}


def test_a_line_beside_a_running_head_goes_with_it():
    pages = {
        number: edges(line(title, y=30.0), line("The hall", x=330.0, y=30.0), line("text", y=400.0))
        for number, title in enumerate(["Belts", "Nuts", "Lamps"], start=1)
    }
    assert all(len(boxes) == 2 for boxes in find_running_heads(pages, 10.0).values())


def test_larger_type_and_another_place_are_not_repeated():
    large = {number: edges(line("Chapter", y=30.0, size=14.0)) for number in (1, 2, 3)}
    assert not any(find_running_heads(large, 10.0).values())
    moved = {number: edges(line("Chapter", y=10.0 * number)) for number in (1, 2, 3)}
    assert not any(find_running_heads(moved, 10.0).values())
