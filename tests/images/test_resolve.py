"""References are untrusted: what may be reached under an image root, and what may not."""

from __future__ import annotations

import os

import pytest
from helpers import DATA, png
from hypothesis import given, settings
from hypothesis import strategies as st

from mmrerank import ImageError, InvalidInputError, RerankWarning
from mmrerank.images.decode import open_image
from mmrerank.images.resolve import ImageResolver, resolve_path


@pytest.fixture
def outside(tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(png())
    return secret


@pytest.mark.parametrize("ref", ["words.png", "./words.png", "sub/deep.png", "sub\\deep.png"])
def test_relative_references_with_either_slash(image_root, ref):
    (image_root / "sub").mkdir()
    (image_root / "sub" / "deep.png").write_bytes(png())
    assert resolve_path(ref, [image_root]).parent in (image_root, image_root / "sub")


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("../secret.png", r"\.\."),
        ("sub/../../secret.png", r"\.\."),
        ("..\\secret.png", r"\.\."),
        ("//server/share/x.png", "UNC"),
        ("\\\\server\\share\\x.png", "UNC"),
        ("\\\\?\\C:\\x.png", "UNC"),
        ("C:x.png", "drive-relative"),
        ("words.png:stream", "scheme|stream"),
        ("a/words.png:stream", "stream"),
        ("CON", "device"),
        ("sub/nul.png", "device"),
        ("file:///etc/passwd", "outside the image root"),
        ("file://server/share/x.png", "scheme"),
        ("file:words.png", "scheme"),
        ("file:///%2e%2e/x.png", r"\.\."),
        ("file:///a%00.png", "null"),
        ("s3://bucket/x.png", "scheme"),
        ("missing.png", "no such file"),
        ("", "empty"),
        ("a\0b.png", "null"),
    ],
)
def test_references_that_are_refused(image_root, outside, ref, reason):
    with pytest.raises(ImageError, match=reason) as caught:
        resolve_path(ref, [image_root])
    assert caught.value.reference == ref


def test_absolute_paths_only_under_a_root(image_root, outside):
    inside = image_root / "words.png"
    assert resolve_path(str(inside), [image_root]) == inside.resolve()
    with pytest.raises(ImageError, match="outside the image root"):
        resolve_path(str(outside), [image_root])
    with pytest.raises(ImageError, match="outside the image root"):
        resolve_path("/etc/passwd", [image_root])
    twin = image_root.parent / "images-of-others"
    twin.mkdir()
    (twin / "x.png").write_bytes(png())
    with pytest.raises(ImageError, match="outside the image root"):
        resolve_path(str(twin / "x.png"), [image_root])


def test_symlinks_may_not_leave(image_root, outside):
    (image_root / "link.png").symlink_to(outside)
    (image_root / "folder").symlink_to(outside.parent)
    (image_root / "inner.png").symlink_to(image_root / "words.png")
    (image_root / "loop.png").symlink_to(image_root / "loop.png")
    for ref in ("link.png", "folder/secret.png"):
        with pytest.raises(ImageError, match="leaves the image root"):
            resolve_path(ref, [image_root])
    with pytest.raises(ImageError, match="no such file"):
        resolve_path("loop.png", [image_root])
    assert resolve_path("inner.png", [image_root]).name == "words.png"


def test_several_roots_and_moved_folders(image_root, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "only.png").write_bytes(png())
    assert resolve_path("only.png", [image_root, other]).parent == other
    moved = {"/old/place": str(image_root), "C:\\data": str(image_root)}
    assert resolve_path("/old/place/words.png", [image_root], moved).name == "words.png"
    for written in ("C:\\data\\words.png", "c:/Data/words.png", "C:/data\\words.png"):
        assert resolve_path(written, [image_root], moved).name == "words.png"
    with pytest.raises(ImageError):
        resolve_path("/old/placebo/words.png", [image_root], moved)


def test_a_file_that_is_swapped_after_it_was_resolved_is_not_read(image_root, outside):
    ((_, image),) = ImageResolver(image_root).find({"images": "words.png"})
    (image_root / "words.png").unlink()
    (image_root / "words.png").symlink_to(outside)
    with pytest.raises(ImageError, match="left the image root"):
        open_image(image)


