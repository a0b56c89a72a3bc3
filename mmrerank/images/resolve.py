"""From untrusted image references in metadata to images under a root that the caller named.

Both adapters use `ImageResolver`; nothing else in the package turns a reference into a path.
"""

from __future__ import annotations

import hashlib
import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mmrerank.errors import ImageError, InvalidInputError, RerankWarning
from mmrerank.images.decode import check_image
from mmrerank.images.refs import IMAGES_KEY, ImageKey, find_refs
from mmrerank.types import Image

__all__ = ["ImageResolver", "ImageRoot", "resolve_path"]

ImageRoot = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
"""One folder, or several that are tried in order."""

_URL = re.compile(r"https?://", re.IGNORECASE)

_DRIVE = re.compile(r"[A-Za-z]:")

_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])\s*(\..*)?$", re.IGNORECASE)


def resolve_path(
    ref: str,
    roots: Sequence[Path],
    path_map: Mapping[str, str] | None = None,
) -> Path:
    r"""The real path of `ref` under the first root that has it.

    Relative references are read with `/` or `\`. An absolute path is taken only if it lies under
    a root; `path_map={old: new}` first replaces the beginning of paths whose folder has moved.
    Raises `ImageError` for what leaves the roots (`..`, symlinks, absolute), for UNC, device,
    stream and drive-relative names, and where no root has the file.
    """
    return _find_path(ref, roots, path_map)[0]


def _find_path(
    ref: str, roots: Sequence[Path], path_map: Mapping[str, str] | None
) -> tuple[Path, Path]:
    """The real path, and the real path of the root it lies under."""
    text = _apply_map(ref.replace("\\", "/"), path_map or {})
    _refuse_odd_names(ref, text)
    if not roots:
        raise ImageError(ref, "no image_root was given to find it under")
    absolute = text.startswith("/") or bool(_DRIVE.match(text))
    for root in roots:
        real_root = os.path.realpath(root)
        real = os.path.realpath(text if absolute else os.path.join(real_root, text))
        inside = os.path.normcase(real).startswith(os.path.join(os.path.normcase(real_root), ""))
        if inside and os.path.exists(real):
            return Path(real), Path(real_root)
        if not inside and not absolute:
            raise ImageError(ref, f"leaves the image root {os.fspath(root)!r}")
    named = ", ".join(repr(os.fspath(root)) for root in roots)
    if absolute and not any(_is_under(text, root) for root in roots):
        raise ImageError(ref, f"is an absolute path outside the image root {named}")
    raise ImageError(ref, f"there is no such file under the image root {named}")


def _is_under(path: str, root: Path) -> bool:
    return os.path.realpath(path).startswith(os.path.join(os.path.realpath(root), ""))


def _apply_map(ref: str, path_map: Mapping[str, str]) -> str:
    """Replace the longest old beginning that ends where a path segment ends."""
    for old in sorted(path_map, key=len, reverse=True):
        head = old.replace("\\", "/").rstrip("/")
        windows = bool(_DRIVE.match(head))  # C:\\Data and c:/data are one folder
        begins = ref.lower().startswith(head.lower()) if windows else ref.startswith(head)
        if begins and ref[len(head) : len(head) + 1] in ("", "/"):
            return path_map[old].replace("\\", "/").rstrip("/") + ref[len(head) :]
    return ref


def _refuse_odd_names(ref: str, text: str) -> None:
    if not text.strip() or "\0" in text:
        raise ImageError(ref, "is empty or holds a null character")
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ImageError(ascii(ref), "holds half of a surrogate pair") from None
    if text.startswith("//"):
        raise ImageError(ref, "is a network (UNC) or device path")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text):  # file:, ftp:, s3: ...
        raise ImageError(ref, "has a URL scheme that is not read")
    if _DRIVE.match(text) and text[2:3] != "/":
        raise ImageError(ref, "is a drive-relative path")
    rest = text[2:] if _DRIVE.match(text) else text
    segments = rest.split("/")
    if ".." in segments:
        raise ImageError(ref, "leaves its folder with '..'")
    if any(":" in segment for segment in segments) or any(map(_RESERVED.match, segments)):
        raise ImageError(ref, "names a device or an alternate stream")


