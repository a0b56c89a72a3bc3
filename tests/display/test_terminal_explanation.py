"""Explanations in a terminal: honest about gaps, safe to print, and at most 80 columns wide."""

from __future__ import annotations

import io

from rich.console import Console

from mmrerank import Content, ExplainedPart, Explanation, Image, ImageMap, ImageWord, WordWeight
from mmrerank.display.terminal_explanation import map_lines, print_explanation


def shown(found: Explanation, document: Content) -> str:
    file = io.StringIO()
    print_explanation(Console(file=file, width=80), found, Content("q"), document)
    return file.getvalue()


def cells(weights) -> ImageMap:
    rows = tuple(tuple(map(float, row)) for row in weights)
    return ImageMap(
        image=0, rows=len(rows), columns=len(rows[0]), width=80, height=60, weights=rows
    )


def test_a_map_has_the_highest_cell_as_9():
    assert map_lines(cells([[0.2, 0, -0.1], [1, 2, -4]])) == ["1 . .", "5 9 -"]
    assert map_lines(cells([[-1, -2]])) == ["- -"]
    assert map_lines(cells([[0, 0]])) == [". ."]


def test_a_wide_map_shows_the_strongest_cell_of_each_block():
    weights = [[0.0] * 200 for _ in range(9)]
    weights[4][100] = 1.0
    lines = map_lines(cells(weights))
    assert all(len(line) <= 76 for line in lines)
    assert [(i, line.index("9")) for i, line in enumerate(lines) if "9" in line] == [(1, 33)]


def test_words_parts_and_gap_are_shown():
    found = Explanation(
        model="m", method="integrated_gradients", score=0.5, output=1.0, baseline=0.0, gap=-0.9,
        document=tuple(WordWeight(text=f"w{i}", start=3 * i, end=3 * i + 2, weight=i / 100) for i in range(20)),
        images=(cells([[1, 2]]),),
        parts=(ExplainedPart(kind="text", score=0.5, share=1.0), ExplainedPart(kind="image", score=0.1, share=0.0, image=0)),
    )  # fmt: skip
    text = shown(found, Content("t", [Image.from_path("a.png")]))
    assert "the strongest 12 of 20 words" in text
    assert "+0.1900  w19" in text
    assert "w3" not in text
    assert "image 1 scored 0.1000, not explained" in text
    assert "miss -0.9000 of +1.0000" in text
    assert "rough" in text
    assert "5 9" in text
    assert max(map(len, text.splitlines())) <= 80


def test_hostile_words_are_printed_as_text():
    bad = "\x1b[2J[bold]x[/bold]\u202e"
    found = Explanation(
        model=bad, method="bm25", score=0.5, output=0.5, baseline=0.0, gap=0.0,
        image_words=(ImageWord(image=0, text=bad, weight=0.5, box=(1, 2, 3, 4)),),
    )  # fmt: skip
    text = shown(found, Content(images=[Image.from_path("a.png")]))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]x[/bold] (image 1, box 1,2 to 3,4)" in text
