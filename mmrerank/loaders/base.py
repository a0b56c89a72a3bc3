"""What every loader gives: chunks of text, and the figures that belong to them."""

from __future__ import annotations

import hashlib
import importlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmrerank.errors import ImageError, InvalidInputError, MissingDependencyError
from mmrerank.loaders.boxes import Box
from mmrerank.refs import IMAGES_KEY, write_refs

__all__ = [
    "Chunk",
    "Figure",
    "FigureKind",
    "Link",
    "LinkKind",
    "chunk_id",
    "image_folder",
    "need",
    "save_facts",
    "save_image",
    "source_id",
    "strongest",
]

_MOST_OTHERS = 20  # documents of which an image keeps facts; a logo may be in thousands

FigureKind = Literal["raster", "vector", "mixed", "text", "table", "page"]
"""What a figure is made of; "text" is a listing, "page" a scan or a page's own rendering."""

LinkKind = Literal["reference", "caption", "column", "section", "page"]
"""Why a figure belongs to a chunk: it is named there, its caption stands there, or it is near."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of a document, saved under the image root.

    `ref` is its path relative to the image root, `page` counts from 1, `box` is
    (x0, y0, x1, y1) in points from the page's top left, `label` what the caption calls it
    ("figure 3"; empty where there is no numbered caption), `words` its text layer, `context` the
    paragraphs around it where they were asked for. The same facts stand in a JSON file of the same name beside the image.
    """

    ref: str
    source: str
    page: int
    box: Box
    kind: FigureKind
    caption: str = ""
    label: str = ""
    words: str = ""
    context: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Why a figure belongs to a chunk, and how surely (0 to 1, strongest first in a chunk)."""

    figure: Figure
    kind: LinkKind
    score: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document's text with the figures that belong to it, strongest link first.

    `page` counts from 1 (a slide is a page); 0 where the format has no pages. `extra` is flat
    metadata: `not_rendered` names, as a JSON list in a string, pictures that could not be shown.
    """

    id: str
    text: str
    source: str
    page: int
    position: int
    links: tuple[Link, ...] = ()
    section: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        """Flat metadata that every vector store takes; no image key where there is no image."""
        known: dict[str, Any] = {
            "source": self.source,
            **({"page": self.page} if self.page else {}),
            "position": self.position,
            **({"section": self.section} if self.section else {}),
            **self.extra,
        }
        images = write_refs([link.figure.ref for link in self.links])
        return {**known, IMAGES_KEY: images} if images else known


def chunk_id(source: str, position: int, content: str) -> str:
    """The same path, position and content (text and image references) give the same id."""
    return hashlib.sha256(f"{source}\0{position}\0{content}".encode()).hexdigest()[:32]


def source_id(source: str) -> str:
    """The id of a whole file, which its chunks name as their parent."""
    return hashlib.sha256(source.encode()).hexdigest()[:32]


def strongest(links: Iterable[Link]) -> list[Link]:
    """The links by score, each image once: equal pixels are one image."""
    best: dict[str, Link] = {}
    for link in sorted(links, key=lambda link: -link.score):
        best.setdefault(link.figure.ref, link)
    return list(best.values())


def need(module: str, *, extra: str, purpose: str) -> Any:
    """Import an optional module on first use; `MissingDependencyError` names its extra."""
    package = module.partition(".")[0]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A module that is installed but misses one of its own parts tells its own story.
        if error.name is None or error.name.partition(".")[0] != package:
            raise
        raise MissingDependencyError(package, extra, purpose) from None


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
