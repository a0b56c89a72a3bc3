"""Charts of bars or dots alone are figures; shaded cells, forms and marked words are none."""

from __future__ import annotations

import pytest
from survey_pages import CHARTS, OTHERS, TITLE

from mmrerank.loaders.boxes import area, overlap
from mmrerank.loaders.pdf.figures.charts import find_charts, with_charts
from mmrerank.loaders.pdf.figures.find import find_regions
from mmrerank.loaders.pdf.figures.path_reader import read_paths
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS
from mmrerank.loaders.pdf.figures.text_layout import read_text_layout
from mmrerank.loaders.pdf.text.lines import read_blocks

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")

WHOLE = (0.0, 0.0, 612.0, 792.0)


@pytest.fixture
def page():
    with pymupdf.open() as document:
        yield document.new_page(width=612, height=792)


def charts(page):
    paths = list(read_paths(page, WHOLE, 1000, DEFAULT_SETTINGS))
    text = read_text_layout(WHOLE, read_blocks(page), 10.0, DEFAULT_SETTINGS)
    return find_charts(paths, text, DEFAULT_SETTINGS)


@pytest.mark.parametrize("draw", CHARTS, ids=lambda draw: draw.__name__)
def test_a_chart_is_a_figure_with_its_labels_and_its_title_as_caption(page, draw):
    wanted = draw(page)
    (region,) = find_regions(page, read_blocks(page), [], body_size=10.0)
    shared = area(overlap(region.box, wanted))
    # The line under the title, which says what is counted, may be in the box.
    assert shared / (area(region.box) + area(wanted) - shared) > 0.7
    assert region.kind == "vector"
    assert region.caption.text == TITLE
    assert shared > 0.99 * area(wanted)


@pytest.mark.parametrize("draw", OTHERS, ids=lambda draw: draw.__name__)
def test_shaded_boxes_without_values_are_no_chart(page, draw):
    draw(page)
    assert charts(page) == []


def test_a_chart_on_a_page_set_sideways_is_found_where_it_is_shown(page):
    CHARTS[0](page)
    (upright,) = charts(page)
    with pymupdf.open() as document:
        sideways = document.new_page(width=792, height=612)
        sideways.show_pdf_page(sideways.rect, page.parent, 0, rotate=90)
        sideways.set_rotation(90)
        (shown,) = charts(sideways)
    assert shown == pytest.approx(upright, abs=0.5)


def test_bars_become_one_shape_and_other_paths_stay():
    chart = (100.0, 100.0, 300.0, 200.0)
    bar = (100.0, 100.0, 250.0, 110.0)
    rule = DrawnPath((72.0, 80.0, 400.0, 80.5), straight=True, frames=False)
    paths = with_charts([DrawnPath(bar, straight=True, frames=True, marks=(bar,)), rule], [chart])
    assert [path.box for path in paths] == [chart, bar, rule.box]
    assert [path.straight for path in paths] == [False, False, True]
    assert not any(path.frames for path in paths)
