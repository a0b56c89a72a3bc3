"""Search results as a table."""

from __future__ import annotations

import dataclasses

from mmrerank.display.terminal_table import figure_line, hits_table
from rich.console import Console

from mmrerank.index.hits import Hit, HitImage

HIT = Hit(
    rank=1,
    score=0.75,
    retrieval_rank=4,
    retrieval_score=0.2,
    source="/data/report.pdf",
    page=3,
    text="The torque of the turbine.",
    images=[HitImage("a.png", 3, "Figure 1: The turbine."), HitImage("b.png", 4, "")],
    best_image="a.png",
)


def shown(*hits: Hit) -> str:
    console = Console(width=120, record=True, quiet=False, file=None)
    with console.capture() as capture:
        console.print(hits_table(hits, "torque"))
    return capture.get()


def test_a_row_has_ranks_score_place_text_and_best_image():
    table = shown(HIT)
    for part in ("1", "0.750", "4", "report.pdf, page 3", "The torque", "Figure 1: The turbine."):
        assert part in table


def test_without_a_best_image_images_are_counted():
    assert figure_line(HIT) == "▸ Figure 1: The turbine. (page 3)"
    assert figure_line(dataclasses.replace(HIT, best_image=None)) == "2 images"
    assert figure_line(dataclasses.replace(HIT, images=[], best_image=None)) == ""


def test_escapes_do_not_reach_the_terminal():
    hostile = dataclasses.replace(HIT, text="\x1b]0;owned\x07turbine", source="\x1b[31mevil.pdf")
    table = shown(hostile)
    assert "owned" not in table
    assert "evil.pdf" in table
