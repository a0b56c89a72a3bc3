"""The settings of figure finding are consistent and cannot be changed by accident."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from mmrerank.loaders.pdf.figures.settings import DEFAULT_SETTINGS, FigureSettings


def test_the_defaults_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        DEFAULT_SETTINGS.min_side = 1.0
    assert FigureSettings() == DEFAULT_SETTINGS


def test_shares_are_parts_of_a_whole():
    shares = [
        getattr(DEFAULT_SETTINGS, f.name)
        for f in fields(FigureSettings)
        if f.name.endswith("_share")
    ]
    assert len(shares) > 20
    assert all(0.0 < share < 1.0 for share in shares)
