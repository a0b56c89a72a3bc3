"""A file under a root is opened from the root, through no link, in each of the three ways."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mmrerank.errors import ImageError
from mmrerank.images import beneath
from mmrerank.images.beneath import open_beneath
from mmrerank.images.resolve import resolve_path


@pytest.fixture
def root(tmp_path):
    root = tmp_path / "root"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "a.txt").write_bytes(b"inside")
    (tmp_path / "secret.txt").write_bytes(b"outside")
    return root


@pytest.fixture(params=["at once", "by steps", "by name"])
def way(request, monkeypatch):
    if request.param != "at once":
        monkeypatch.setattr(beneath, "_system_call", lambda: None)
    if request.param == "by name":
        monkeypatch.setattr(os, "supports_dir_fd", set())
    return request.param


def read(path, root):
    with os.fdopen(open_beneath(path, root, os.O_RDONLY), "rb") as file:
        return file.read()


def test_files_and_links_inside_are_opened(root, way):
    (root / "near.txt").symlink_to("sub/a.txt")
    (root / "far.txt").symlink_to(root / "sub" / "a.txt")
    (root / "folder").symlink_to(root / "sub")
    (root.parent / "alias").symlink_to(root)
    for name in ("sub/a.txt", "near.txt", "far.txt", "folder/a.txt", "sub/../sub/a.txt"):
        assert read(root / name, root) == b"inside"
        assert read(root.parent / "alias" / name, root) == b"inside"
        assert read(root / name, root.parent / "alias") == b"inside"


def test_nothing_outside_is_opened(root, way):
    (root / "link.txt").symlink_to(root.parent / "secret.txt")
    (root / "folder").symlink_to(root.parent)
    for name in ("link.txt", "folder/secret.txt", "../secret.txt", "../root-2/x.txt"):
        with pytest.raises(PermissionError):
            read(root / name, root)


def test_what_becomes_a_link_after_it_was_resolved_is_not_followed(root, way, monkeypatch):
    (root / "evil").symlink_to(root.parent)
    resolve = os.path.realpath
    monkeypatch.setattr(
        os.path,
        "realpath",
        lambda path: str(path) if "evil" in str(path) and way != "by name" else resolve(path),
    )
    with pytest.raises(OSError, match=r".") as caught:
        read(root / "evil" / "secret.txt", root)
    assert caught.value.errno in (errno.ELOOP, errno.ENOTDIR, errno.EXDEV)


def test_a_sandbox_that_forbids_new_calls_is_no_obstacle(root, monkeypatch):
    def forbidden(*_):
        raise OSError(errno.EPERM, "not allowed")

    monkeypatch.setattr(beneath, "_open_at_once", forbidden)
    assert read(root / "sub" / "a.txt", root) == b"inside"


def test_no_descriptor_stays_open(root, way):
    before = _open_descriptors()
    for name in ("sub/a.txt", "none.txt", "../secret.txt") * 5:
        try:
            read(root / name, root)
        except OSError:
            continue
    assert _open_descriptors() == before


def _open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_link_that_is_replaced_while_it_is_followed_is_an_image_error(tmp_path, monkeypatch):
    # os.path.realpath raises where a name was a link when looked at and is none when read.
    def replaced(_):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr("mmrerank.images.resolve.os.path.realpath", replaced)
    with pytest.raises(ImageError, match="cannot be looked up"):
        resolve_path("a.png", [tmp_path])