@dataclass(frozen=True, slots=True)
class ImageResolver:
    """Finds the images of a document from its metadata; the options of both adapters.

    `image_key`: a metadata key, several, or a function of the metadata. `image_root`: a folder,
    several, or a function of the metadata that names them, so that tenants do not share one.
    `on_image_error`: "raise" the `ImageError`, or "warn" and leave the image out. `urls`: "refuse"
    them, "pass" them on for a service to fetch, or "fetch" them here.
    """

    image_root: ImageRoot | Callable[[Mapping[str, Any]], ImageRoot] | None = None
    image_key: ImageKey = IMAGES_KEY
    path_map: Mapping[str, str] | None = None
    on_image_error: Literal["raise", "warn"] = "raise"
    urls: Literal["refuse", "pass", "fetch"] = "refuse"

    def __post_init__(self) -> None:
        if not callable(self.image_root):
            _folders(self.image_root)
        if not (isinstance(self.image_key, (str, Sequence)) or callable(self.image_key)):
            raise InvalidInputError(
                f"image_key is a str, several or a function, not {self.image_key!r}"
            )
        if self.on_image_error not in ("raise", "warn"):
            raise InvalidInputError(
                f"on_image_error is 'raise' or 'warn', not {self.on_image_error!r}"
            )
        if self.urls not in ("refuse", "pass", "fetch"):
            raise InvalidInputError(f"urls is 'refuse', 'pass' or 'fetch', not {self.urls!r}")

    def find(
        self, metadata: Mapping[str, Any], limit: int | None = None
    ) -> list[tuple[str, Image]]:
        """The document's images with their references, in order, at most `limit` of them."""
        name = f"metadata key {self.image_key!r}"
        refs = find_refs(
            metadata, self.image_key, lambda error: self._fail(ImageError(name, str(error)))
        )
        return self.resolve(refs, metadata, limit)

    def resolve(
        self, refs: Sequence[str], metadata: Mapping[str, Any], limit: int | None = None
    ) -> list[tuple[str, Image]]:
        """As `find`, for references that stand elsewhere than in the metadata."""
        found: list[tuple[str, Image]] = []
        roots = self._roots(metadata) if refs else []
        for ref in refs:
            if limit is not None and len(found) >= limit:
                break
            try:
                found.append((_short(ref), self._open(ref, roots)))
            except ImageError as error:
                self._fail(error)
        return found

    def _roots(self, metadata: Mapping[str, Any]) -> list[Path]:
        return _folders(self.image_root(metadata) if callable(self.image_root) else self.image_root)

    def _open(self, ref: str, roots: Sequence[Path]) -> Image:
        decode = self.on_image_error == "warn"  # find all damage now, while it can be left out
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
            raise ImageError(ref, 'is a URL; say urls="fetch" or urls="pass" to allow them')
        if self.urls == "pass":
            return Image.from_url(ref)
        from mmrerank.images.fetch import fetch_image

        return Image.from_bytes(fetch_image(ref))

    def _fail(self, error: ImageError) -> None:
        if self.on_image_error == "raise":
            raise error
        warnings.warn(f"{error}; left out", RerankWarning, stacklevel=4)


def _folders(named: object) -> list[Path]:
    """The folders that an `image_root` names. An empty one would open the working directory."""
    if named is None:
        return []
    roots = [named] if isinstance(named, (str, os.PathLike)) else named
    if not isinstance(roots, Sequence) or not all(
        isinstance(root, (str, os.PathLike)) and os.fspath(root) for root in roots
    ):
        raise InvalidInputError(f"image_root is a folder, several or a function, not {named!r}")
    return [Path(root) for root in roots]


def _short(ref: str) -> str:
    """A reference for messages and metadata: a data URI by a hash of it, not by its bytes."""
    if ref[:5].lower() != "data:":
        return ref
    kind = ref.partition(";")[0][:40]
    return f"{kind};sha256={hashlib.sha256(ref.encode(errors='replace')).hexdigest()[:16]}"
