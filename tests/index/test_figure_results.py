"""A figure and the chunks that cite it are one result."""

from __future__ import annotations

from dataclasses import replace

from mmrerank.index.figure_results import Ranked, one_per_figure
from mmrerank.index.ledger import Entry


def ranked(name, *, kind="text", images=(), best=None):
    entry = Entry(id=name, vector_id=name, path="a", text=name, kind=kind, images=tuple(images))
    return Ranked(entry, 0, 1.0, best)


def shown(*results):
    return [(one.entry.id, one.best_image) for one in one_per_figure(results)]


def test_a_figure_takes_the_text_of_the_best_chunk_that_cites_it():
    figure = ranked("figure", kind="figure", images=["f.png"])
    assert shown(figure, ranked("other"), ranked("cites", images=["f.png"])) == [
        ("cites", "f.png"),
        ("other", None),
    ]


def test_a_figure_after_its_chunk_only_names_the_winner():
    figure = ranked("figure", kind="figure", images=["f.png"])
    assert shown(ranked("cites", images=["f.png"]), figure) == [("cites", "f.png")]


def test_a_figure_that_several_chunks_cite_does_not_fill_the_list():
    chunks = [ranked(f"c{i}", images=["f.png"], best="f.png") for i in range(5)]
    assert shown(*chunks, ranked("other")) == [("c0", "f.png"), ("other", None)]


def test_a_chunk_that_scored_by_its_text_stays():
    first = ranked("first", images=["f.png"], best="f.png")
    assert shown(first, ranked("second", images=["f.png"])) == [
        ("first", "f.png"),
        ("second", None),
    ]


def test_a_figure_that_no_chunk_cites_stands_alone():
    assert shown(ranked("figure", kind="figure", images=["f.png"])) == [("figure", "f.png")]


def test_a_copy_in_another_file_is_left_out_and_named():
    first = ranked("first", images=["f.png"], best="f.png")
    other = replace(ranked("other", images=["g.png"], best="g.png"))
    other = replace(other, entry=replace(other.entry, path="b"))
    copies = {"f.png": "f.png", "g.png": "f.png"}
    (result,) = one_per_figure([first, other], copies)
    assert (result.entry.id, [entry.path for entry in result.also_in]) == ("first", ["b"])
    by_text = replace(first, best_image=None)
    (result,) = one_per_figure([by_text, other], copies)
    assert result.best_image == "f.png"
    assert len(one_per_figure([first, other])) == 2
