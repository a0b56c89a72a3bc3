"""An index as the command line makes it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cli_helpers import make_pdf
from helpers import png

from mmrerank.cli.main import main


@pytest.fixture(scope="session")
def indexed(tmp_path_factory) -> Path:
    """A folder with two PDFs and their index; the answer about the turbine is in a picture.

    Read only: a test that changes anything takes `folder` instead.
    """
    folder = tmp_path_factory.mktemp("cli")
    files = [
        make_pdf(folder / "a.pdf", "The hall is old. See Figure 1.", image=png("turbine torque")),
        make_pdf(folder / "b.pdf", "A turbine is a machine.", "A torque wrench is a tool."),
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MMRERANK_CACHE", str(tmp_path_factory.mktemp("cache")))
        assert main(["index", *map(str, files), "--store", str(folder / "store")]) == 0
    return folder


@pytest.fixture
def store(indexed) -> str:
    """The index of `indexed`, for searching."""
    return str(indexed / "store")


@pytest.fixture
def folder(indexed, tmp_path) -> Path:
    """A copy of `indexed` of the test's own; its index is in the folder `store`."""
    return shutil.copytree(indexed, tmp_path / "copy")
