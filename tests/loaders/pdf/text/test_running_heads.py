"""Lines that many pages repeat at their edges."""

from __future__ import annotations

from pdf_pages import (
    line,
)

from mmrerank.loaders.pdf.page import Line
from mmrerank.loaders.pdf.text.lines import (
    make_block,
)
from mmrerank.loaders.pdf.text.running_heads import edge_lines, find_running_heads


def edges(*lines, size=(600.0, 800.0)):
    return edge_lines([make_block([one]) for one in lines], size)


def test_edge_lines_are_short_and_at_the_edge():
    head, foot = line("Chapter 3", y=30.0), line("17", y=770.0)
    found = edges(head, line("in the middle", y=400.0), foot)
    assert [(one.text, one.outermost) for one in found] == [("chapter #", True), ("#", True)]
    assert edges(line("long " * 40, y=30.0)) == []
    assert edges(line("Figure 3: Speed", y=30.0)) == []
    assert edges(line("turned", y=30.0, upright=False)) == []  # from the left to the middle
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


def test_what_one_page_repeats_is_not_a_running_head():
    twice = edges(line("Method", y=30.0), line("Method", x=330.0, y=30.0), line("text", y=400.0))
    assert find_running_heads({1: twice}, 10.0) == {1: set()}


def test_heads_in_one_place_need_not_be_equal():
    names = ["Roberts, concurring", "Thomas, dissenting", "Alito, dissenting"]
    pages = {
        number: edges(
            line(f"Cite as: 555 U. S. {number} (2009), opinion of {name}", y=30.0),
            line(f"The question of page {number} is {name}", y=400.0),
        )
        for number, name in enumerate(names, start=1)
    }
    assert all(len(boxes) == 1 for boxes in find_running_heads(pages, 10.0).values())
    other = {
        number: edges(line(text, y=30.0), line("text", y=400.0))
        for number, text in enumerate(
            ["The belts of the hall run", "The nuts were sold to a king", "Lamps hang in the hall"]
        )
    }
    assert not any(find_running_heads(other, 10.0).values())


def test_a_stamp_along_the_edge_is_a_running_element():
    stamp = Line((20.0, 200.0, 34.0, 500.0), "Author manuscript", 16.0, upright=False)
    pages = {
        number: edges(stamp, line(f"Text of page {number}", y=210.0), line("text", y=300.0))
        for number in (1, 2, 3)
    }
    assert all(boxes == {stamp.box} for boxes in find_running_heads(pages, 10.0).values())
