"""Images and what is known of them, written under the image root."""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mmrerank.errors import ImageError, InvalidInputError
from mmrerank.loaders.base import Figure

__all__ = ["image_folder", "save_facts", "save_image"]

_MOST_OTHERS = 20  # documents of which an image keeps facts; a logo may be in thousands


def image_folder(image_root: Path) -> Path:
    """The folder, made if it is missing; `InvalidInputError` where that cannot be."""
    try:
        image_root.mkdir(parents=True, exist_ok=True)
    except OSError as error:  # a file stands there, or there is no permission
        raise InvalidInputError(f"image_root {str(image_root)!r} is no folder ({error})") from error
    return image_root


def save_image(root: Path, data: bytes, suffix: str = ".png") -> str:
    """Save an image file under a hash of its content; its reference. Equal bytes are one file."""
    ref = f"{hashlib.sha256(data).hexdigest()[:32]}{suffix}"
    _write_once(root / ref, data)
    return ref


def save_facts(root: Path, figure: Figure) -> None:
    """Save what is known of a figure in a JSON file beside its image.

    A figure that another document has too, with the same pixels, stays under `others`: one for
    each document, as it was last loaded. A failing disk raises `ImageError`.
    """
    facts = {key: value for key, value in asdict(figure).items() if key != "ref"}
    path = (root / figure.ref).with_suffix(".json")
    kept = [one for one in _kept_facts(path) if isinstance(one, dict)]
    others = [one for one in kept if one.get("source") != figure.source]
    if others:
        facts["others"] = others[:_MOST_OTHERS]
    data = json.dumps(facts, ensure_ascii=False, indent=1).encode()
    if not path.is_file() or path.read_bytes() != data:
        _write(path, data)


def _kept_facts(path: Path) -> list[dict[str, Any]]:
    """What was saved there before, the last first; nothing where there is something else."""
    try:
        kept = json.loads(path.read_bytes())
        return [kept, *kept.pop("others", ())]
    except (OSError, ValueError, RecursionError, AttributeError, TypeError):
        return []


def _write_once(path: Path, data: bytes) -> None:
    if not path.exists():
        _write(path, data)


def _write(path: Path, data: bytes) -> None:
    """Write beside the place and move there, so that no reader sees half a file."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ImageError(str(path), f"cannot be written ({error})") from error
