"""A missing optional package is named with the extra that installs it."""

from __future__ import annotations

import json
import sys

import pytest

from mmrerank import MissingDependencyError
from mmrerank.optional import require


def test_an_installed_module_is_imported(monkeypatch):
    monkeypatch.setattr("mmrerank.optional._PACKAGES", {"json": ("x", "y")})
    assert require("json") is json
    assert require("json.decoder") is json.decoder


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("bs4", 'loading an HTML file needs beautifulsoup4, .*"mmrerank\\[html\\]"'),
        ("markdown_it", 'a Markdown file needs markdown-it-py, .*"mmrerank\\[html\\]"'),
    ],
)
def test_a_missing_package_is_named_with_its_extra(monkeypatch, module, message):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingDependencyError, match=message):
        require(module)


def test_extra_and_purpose_can_be_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymupdf", None)
    with pytest.raises(MissingDependencyError, match=r"slides needs pymupdf.*mmrerank\[office\]"):
        require("pymupdf", extra="office", purpose="slides")


def test_a_broken_package_raises_its_own_error(monkeypatch, tmp_path):
    (tmp_path / "broken_package.py").write_text("import a_module_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("mmrerank.optional._PACKAGES", {"broken_package": ("x", "y")})
    with pytest.raises(ModuleNotFoundError, match="a_module_that_is_not_there") as caught:
        require("broken_package")
    assert not isinstance(caught.value, MissingDependencyError)
