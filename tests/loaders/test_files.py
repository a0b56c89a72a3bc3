"""Any file by its suffix, and whole folders."""

from __future__ import annotations

import inspect

import pytest
from helpers import load_file

from mmrerank.errors import DocumentError, InvalidInputError, RerankWarning
from mmrerank.loaders import files
from mmrerank.loaders.file_options import FileOptions, FolderOptions
from mmrerank.loaders.files import LOADERS, FileLoader, FolderLoader, loader_for, path_loader
from mmrerank.loaders.html import HTMLLoader, MarkdownLoader
from mmrerank.loaders.image import ImageLoader

pytest.importorskip("bs4")


def test_a_folder(tmp_path, root):
    folder = tmp_path / "files"
    (folder / "below").mkdir(parents=True)
    (folder / "a.md").write_text("One.")
    (folder / "below" / "b.md").write_text("Two.")
    (folder / "bad.docx").write_text("no archive")
    (folder / "other.xyz").write_text("?")
    (folder / ".hidden.md").write_text("?")
    loader = FolderLoader(folder, image_root=root, on_error="warn")
    with pytest.warns(RerankWarning, match=r"bad.docx: .* the file is left out"):
        assert [chunk.text for chunk in loader.load()] == ["One.", "Two."]
    with pytest.raises(DocumentError, match=r"bad.docx"):
        FolderLoader(folder, image_root=root).load()
    flat = FolderLoader(folder, image_root=root, recursive=False, suffixes=[".md"])
    assert [chunk.text for chunk in flat.load()] == ["One."]


def test_options_that_no_loader_has_are_refused(tmp_path, root):
    (tmp_path / "a.md").write_text("One.")
    assert load_file(tmp_path / "a.md", root, dpi=100, ocr=True, chunk_size=10)
    with pytest.raises(InvalidInputError, match="chunksize"):
        load_file(tmp_path / "a.md", root, chunksize=10)
    with pytest.raises(DocumentError, match="format is not known"):
        load_file(tmp_path / "a.xyz", root)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.HTML", HTMLLoader), ("a.md", MarkdownLoader), ("a.JPEG", ImageLoader)]
)
def test_the_suffix_chooses_the_loader(root, name, kind):
    assert type(loader_for(name, image_root=root)) is kind


@pytest.mark.parametrize("suffix", LOADERS)
def test_each_loader_takes_the_shared_options(root, suffix):
    shared = {"chunk_size": 10, "count_tokens": len, "min_size": 5, "markers": True}
    assert loader_for(f"a{suffix}", image_root=root, max_images_per_chunk=1, **shared)


def test_what_a_loader_is_given_is_checked(root):
    with pytest.raises(InvalidInputError, match="chunk_size is at least 1, not 0"):
        FileLoader("a.md", image_root=root, chunk_size=0)


def test_what_a_folder_leaves_out(tmp_path):
    folder = tmp_path / "files"
    for name in ("images", ".git"):
        (folder / name).mkdir(parents=True)
    (folder / "a.md").write_text("One.")
    for name in ("images/saved.md", ".git/b.md"):
        (folder / name).write_text("?")
    (tmp_path / "outside.md").write_text("?")
    (folder / "link.md").symlink_to(tmp_path / "outside.md")
    (folder / "folder.md").mkdir()
    loader = FolderLoader(folder, image_root=folder / "images")
    assert loader.files() == [folder / "a.md"]


def test_a_path_that_is_not_a_folder(tmp_path, root):
    with pytest.raises(DocumentError, match="is not a folder"):
        FolderLoader(tmp_path / "none", image_root=root).files()
    with pytest.raises(InvalidInputError, match="on_error is 'raise' or 'warn', not 'skip'"):
        FolderLoader(tmp_path, image_root=root, on_error="skip")
    with pytest.raises(InvalidInputError, match=r"'\.xyz' is not known"):
        FolderLoader(tmp_path, image_root=root, suffixes=[".xyz"])


def test_a_folder_shows_its_progress_on_request(tmp_path, root, capsys):
    (tmp_path / "a.md").write_text("One.")
    assert len(FolderLoader(tmp_path, image_root=root).load()) == 1
    assert capsys.readouterr() == ("", "")
    assert len(FolderLoader(tmp_path, image_root=root, show_progress=True).load()) == 1
    assert "1/1" in capsys.readouterr().err


def test_the_options_of_files_and_folders_are_those_of_their_loaders():
    loaders = {files._import(name) for name in LOADERS.values()}
    expected = set().union(*(loader.options.__annotations__ for loader in loaders))
    assert set(FileOptions.__annotations__) == expected
    named = inspect.signature(FolderLoader).parameters.keys() - {"path", "image_root", "options"}
    assert set(FolderOptions.__annotations__) == expected | named


def test_a_path_is_loaded_as_a_folder_or_as_a_file(tmp_path):
    assert isinstance(path_loader(tmp_path, image_root=tmp_path, recursive=False), FolderLoader)
    assert isinstance(path_loader(tmp_path / "a.md", image_root=tmp_path), FileLoader)
