"""Paths and images that touch form components; backgrounds and tables do not join them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrerank.loaders.boxes import overlap, union
from mmrerank.loaders.pdf.figures.components import (
    Component,
    components,
    is_big,
    is_content,
    kind_of,
)
from mmrerank.loaders.pdf.figures.paths import DrawnPath
from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS

pytest.importorskip("scipy")

WHOLE = (0.0, 0.0, 612.0, 792.0)


def path(*box, straight=True):
    return DrawnPath(box, straight=straight, frames=False)


def boxes_of(paths, images=(), **options):
    return sorted(
        item.box for item in components(paths, images, WHOLE, DEFAULT_SETTINGS, **options)
    )


def test_what_nearly_touches_is_one_component_and_what_is_apart_two():
    near = [path(100, 100, 150, 150), path(154, 100, 200, 150)]
    far = path(300, 100, 350, 150)
    assert boxes_of([*near, far]) == [(100, 100, 200, 150), (300, 100, 350, 150)]


def test_a_barrier_keeps_apart_what_does_not_touch():
    paths = [path(100, 100, 150, 150), path(158, 100, 200, 150)]
    assert len(boxes_of(paths)) == 1
    assert len(boxes_of(paths, barriers=[(151, 50, 157, 200)])) == 2


def test_the_frame_of_an_image_is_part_of_it_and_a_large_background_is_not():
    image = (110, 110, 190, 190)
    assert boxes_of([path(100, 100, 200, 200)], [image]) == [(100, 100, 200, 200)]
    assert boxes_of([path(50, 50, 500, 500)], [image]) == [image]


def test_the_lines_of_a_table_do_not_join_its_images():
    rows = [path(100, y, 400, y + 1) for y in range(100, 200, 5)]
    image, text = (120, 110, 180, 190), [(200, 100, 390, 190)]
    assert len(boxes_of(rows, [image])) == 1
    assert len(boxes_of(rows, [image], text=text)) == 2


def test_images_that_share_paths_are_one_component():
    diagram = [path(100 + 4 * x, 100, 103 + 4 * x, 103) for x in range(40)]
    images = [(100, 100, 130, 130), (220, 100, 250, 130)]
    (item,) = components(diagram, images, WHOLE, DEFAULT_SETTINGS)
    assert sorted(item.images) == images
    assert item.path_count == 40


def test_a_few_paths_leave_a_photograph_a_photograph():
    image = (0.0, 0.0, 50.0, 50.0)
    photograph = Component(image, straight=4, images=(image,))
    diagram = Component(image, straight=5, images=(image,))
    chart = Component(image, straight=5)
    kinds = [kind_of([item], DEFAULT_SETTINGS) for item in (photograph, diagram, chart)]
    assert kinds == ["raster", "mixed", "vector"]
    assert kind_of([photograph, chart], DEFAULT_SETTINGS) == "mixed"


def test_size_tells_content_from_decoration_and_backgrounds():
    assert is_big((0, 0, 40, 30), DEFAULT_SETTINGS)
    assert not is_big((0, 0, 100, 19), DEFAULT_SETTINGS)
    assert not is_big((0, 0, 30, 30), DEFAULT_SETTINGS)
    assert is_content((0, 0, 612, 400), WHOLE, DEFAULT_SETTINGS)
    assert not is_content((10, 10, 600, 780), WHOLE, DEFAULT_SETTINGS)


boxes = st.tuples(st.floats(0, 500), st.floats(0, 700), st.floats(0, 100), st.floats(0, 90)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


path_lists = st.lists(st.builds(DrawnPath, boxes, st.booleans(), st.booleans()), max_size=12)


@settings(max_examples=60, deadline=None)
@given(path_lists)
def test_components_hold_every_path_once(paths):
    found = components(paths, [], WHOLE, DEFAULT_SETTINGS)
    assert sum(item.straight + item.shapes for item in found) == len(paths)
    if paths:
        around = union(*(path.box for path in paths))
        assert union(*(item.box for item in found)) == pytest.approx(around)
    for path in paths:
        assert any(overlap(path.box, item.box) == pytest.approx(path.box) for item in found)


@settings(max_examples=60, deadline=None)
@given(path_lists, st.lists(boxes, max_size=4))
def test_components_hold_every_image_once(paths, images):
    found = components(paths, images, WHOLE, DEFAULT_SETTINGS)
    assert sorted(image for item in found for image in item.images) == sorted(images)
    assert sum(item.straight + item.shapes for item in found) <= len(paths)
    for item in found:
        assert all(overlap(image, item.box) == pytest.approx(image) for image in item.images)


def test_paths_of_a_grid_begin_and_end_in_few_places():
    rows = [path(100, y, 400, y + 0.5) for y in range(100, 220, 20)]
    columns = [path(x, 100, x + 0.5, 200) for x in range(100, 410, 50)]
    (grid,) = components([*rows, *columns], [], WHOLE, DEFAULT_SETTINGS)
    steps = [path(100 + 10 * n, 300 + 7 * n, 110 + 10 * n, 307 + 7 * n) for n in range(13)]
    (stairs,) = components(steps, [], WHOLE, DEFAULT_SETTINGS)
    assert grid.straight == stairs.straight == 13
    assert grid.ends <= 13 < stairs.ends
