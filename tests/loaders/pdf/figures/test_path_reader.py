"""The paths of a page are read within a budget of paths, time and memory."""

from __future__ import annotations

import subprocess
import sys
from random import Random

import pytest

from mmrerank.loaders.boxes import overlap, union
from mmrerank.loaders.pdf.figures.path_reader import TooManyPathsError, read_paths
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings

pymupdf = pytest.importorskip("pymupdf")

WHOLE = (0.0, 0.0, 612.0, 792.0)


def map_of(count):
    """A PDF of one page with `count` short strokes here and there, as a map has."""
    random = Random(count)
    places = ((random.randint(50, 550), random.randint(50, 750)) for _ in range(count))
    strokes = (f"{x} {y} m {x + 3} {y + 5} l {x + 7} {y} l S" for x, y in places)
    with pymupdf.open() as document:
        page = document.new_page(width=612, height=792)
        page.insert_text((60, 40), "A map")
        content = document.get_new_xref()
        document.update_object(content, "<<>>")
        document.update_stream(content, "\n".join(strokes).encode())
        document.xref_set_key(
            page.xref, "Contents", f"[{page.get_contents()[0]} 0 R {content} 0 R]"
        )
        return document.tobytes(deflate=True)


@pytest.fixture(scope="module")
def large_map(tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "map.pdf"
    path.write_bytes(map_of(187_000))
    return path


def read(data, budget=200_000, settings=DEFAULT_SETTINGS):
    with pymupdf.open("pdf", data) as document:
        return read_paths(document[0], WHOLE, budget, settings)


def test_paths_beyond_the_detailed_ones_are_merged_in_tiles():
    data = map_of(3000)
    every = read(data)
    merged = read(data, settings=FigureSettings(max_detailed_paths=100))
    assert len(every) == 3000
    assert merged[:100] == every[:100]
    assert len(merged) < 2800
    assert union(*(path.box for path in merged)) == union(*(path.box for path in every))
    assert not any(path.straight or path.frames or path.marks for path in merged)
    longest = 7 + 2 * DEFAULT_SETTINGS.path_tile
    assert all(path.box[2] - path.box[0] < longest for path in merged)
    for path in every:
        assert any(overlap(other.box, path.box) == path.box for other in merged)


def test_straight_and_other_paths_are_merged_apart():
    with pymupdf.open() as document:
        page = document.new_page(width=612, height=792)
        for step in range(20):
            page.draw_rect((101 + step / 10, 101, 104, 104))
            page.draw_line((101 + step / 10, 101), (104, 104))
        merged = read_paths(page, WHOLE, 100, FigureSettings(max_detailed_paths=0))
    assert sorted(path.straight for path in merged) == [False, True]


def test_a_page_that_is_surely_above_its_budget_is_not_drawn(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("the page was drawn")

    data = map_of(3000)
    monkeypatch.setattr(pymupdf.Page, "get_cdrawings", fail)
    settings = FigureSettings(min_counted_bytes=0)
    with pytest.raises(TooManyPathsError, match="more than 2999 paths"):
        read(data, budget=2999, settings=settings)
    with pytest.raises(AssertionError):
        read(data, budget=3000, settings=settings)


def test_paths_of_forms_count_too():
    with pymupdf.open("pdf", map_of(300)) as form, pymupdf.open() as document:
        page = document.new_page(width=612, height=792)
        page.show_pdf_page(page.rect, form, 0)
        assert len(read_paths(page, WHOLE, 1000, DEFAULT_SETTINGS)) == 300
        with pytest.raises(TooManyPathsError):
            read_paths(page, WHOLE, 299, FigureSettings(min_counted_bytes=0))


def test_an_error_on_the_way_is_raised(monkeypatch):
    def fail(*_):
        raise ValueError("a broken path")

    monkeypatch.setattr("mmrerank.loaders.pdf.figures.path_reader._is_visible", fail)
    with pytest.raises(ValueError, match="a broken path"):
        read(map_of(3))


_TIMES = """
import sys, time
import pymupdf
from mmrerank.loaders.pdf.page import PageOptions, Profile
from mmrerank.loaders.pdf.page_reader import OpenPDF
def measured(work):
    began = time.process_time()
    work()
    return time.process_time() - began
page = pymupdf.open(sys.argv[1])[0]
pdf = OpenPDF(sys.argv[1])
drawing = [measured(lambda: page.get_cdrawings(extended=True, callback=lambda _: None))
           for _ in range(3)]
figures = [measured(lambda: pdf.figures(1, Profile(11.0), PageOptions())) for _ in range(3)]
print(min(figures) / min(drawing))
"""


@pytest.mark.slow
def test_a_map_of_187_000_paths_takes_a_few_times_as_long_as_drawing_it(large_map):
    """4.5 times; 9 times when every path was kept.

    In a process of its own: where much else is in memory, the garbage collector's rounds cost
    more than the work.
    """
    command = [sys.executable, "-c", _TIMES, str(large_map)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) < 7


_PEAK = """
import resource, sys
from mmrerank.loaders.pdf.page import PageOptions, Profile
from mmrerank.loaders.pdf.page_reader import OpenPDF
pdf = OpenPDF(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
figures = pdf.figures(1, Profile(11.0), PageOptions())
assert [region.kind for region in figures.regions] == ["vector"], figures
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of the peak differs")
def test_a_map_of_187_000_paths_takes_little_memory(large_map):
    """30 MB; 380 when every path was kept."""
    command = [sys.executable, "-c", _PEAK, str(large_map)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert int(done.stdout) < 120_000  # kilobytes
