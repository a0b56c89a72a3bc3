"""A document names only the images that belong to it, unless its reader allows more."""

from __future__ import annotations

import os
import urllib.parse

import pytest
from helpers import image_file, load_file, not_rendered

from mmrerank.errors import ImageError, InvalidInputError, RerankWarning
from mmrerank.loaders.assets import Assets

_FILES = (
    "own.png",
    ".hidden.png",
    ".private/a.png",
    "report_files/a.png",
    "report_files/deep/a.png",
    "report_files/.hidden.png",
    "report.assets/a.png",
    "report/a.png",
    "reports/a.png",
    "other/a.png",
    "other_files/a.png",
)


@pytest.fixture
def uploads(tmp_path):
    """A folder that several people load their documents and images into."""
    folder = tmp_path / "uploads"
    for name in _FILES:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(image_file())
    (tmp_path / "outside.png").write_bytes(image_file())
    return folder


def named(folder, assets):
    """Those of the files that report.html may name."""
    found = Assets(str(folder / "report.html"), assets, urls="refuse")
    return [name for name in _FILES if is_found(found, name)]


def is_found(found, name):
    try:
        found.find(name)
    except ImageError:
        return False
    return True


def test_a_document_has_the_files_beside_it_and_in_folders_of_its_name(uploads):
    assert named(uploads, "beside") == [
        "own.png",
        "report_files/a.png",
        "report_files/deep/a.png",
        "report.assets/a.png",
        "report/a.png",
    ]


def test_no_files_or_those_of_some_folders(uploads):
    assert named(uploads, "none") == []
    assert named(uploads, ["other", uploads / "report"]) == ["report/a.png", "other/a.png"]
    assert named(uploads, [uploads]) == [name for name in _FILES if "/." not in f"/{name}"]


def test_a_folder_elsewhere_can_be_allowed(uploads, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/a.png").write_bytes(image_file())
    found = Assets(str(uploads / "report.html"), ["../outside"], urls="refuse")
    assert found.find("../outside/a.png")[1].path == tmp_path / "outside/a.png"
    with pytest.raises(ImageError, match="is not among"):
        found.find("../outside.png")


@pytest.mark.parametrize(
    "target", ["../outside.png", "other/a.png", ".hidden.png", ".private/a.png"]
)
def test_a_link_is_where_it_leads_to(uploads, target):
    (uploads / "link.png").symlink_to(uploads / target)
    with pytest.raises(ImageError):
        Assets(str(uploads / "report.html"), "beside", urls="refuse").find("link.png")


def test_whether_a_file_exists_that_may_not_be_named_is_not_told(uploads):
    found = Assets(str(uploads / "report.html"), "beside", urls="refuse")
    reasons = []
    for name in ("other/a.png", "other/gone.png", "../outside.png", "../gone.png", ".hidden.png"):
        with pytest.raises(ImageError) as caught:
            found.find(name)
        reasons.append(caught.value.reason)
    assert len(set(reasons)) == 1


def test_a_relative_document(uploads, monkeypatch):
    monkeypatch.chdir(uploads)
    image = Assets("report.html", "beside", urls="refuse").find("report_files\\a.png")[1]
    assert image.path == uploads / "report_files/a.png"


@pytest.mark.parametrize("file", ["a b.png", "100%.png", "a%20b.png", "ü.png"])
def test_names_may_be_written_as_in_urls(uploads, file):
    (uploads / file).write_bytes(image_file())
    found = Assets(str(uploads / "report.html"), "beside", urls="refuse")
    assert found.find(file)[1].path == uploads / file
    assert found.find(urllib.parse.quote(file))[1].path == uploads / file
    for hidden in ("%2ehidden.png", "other%2fa.png", "%2e%2e/outside.png", "%00.png"):
        with pytest.raises(ImageError):
            found.find(hidden)


@pytest.mark.parametrize("assets", ["images", None, 3, [""], [3], os])
def test_assets_is_checked(assets):
    with pytest.raises(InvalidInputError, match="assets"):
        Assets("report.html", assets, urls="refuse")


@pytest.mark.parametrize("suffix", [".html", ".md"])
def test_the_loaders_have_the_option(uploads, root, suffix):
    path = uploads / f"report{suffix}"
    path.write_text('<p>Text.</p><img src="other/a.png">')
    with pytest.warns(RerankWarning, match=r"other/a.png.* assets='beside'"):
        (chunk,) = load_file(path, root)
    assert not chunk.links
    assert not_rendered(chunk)[0].startswith("other/a.png: is not among")
    (chunk,) = load_file(path, root, assets=["other"])
    assert len(chunk.links) == 1
