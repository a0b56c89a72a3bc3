"""The catalog is complete, and everything that is made from it agrees with it."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import tomllib
from pathlib import Path

import pytest

import mmrerank
from mmrerank import catalog
from mmrerank.base import Reranker

ROOT = Path(__file__).parent.parent
ROOMS = ("http", "local", "ocr", "retrieval")
ROWS = pytest.mark.parametrize("row", catalog.RERANKERS, ids=lambda row: row.name)


@ROWS
def test_a_row_names_a_reranker_and_an_extra(row):
    kind = getattr(importlib.import_module(row.module), row.class_name)
    assert issubclass(kind, Reranker)
    assert kind is getattr(mmrerank, row.class_name)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert row.extra is None or row.extra in project["optional-dependencies"]


def test_names_are_unique():
    assert len({row.name for row in catalog.RERANKERS}) == len(catalog.RERANKERS)


def test_every_reranker_of_the_package_has_a_row():
    for folder in ROOMS:
        for path in (ROOT / "mmrerank" / folder).glob("*.py"):
            importlib.import_module(f"mmrerank.{folder}.{path.stem}")
    classes = subclasses(Reranker)
    bases = {kind for kind in classes if kind.__subclasses__()}
    rows = {row.class_name for row in catalog.RERANKERS}
    assert {kind.__name__ for kind in classes - bases} <= rows
    assert rows <= {kind.__name__ for kind in classes}


def subclasses(kind: type) -> set[type]:
    """All subclasses of a class that are in the package's rooms for rerankers."""
    direct = {
        one
        for one in kind.__subclasses__()
        if one.__module__.startswith(tuple(f"mmrerank.{room}." for room in ROOMS))
    }
    return direct.union(*map(subclasses, direct))


def test_type_checkers_know_the_names_that_are_imported_on_first_use():
    tree = ast.parse(Path(catalog.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    places = {name.name: node.module for node in block.body for name in node.names}
    assert sorted(places) == sorted(catalog.__all__)
    for name, module in places.items():
        assert catalog.load(name).__module__ == module
    assert set(catalog.__all__) <= set(mmrerank.__all__)
    assert set(dir(mmrerank)) == set(mmrerank.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="NoSuchReranker"):
        _ = mmrerank.NoSuchReranker


def test_the_table_in_the_docs_is_the_catalogs():
    place = ROOT / "scripts" / "write_catalog.py"
    spec = importlib.util.spec_from_file_location("write_catalog", place)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    text = script.DOCUMENT.read_text(encoding="utf-8")
    assert text == script.with_table(text), "run: python scripts/write_catalog.py"
    text = script.SERVICES.read_text(encoding="utf-8")
    assert text == script.with_presets(text), "run: python scripts/write_catalog.py"
