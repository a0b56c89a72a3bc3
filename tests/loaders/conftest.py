"""Fixtures of the loaders' tests."""

from __future__ import annotations

import pytest

from mmrerank.loaders import office


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


@pytest.fixture
def no_libreoffice(monkeypatch):
    """As on most machines."""
    monkeypatch.setattr(office, "find_office", lambda: None)
