"""From untrusted image references in metadata to images under a root that the caller chose.

Both adapters use `ImageResolver`; nothing else in the package turns a reference into a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mmrerank.errors import ImageError, InvalidInputError, warn
from mmrerank.images.check import check_image
from mmrerank.images.refs import IMAGES_KEY, ImageKey, find_refs
from mmrerank.types import Image

__all__ = ["ImageResolver", "ImageRoot", "resolve_path"]

ImageRoot = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""One folder, or several that are tried in order."""

_URL = re.compile(r"https?://", re.IGNORECASE)

_DRIVE = re.compile(r"[A-Za-z]:")

_FILE_URL = re.compile(r"file://(?:localhost)?(?=/)", re.IGNORECASE)

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # ftp:, s3: ...; a drive is one letter

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?$", re.IGNORECASE)


def resolve_path(
    ref: str,
    roots: Sequence[Path],
    path_map: Mapping[str, str] | None = None,
) -> Path:
    r"""The real path of `ref` under the first root that contains it.

    Relative references may use `/` or `\`. An absolute path or a `file://` URL is accepted only
    if it lies under a root; `path_map={old: new}` first replaces the beginning of paths whose
    folder has moved.
    Raises `ImageError` for a reference that leaves the roots (`..`, symlinks, absolute paths), for
    UNC, device, stream and drive-relative names, and for a file that is under none of the roots.
    """
    return _find_path(ref, roots, path_map)[0]


def _find_path(
    ref: str, roots: Sequence[Path], path_map: Mapping[str, str] | None
) -> tuple[Path, Path]:
    """The real path, and the real path of the root it lies under."""
    text = _apply_map(_without_file_scheme(ref).replace("\\", "/"), path_map or {})
    _refuse_unsafe_name(ref, text)
    if not roots:
        raise ImageError(
            ref,
            "no image_root was given to find it under; give the folder where the reranker was "
            "wrapped: MultimodalRerank(..., image_root=FOLDER)",
        )
    is_absolute = text.startswith("/") or bool(_DRIVE.match(text))
    for root in roots:
        real_root = _real_path(root, ref)
        real = _real_path(text if is_absolute else os.path.join(real_root, text), ref)
        is_inside = _is_under(real, real_root)
        if is_inside and os.path.exists(real):
            return Path(real), Path(real_root)
        if not is_inside and not is_absolute:
            raise ImageError(ref, f"leaves the image root {os.fspath(root)!r}")
    raise ImageError(ref, _why_missing(ref, text, roots, is_absolute=is_absolute))


def _real_path(path: str | os.PathLike[str], ref: str) -> str:
    """As `os.path.realpath`, which raises OSError where a link is replaced in that moment."""
    try:
        return os.path.realpath(path)
    except OSError as error:
        raise ImageError(ref, f"cannot be looked up ({error.strerror})") from None


def _why_missing(ref: str, text: str, roots: Sequence[Path], *, is_absolute: bool) -> str:
    names = ", ".join(repr(os.fspath(root)) for root in roots)
    real = _real_path(text, ref)
    if is_absolute and not any(_is_under(real, _real_path(root, ref)) for root in roots):
        return f"is an absolute path outside the image root {names}"
    missing = [repr(os.fspath(root)) for root in roots if not Path(root).is_dir()]
    why = f" ({', '.join(missing)} does not exist or is not a folder)" if missing else ""
    return f"there is no such file under the image root {names}{why}"


def _without_file_scheme(ref: str) -> str:
    """The path that a `file://` URL of this machine names; any other reference as it is."""
    if not (match := _FILE_URL.match(ref)):
        return ref
    path = urllib.parse.unquote(ref[match.end() :])
    return path[1:] if _DRIVE.match(path[1:]) else path  # file:///C:/figures/a.png


def _is_under(real_path: str, real_root: str) -> bool:
    return os.path.normcase(real_path).startswith(os.path.join(os.path.normcase(real_root), ""))


def _apply_map(ref: str, path_map: Mapping[str, str]) -> str:
    """Replace the longest old beginning that ends where a path segment ends."""
    for old in sorted(path_map, key=len, reverse=True):
        head = old.replace("\\", "/").rstrip("/")
        is_windows = bool(_DRIVE.match(head))  # C:\\Data and c:/data are one folder
        begins = ref.lower().startswith(head.lower()) if is_windows else ref.startswith(head)
        if begins and ref[len(head) : len(head) + 1] in ("", "/"):
            return path_map[old].replace("\\", "/").rstrip("/") + ref[len(head) :]
    return ref


def _refuse_unsafe_name(ref: str, text: str) -> None:
    """Raise `ImageError` for a name that could mean something else than a file in a folder."""
    if not text.strip() or "\0" in text:
        raise ImageError(ref, "is empty or contains a null character")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ImageError(ascii(ref), "contains half of a surrogate pair") from None
    if text.startswith("//"):
        raise ImageError(ref, "is a network (UNC) or device path")
    if _SCHEME.match(text):
        raise ImageError(ref, "has a URL scheme that is not supported")
    rest = text
    if _DRIVE.match(text):
        rest = text[2:]
        if not rest.startswith("/"):
            raise ImageError(ref, "is a drive-relative path")
    _refuse_unsafe_segments(ref, rest.split("/"))


