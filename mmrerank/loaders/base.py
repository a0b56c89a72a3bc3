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
from mmrerank.refs import IMAGES_KEY, write_refs

__all__ = [
    "Box",
    "Chunk",
    "Figure",
    "Link",
    "LinkKind",
    "area",
    "chunk_id",
    "grown",
    "image_folder",
    "need",
    "overlap",
    "part_inside",
    "save_figure",
    "source_id",
    "strongest",
    "union",
]

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1) in points from the top left of the page as it is shown; y grows downwards."""

LinkKind = Literal["reference", "caption", "column", "page"]


@dataclass(frozen=True, slots=True)
class Figure:
    """A picture of a document, saved under the image root.

    `ref` is its path relative to the image root, `page` counts from 1, `box` is
    (x0, y0, x1, y1) in points from the page's top left, `label` what the caption calls it
    ("figure 3"; empty where there is no numbered caption), `words` its text layer.
    The same facts stand in a JSON file of the same name beside the image.
    """

    ref: str
    source: str
    page: int
    box: Box
    kind: Literal["raster", "vector", "mixed", "page"]
    caption: str = ""
    label: str = ""
    words: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Why a figure belongs to a chunk, and how surely (0 to 1, strongest first in a chunk)."""

    figure: Figure
    kind: LinkKind
    score: float


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a document's text with the figures that belong to it, strongest link first."""

    id: str
    text: str
    source: str
    page: int
    position: int
    links: tuple[Link, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        """Flat metadata that every vector store takes; no image key where there is no image."""
        known: dict[str, Any] = {
            "source": self.source,
            "page": self.page,
            "position": self.position,
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


def save_figure(root: Path, png: bytes, **facts: Any) -> Figure:
    """Save a PNG file under a hash of its content, and a figure's `facts` in a JSON file beside it.

    Equal bytes are one file, and the JSON keeps the facts of the first figure that had them.
    `facts` are the fields of `Figure` but `ref`. A failing disk raises `ImageError`.
    """
    name = hashlib.sha256(png).hexdigest()[:32]
    figure = Figure(ref=f"{name}.png", **facts)
    written = {key: value for key, value in asdict(figure).items() if key != "ref"}
    _write_once(root / f"{name}.png", png)
    _write_once(root / f"{name}.json", json.dumps(written, ensure_ascii=False, indent=1).encode())
    return figure


def _write_once(path: Path, data: bytes) -> None:
    """Write beside the place and move there, so that no reader sees half a file."""
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        if not path.exists():
            part.write_bytes(data)
            part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise ImageError(str(path), f"cannot be written ({error})") from error


def union(first: Box, *others: Box) -> Box:
    """The smallest box around all of them."""
    boxes = (first, *others)
    return (
        min(box[0] for box in boxes),
        min(box[1] for box in boxes),
        max(box[2] for box in boxes),
        max(box[3] for box in boxes),
    )


def overlap(first: Box, second: Box) -> Box | None:
    """What two boxes share; None where they do not touch. Boxes without height do touch."""
    shared = (
        max(first[0], second[0]),
        max(first[1], second[1]),
        min(first[2], second[2]),
        min(first[3], second[3]),
    )
    return shared if shared[0] <= shared[2] and shared[1] <= shared[3] else None


def grown(box: Box, right_and_left: float, up_and_down: float) -> Box:
    """The box with a margin of so many points."""
    return (
        box[0] - right_and_left,
        box[1] - up_and_down,
        box[2] + right_and_left,
        box[3] + up_and_down,
    )


def area(box: Box | None) -> float:
    """Square points; 0 where there is no box."""
    return 0.0 if box is None else max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def part_inside(box: Box, other: Box) -> float:
    """The part of the area of `box` that lies in `other`, 0 to 1; 0 for a box without area."""
    return area(overlap(box, other)) / max(area(box), 0.1)
