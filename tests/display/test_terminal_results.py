"""Search results in a terminal, as they read at 80 columns."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from mmrerank.display.card_html import place_name
from mmrerank.display.cards import cards_of_hits
from mmrerank.display.terminal_results import image_name, print_cards, print_found, shown_path
from mmrerank.index.hits import Hit, HitImage, HitPart, Stages

HASH = "0123456789abcdef0123456789abcdef"
FIGURE = HitImage(
    f"{HASH}.png",
    3,
    "Figure 1: The turbine.",
    f"/data/store/images/{HASH}.png",
    box=(72.0, 90.4, 300.0, 240.6),
    kind="raster",
)
HIT = Hit(
    rank=1,
    score=0.75,
    retrieval_rank=4,
    retrieval_score=0.0312,
    source="/data/report.pdf",
    page=3,
    text="The torque of the turbine.",
    images=[FIGURE, HitImage("b.png", 4, "")],
    best_image=FIGURE.path,
    routes={"words": 2, "vectors": 9},
    matched_in_text=["torque"],
    matched_in_image=["turbine"],
)


def shown(*hits: Hit, width: int = 80) -> str:
    console = Console(width=width)
    with console.capture() as capture:
        print_cards(console, cards_of_hits(hits, is_reranked=True), "torque turbine")
    return capture.get()


def test_a_result_says_where_it_is_how_it_was_ranked_and_why_it_is_there():
    assert shown(HIT).splitlines() == [
        " 1  /data/report.pdf, page 3",
        "    score 0.750, was rank 4 (words 2, vectors 9)",
        "    The torque of the turbine.",
        "    in the text: torque",
        "    ▸ Figure 1: The turbine. (page 3, box 72,90 to 300,241)",
        "    in the image: turbine",
        f"    /data/store/images/{HASH}.png",
        "",
    ]


def test_section_and_parts_are_named():
    parts = (HitPart("text", 0.25), HitPart("image", 0.75, FIGURE.path))
    hit = dataclasses.replace(HIT, parts=parts, metadata={"section": "2 Machines"})
    lines = shown(hit).splitlines()
    assert lines[2:4] == ["    section: 2 Machines", "    text 0.250, image 1 0.750"]
    assert "text 0.250" not in shown(dataclasses.replace(HIT, parts=parts[:1]))


def test_a_failed_reranker_is_named():
    assert "not scored: the reranker failed" in shown(dataclasses.replace(HIT, is_scored=False))


def test_without_a_best_image_images_are_counted():
    lines = shown(dataclasses.replace(HIT, best_image=None, matched_in_image=[])).splitlines()
    assert lines[-2:] == ["    2 images", ""]
    bare = dataclasses.replace(HIT, images=[], best_image=None)
    assert "image" not in "".join(shown(bare).splitlines()[:4])


@pytest.mark.parametrize(
    ("kind", "page", "name"),
    [
        ("raster", 3, "figure on page 3 (box 72,90 to 300,241)"),
        ("table", 3, "table on page 3 (box 72,90 to 300,241)"),
        ("page", 2, "page 2 as an image (box 72,90 to 300,241)"),
        ("raster", None, "image"),
    ],
)
def test_an_image_without_a_caption_has_a_name_and_never_a_hash(kind, page, name):
    for caption in (" ", HASH, f"{HASH}.png"):
        image = dataclasses.replace(FIGURE, caption=caption, kind=kind, page=page)
        assert image_name(image) == name


def test_of_a_figure_the_caption_is_shown_once():
    figure = dataclasses.replace(HIT, kind="figure", text=f"{FIGURE.caption}\nshelf R12")
    text = shown(figure)
    assert text.count("The turbine.") == 1
    assert "    shelf R12\n" in text


def test_paths_are_whole_and_relative_where_they_lie_below(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ("a long folder with spaces " * 4) / "图纸"
    assert shown_path(str(folder / "report.pdf")) == str(Path(folder.relative_to(tmp_path), "report.pdf"))  # fmt: skip
    image = dataclasses.replace(FIGURE, file=str(folder / FIGURE.path))
    text = shown(dataclasses.replace(HIT, images=[image], source=str(folder / "a.pdf")))
    assert f"    {folder.relative_to(tmp_path) / FIGURE.path}\n" in text
    assert text.startswith(f" 1  {folder.relative_to(tmp_path)}/a.pdf, page 3\n")


@pytest.mark.parametrize("text", ["涡轮机的扭矩由图给出" * 30, "turbine torque " * 40, "x" * 400])
@pytest.mark.parametrize("width", [80, 40])
def test_no_line_of_text_is_wider_than_the_terminal(text, width):
    hit = dataclasses.replace(HIT, text=text, images=[], best_image=None, source="/a.pdf")
    lines = shown(hit, width=width).splitlines()
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) <= 4 + 240 // width * 2


def test_escapes_do_not_reach_the_terminal():
    hostile = dataclasses.replace(HIT, text="\x1b]0;owned\x07turbine", source="\x1b[31mevil.pdf")
    text = shown(hostile)
    assert "owned" not in text
    assert "\x1b[31m" not in text
    assert "evil.pdf" in text


def test_what_was_found_before_reranking_is_a_line_each_with_the_times():
    console = Console(width=80)
    with console.capture() as capture:
        print_found(console, Stages([HIT], [HIT], True, 0.0123, 1.5))
        print_found(console, Stages([HIT], [HIT], False, 0.0123, 0.0))
    line = " 1  /data/report.pdf, page 3: score 0.0312 (words 2, vectors 9)"
    assert capture.get().splitlines() == [
        "found in 0.012 s",
        line,
        "reranked in 1.500 s",
        "",
        "found in 0.012 s",
        line,
        "",
    ]


def test_an_attached_file_is_named_after_its_mail():
    hit = dataclasses.replace(HIT, source="/data/a.eml", metadata={"attachment": "report.pdf"})
    assert shown(hit).splitlines()[0] == " 1  /data/a.eml > report.pdf, page 3"
    (card,) = cards_of_hits([hit], is_reranked=True)
    assert place_name(card) == "a.eml > report.pdf, page 3"
