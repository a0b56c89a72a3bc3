"""Masks: what touches, thinner and thicker."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("scipy")

from mmrerank.loaders.pdf.figures.masks import dilated, eroded, things


def test_what_touches_at_a_corner_is_one_thing():
    mask = np.zeros((20, 30), dtype=bool)
    mask[2:4, 3:6] = mask[4:6, 6:8] = mask[15, 20] = True
    assert [(thing.box, thing.pixels) for thing in things(mask)] == [
        ((3.0, 2.0, 8.0, 6.0), 10),
        ((20.0, 15.0, 21.0, 16.0), 1),
    ]


@pytest.mark.parametrize("side", [3, 4, 7])
def test_opening_keeps_what_is_as_large(side):
    mask = np.zeros((40, 40), dtype=bool)
    mask[10 : 10 + side, 10 : 10 + side] = True
    mask[30, 5:35] = True
    opened = dilated(eroded(mask, side, side), side, side)
    assert opened.sum() == side * side
    assert opened[10 : 10 + side, 10 : 10 + side].all()