def _refuse_unsafe_segments(ref: str, segments: Sequence[str]) -> None:
    if ".." in segments:
        raise ImageError(ref, "leaves its folder with '..'")
    if any(":" in segment or _RESERVED.match(segment) for segment in segments):
        raise ImageError(ref, "names a device or an alternate stream")


@dataclass(frozen=True, slots=True)
class ImageResolver:
    """Finds the images of a document from its metadata; the options of both adapters.

    `image_key`: a metadata key, several, or a function of the metadata. `image_root`: a folder,
    several, or a function of the metadata that returns them, so that tenants do not share one.
    `path_map`: as for `resolve_path`. `on_image_error`: "raise" the `ImageError`, or "warn" and
    leave the image out. `urls`: "refuse" them, "pass" them on for a service to fetch, or "fetch"
    them here. Raises `InvalidInputError` for an option that has none of these values.
    """

    image_root: ImageRoot | Callable[[Mapping[str, Any]], ImageRoot] | None = None
    image_key: ImageKey = IMAGES_KEY
    path_map: Mapping[str, str] | None = None
    on_image_error: Literal["raise", "warn"] = "raise"
    urls: Literal["refuse", "pass", "fetch"] = "refuse"

    def __post_init__(self) -> None:
        if not callable(self.image_root):
            _folders(self.image_root)
        if not (_is_key(self.image_key) or callable(self.image_key)):
            raise InvalidInputError(
                f"image_key must be a str, several or a function, not {self.image_key!r}"
            )
        if self.on_image_error not in ("raise", "warn"):
            raise InvalidInputError(
                f"on_image_error must be 'raise' or 'warn', not {self.on_image_error!r}"
            )
        if self.urls not in ("refuse", "pass", "fetch"):
            raise InvalidInputError(f"urls must be 'refuse', 'pass' or 'fetch', not {self.urls!r}")

    def find(
        self, metadata: Mapping[str, Any], limit: int | None = None
    ) -> list[tuple[str, Image]]:
        """The document's images with their references, in order, at most `limit` of them.

        Raises `ImageError` for a reference that cannot be used, unless `on_image_error` is "warn".
        """
        name = f"metadata key {self.image_key!r}"
        refs = find_refs(
            metadata, self.image_key, lambda error: self._fail(ImageError(name, str(error)))
        )
        return self.resolve(refs, metadata, limit)

    def resolve(
        self, refs: Sequence[str], metadata: Mapping[str, Any], limit: int | None = None
    ) -> list[tuple[str, Image]]:
        """As `find`, for references that are not in the metadata. Raises `ImageError` as `find`."""
        images: list[tuple[str, Image]] = []
        roots = self._roots(metadata) if refs else []
        for ref in refs:
            if limit is not None and len(images) >= limit:
                break
            try:
                images.append((_short(ref), self._checked_image(ref, roots)))
            except ImageError as error:
                self._fail(error)
        return images

    def _roots(self, metadata: Mapping[str, Any]) -> list[Path]:
        return _folders(self.image_root(metadata) if callable(self.image_root) else self.image_root)

    def _checked_image(self, ref: str, roots: Sequence[Path]) -> Image:
        decode = self.on_image_error == "warn"  # find all damage while it can still be left out
        image = self._image(ref, roots)
        try:
            check_image(image, decode=decode)
        except ImageError as error:
            raise ImageError(_short(ref), error.reason) from None
        return image

    def _image(self, ref: str, roots: Sequence[Path]) -> Image:
        if ref[:5].lower() == "data:":
            return Image.from_data_uri(ref)
        if not _URL.match(ref):
            path, root = _find_path(ref, roots, self.path_map)
            return Image(path=path, root=root)
        if self.urls == "refuse":
            raise ImageError(ref, 'is a URL; give urls="fetch" or urls="pass" to allow them')
        if self.urls == "pass":
            return Image.from_url(ref)
        from mmrerank.images.fetch import fetch_image

        return Image.from_bytes(fetch_image(ref))

    def _fail(self, error: ImageError) -> None:
        if self.on_image_error == "raise":
            raise error
        warn(f"{error}; left out")


def _is_key(image_key: object) -> bool:
    if isinstance(image_key, str):
        return True
    return isinstance(image_key, Sequence) and all(isinstance(key, str) for key in image_key)


def _folders(image_root: object) -> list[Path]:
    """The folders of an `image_root`. An empty name would mean the working directory."""
    if image_root is None:
        return []
    roots = [image_root] if isinstance(image_root, (str, os.PathLike)) else image_root
    if not isinstance(roots, Sequence) or not all(
        isinstance(root, (str, os.PathLike)) and os.fspath(root) for root in roots
    ):
        raise InvalidInputError(
            f"image_root must be a folder, several or a function, not {image_root!r}"
        )
    return [Path(root) for root in roots]


def _short(ref: str) -> str:
    """A reference for messages and metadata: a data URI by a hash of it, not by its bytes."""
    if ref[:5].lower() != "data:":
        return ref
    kind = ref.partition(";")[0][:40]
    return f"{kind};sha256={hashlib.sha256(ref.encode(errors='replace')).hexdigest()[:16]}"
