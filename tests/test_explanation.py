"""What an explanation holds, and which rerankers have none."""

from __future__ import annotations

import pytest

from mmrerank import ImageMap, RerankError, UnsupportedOperationError
from mmrerank.testing import FakeReranker


def test_cells_have_their_place_in_pixels():
    cells = ImageMap(image=0, rows=2, columns=4, width=200, height=100, weights=((0.0,) * 4,) * 2)
    assert cells.box(0, 0) == (0, 0, 50, 50)
    assert cells.box(1, 3) == (150, 50, 200, 100)


def test_a_reranker_that_cannot_explain_names_those_that_can():
    with pytest.raises(UnsupportedOperationError, match=r"FakeReranker cannot .* OCRReranker") as e:
        FakeReranker().explain("a", "b")
    assert isinstance(e.value, RerankError)
    assert isinstance(e.value, NotImplementedError)