@pytest.mark.parametrize("value", ['["\\ud800.png"]', "\ud800.png", "data:\ud800", "A" * 400_000])
def test_odd_text_is_an_image_error_without_its_bytes(image_root, value):
    with pytest.raises(ImageError) as caught:
        ImageResolver(image_root).find({"images": value})
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("options", [{"image_root": ""}, {"image_root": 3}, {"image_root": ["a", ""]}, {"image_key": None}])  # fmt: skip
def test_unusable_options_are_refused(options):
    with pytest.raises(InvalidInputError):
        ImageResolver(**options)


def test_without_a_root_nothing_is_opened(image_root):
    with pytest.raises(ImageError, match="no image_root"):
        ImageResolver().find({"images": '["words.png"]'})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["..", ".", "", "a", "images", "secret.png", "/", "\\", "C:", "//"])))  # fmt: skip
def test_no_combination_reaches_outside(tmp_path_factory, segments):
    base = tmp_path_factory.getbasetemp() / "roots"
    root = base / "images"
    root.mkdir(parents=True, exist_ok=True)
    (base / "secret.png").write_bytes(b"x")
    for ref in ("/".join(segments), "\\".join(segments), str(base) + "/" + "/".join(segments)):
        try:
            found = resolve_path(ref, [root])
        except ImageError:
            continue
        assert os.path.commonpath([root.resolve(), found]) == str(root.resolve())


def test_a_root_may_depend_on_the_document(tmp_path):
    for tenant in ("a", "b"):
        (tmp_path / tenant).mkdir()
    (tmp_path / "a" / "x.png").write_bytes(png())
    resolver = ImageResolver(lambda metadata: tmp_path / metadata["tenant"])
    assert resolver.find({"tenant": "a", "images": "x.png"})[0][0] == "x.png"
    with pytest.raises(ImageError):
        resolver.find({"tenant": "b", "images": "x.png"})


def _fifo(root):
    os.mkfifo(root / "bad.png")


def _device(root):
    os.mknod(root / "bad.png", 0o600 | 0o020000, os.makedev(1, 5)) if os.geteuid() == 0 else _fifo(root)  # fmt: skip


def _truncated_png(root):
    (root / "bad.png").write_bytes(png("words")[:-40])


def _damaged_png(root):
    whole = bytearray(png("words"))
    whole[len(whole) // 2] ^= 0xFF
    (root / "bad.png").write_bytes(bytes(whole))


def _copy(name):
    return lambda root: (root / "bad.png").write_bytes((DATA / "images" / name).read_bytes())


def _write(data):
    return lambda root: (root / "bad.png").write_bytes(data)


BAD_FILES = {
    "missing": lambda root: None,
    "folder": lambda root: (root / "bad.png").mkdir(),
    "fifo": _fifo,
    "device": _device,
    "empty": _write(b""),
    "text": _write(b"not an image at all"),
    "eps": _write(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF"),
    "svg": _write(b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
    "truncated jpeg": _copy("truncated_jpeg.jpg"),
    "truncated png": _truncated_png,
    "damaged png": _damaged_png,
    "bomb": _copy("decompression_bomb.gif"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_raises_or_is_left_out_with_a_warning(image_root, kind):
    BAD_FILES[kind](image_root)
    metadata = {"images": '["bad.png", "words.png"]'}
    with pytest.raises(ImageError, match=r"bad\.png") as caught:
        ImageResolver(image_root).find(metadata)
    assert caught.value.reference == "bad.png"
    with pytest.warns(RerankWarning, match=r"bad\.png"):
        found = ImageResolver(image_root, on_image_error="warn").find(metadata)
    assert [ref for ref, _ in found] == ["words.png"]


@pytest.mark.parametrize("urls", ["refuse", "pass"])
def test_urls_are_opened_only_when_allowed(urls):
    resolver = ImageResolver(urls=urls)
    metadata = {"images": "https://example.org/x.png"}
    if urls == "refuse":
        with pytest.raises(ImageError, match="URL"):
            resolver.find(metadata)
    else:
        assert resolver.find(metadata)[0][1].url == "https://example.org/x.png"


def test_unreadable_metadata_names_its_key(image_root):
    with pytest.raises(ImageError, match="pictures"):
        ImageResolver(image_root, "pictures").find({"pictures": 3})
    with pytest.warns(RerankWarning, match="pictures"):
        assert ImageResolver(image_root, "pictures", None, "warn").find({"pictures": 3}) == []


@pytest.mark.parametrize("options", [{"on_image_error": "ignore"}, {"urls": "yes"}])
def test_unknown_policies_are_refused(options):
    with pytest.raises(InvalidInputError):
        ImageResolver(**options)
