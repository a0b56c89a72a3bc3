"""Images and what is known of them, written under the image root."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmrerank.errors import ImageError, InvalidInputError
from mmrerank.filesystem import write_atomically
from mmrerank.images.decode import read_file
from mmrerank.loaders.base import Figure

__all__ = ["image_folder", "remove_unused", "save_facts", "save_image"]

_HASH = r"[0-9a-f]{32}"
_SAVED = re.compile(rf"{_HASH}\.\w+|\.{_HASH}\.\w+\.{_HASH}\.part")

_MAX_FACTS = 2**20  # bytes of that file

_MAX_OTHER_DOCUMENTS = 20  # in the file beside an image; a logo may be in thousands of documents


def image_folder(image_root: Path) -> Path:
    """The folder, made if it is missing; raises `InvalidInputError` if that is not possible."""
    try:
        image_root.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # it is a file, or there is no permission
        message = f"image_root {str(image_root)!r} is not a folder ({error})"
        raise InvalidInputError(message) from error
    return image_root


def save_image(root: Path, data: bytes, suffix: str = ".png") -> str:
    """Save an image file under a hash of its content; equal bytes are one file.

    Returns its reference, the path relative to `root`. Raises `ImageError` if it cannot be written.
    """
    ref = f"{hashlib.sha256(data).hexdigest()[:32]}{suffix}"
    if not (root / ref).exists():
        _write(root / ref, data)
    return ref


def _is_saved_name(name: str) -> bool:
    """Is this the name of a file as it is written here, or of a part that was left behind?"""
    return _SAVED.fullmatch(name) is not None


def save_facts(root: Path, figure: Figure) -> None:
    """Save what is known of a figure in a JSON file beside its image.

    If other documents have the same image, their facts stay under `others`: one entry per
    document, as it was last loaded. Raises `ImageError` if the file cannot be written.
    """
    path = (root / figure.ref).with_suffix(".json")
    facts = {key: value for key, value in asdict(figure).items() if key != "ref"}
    saved = _saved_bytes(path, root)
    others = [known for known in _facts(saved) if known.get("source") != figure.source]
    if others:
        facts["others"] = others[:_MAX_OTHER_DOCUMENTS]
    data = json.dumps(facts, ensure_ascii=False, indent=1).encode()
    if saved != data:
        _write(path, data)


def _saved_bytes(path: Path, root: Path) -> bytes:
    """What the file beside an image holds; empty if it is missing, not a file or a link away."""
    try:
        return read_file(path, _MAX_FACTS, root)
    except ImageError:
        return b""


def _facts(saved: bytes) -> list[dict[str, Any]]:
    """What was saved before, the latest first; [] if the file is missing or not ours."""
    try:
        latest = json.loads(saved)
    except (ValueError, RecursionError):
        return []
    if not isinstance(latest, dict):
        return []
    others = latest.pop("others", None)
    listed = others if isinstance(others, list) else []
    return [latest, *(entry for entry in listed if isinstance(entry, dict))]


def _write(path: Path, data: bytes) -> None:
    try:
        write_atomically(path, data)
    except OSError as error:
        raise ImageError(str(path), f"cannot be written ({error})") from error


def remove_unused(image_root: Path, used: Iterable[str]) -> int:
    """Delete saved images and the facts beside them that are not `used`; how many images.

    Other files stay: the folder may have been somebody's own before.
    """
    keep = {Path(ref).stem for ref in used}
    removed = 0
    if not image_root.is_dir():
        return 0
    for path in image_root.iterdir():
        if _is_saved_name(path.name) and path.stem not in keep and path.is_file():
            removed += path.suffix != ".json"
            path.unlink(missing_ok=True)
    return removed
