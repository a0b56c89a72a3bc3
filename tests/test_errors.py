"""Errors and warnings say where they come from."""

from __future__ import annotations

import warnings

from mmrerank.errors import RerankWarning
from mmrerank.images.resolve import ImageResolver


def test_a_warning_points_at_the_line_outside_these_packages(tmp_path):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        ImageResolver(tmp_path, on_image_error="warn").find({"images": "gone.png"})
    assert [w.category for w in seen] == [RerankWarning]
    assert seen[0].filename == __file__
