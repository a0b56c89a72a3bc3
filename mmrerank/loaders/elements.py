"""Documents that flow without pages drawn: headings, paragraphs and pictures, one after another."""

from __future__ import annotations

import json
import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmrerank.errors import DocumentError, ImageError, InvalidInputError, RerankError, RerankWarning
from mmrerank.images.decode import open_image
from mmrerank.images.encode import encode_image
from mmrerank.images.refs import with_markers
from mmrerank.loaders.base import (
    SCORES,
    Chunk,
    Figure,
    FigureKind,
    Link,
    LinkKind,
    chunk_id,
    strongest,
)
from mmrerank.loaders.captions import find_caption, find_mentions
from mmrerank.loaders.saving import image_folder, save_facts, save_image
from mmrerank.loaders.splitting import Sizes, cut_text
from mmrerank.types import Image

__all__ = ["Element", "FlowLoader", "Picture"]

MOST_PIXELS = 1_200_000  # what rerankers look at

_SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp"}

_BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture where it stands: a saved `figure`, or the `name` of one that cannot be shown."""

    figure: Figure | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class Element:
    """A paragraph, a heading (`level` from 1) or a picture. `page` counts slides from 1."""

    text: str = ""
    level: int = 0
    picture: Picture | None = None
    page: int = 0


@dataclass(slots=True)
class _Draft:
    """A chunk that is being filled."""

    page: int
    section: str
    parts: list[str] = field(default_factory=list)
    pictures: list[tuple[int, Picture]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return _BETWEEN.join(self.parts)


class FlowLoader(ABC):
    """Loads a file of one format as chunks; each format says what its elements are.

    `chunk_size` is in characters, or tokens where `count_tokens` counts them. Pictures of fewer
    than `min_size` pixels a side are decoration. `max_images_per_chunk` keeps the strongest links
    only; `markers=True` puts a marker where a picture stands (see `resolve_markers`). Pictures
    are saved under `image_root`; one that cannot be shown is named in the chunk's metadata under
    `not_rendered`. Raises `DocumentError`, `InvalidInputError`, `ImageError` for a full disk and
    `MissingDependencyError`.
    """

    whole_pages = False  # a page, or a slide, is one chunk

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        image_root: str | os.PathLike[str],
        chunk_size: int = 1000,
        count_tokens: Callable[[str], int] | None = None,
        min_size: int = 32,
        max_images_per_chunk: int | None = None,
        markers: bool = False,
    ) -> None:
        if chunk_size < 1:
            raise InvalidInputError(f"chunk_size is at least 1, not {chunk_size}")
        if max_images_per_chunk is not None and max_images_per_chunk < 0:
            raise InvalidInputError("max_images_per_chunk is None or at least 0")
        self.path = os.fspath(path)
        self._root = Path(image_root)
        self._sizes = Sizes(chunk_size, count_tokens or len)
        self._min_size = min_size
        self._most_images = max_images_per_chunk
        self._markers = markers

    @abstractmethod
    def elements(self) -> Iterator[Element]:
        """The document's parts in reading order; pictures are saved on the way."""

    def load(self) -> list[Chunk]:
        """All chunks of the document, in reading order."""
        return list(self.lazy_load())

    def lazy_load(self) -> Iterator[Chunk]:
        """The chunks one by one."""
        _check_file(self.path)
        image_folder(self._root)
        try:
            elements = _with_captions(list(self.elements()))
        except RerankError:
            raise
        except Exception as error:  # parsers raise many kinds on damaged files
            raise DocumentError(self.path, f"cannot be read ({error})") from error
        pictures = (element.picture for element in elements)
        found = [picture.figure for picture in pictures if picture and picture.figure]
        for figure in {figure.ref: figure for figure in reversed(found)}.values():
            save_facts(self._root, figure)
        figures = _labelled(elements)
        for position, draft in enumerate(self._drafts(elements)):
            yield self._chunk(draft, position, figures)

    def _drafts(self, elements: Sequence[Element]) -> Iterator[_Draft]:
        """Elements packed into chunks; headings and pages open one."""
        titles: list[tuple[int, str]] = []
        draft = _Draft(elements[0].page if elements else 0, "")
        for element in elements:
            opens = element.level and not self.whole_pages and any(draft.parts)
            if opens or element.page != draft.page:
                if draft.parts or draft.pictures:
                    yield draft
                draft = _Draft(element.page, draft.section)
            if element.level:
                titles = [title for title in titles if title[0] < element.level]
                titles.append((element.level, " ".join(element.text.split())))
                draft.section = " > ".join(title for _, title in titles)
            for text in self._cut(element.text):
                whole = _BETWEEN.join([*draft.parts, text])
                if draft.parts and not self.whole_pages and not self._sizes.fits(whole):
                    yield draft
                    draft = _Draft(element.page, draft.section)
                draft.parts.append(text)
            if element.picture:
                draft.pictures.append((len(draft.text), element.picture))
        if draft.parts or draft.pictures:
            yield draft

    def _cut(self, text: str) -> list[str]:
        if not text.strip():
            return []
        return [text] if self.whole_pages else cut_text(text, self._sizes)

    def _chunk(self, draft: _Draft, position: int, figures: dict[str, Figure]) -> Chunk:
        text = draft.text
        drawn = [(at, one.figure) for at, one in draft.pictures if one.figure]
        cited = [(at, figures[label]) for at, label in find_mentions(text, figures)]
        links = [Link(figure, "reference", SCORES["reference"]) for _, figure in cited]
        for _, figure in drawn:
            kind: LinkKind = "caption" if figure.caption else "column"
            links.append(Link(figure, kind, SCORES[kind]))
        kept = tuple(strongest(links)[: self._most_images])
        if self._markers:
            refs = {link.figure.ref for link in kept}
            text = with_markers(text, [(at, f.ref) for at, f in drawn + cited if f.ref in refs])
        missing = [one.name for _, one in draft.pictures if one.figure is None]
        extra = {"not_rendered": json.dumps(missing, ensure_ascii=False)} if missing else {}
        content = "\0".join([text, *(link.figure.ref for link in kept)])
        identity = chunk_id(self.path, position, content)
        return Chunk(
            identity, text, self.path, draft.page, position, kept, draft.section, dict(extra)
        )

    def picture(
        self,
        image: Image,
        *,
        name: str,
        caption: str = "",
        page: int = 0,
        kind: FigureKind = "raster",
    ) -> Picture | None:
        """An image of the document, saved; named where it cannot be shown, None if it is tiny."""
        try:
            encoded = encode_image(image, MOST_PIXELS)
            size = open_image(Image.from_bytes(encoded.data)).size
        except ImageError as error:
            return Picture(name=f"{name}: {error.reason}")
        if min(size) < self._min_size:
            return None
        ref = save_image(self._root, encoded.data, _SUFFIXES[encoded.media_type])
        box = (0.0, 0.0, float(size[0]), float(size[1]))
        return Picture(Figure(ref, self.path, page, box, kind, caption=caption))

    def warn(self, message: str) -> None:
        """Say what was left out."""
        warnings.warn(f"{self.path}: {message}", RerankWarning, stacklevel=2)


def _check_file(path: str) -> None:
    try:
        usable = Path(path).is_file() and os.stat(path).st_size > 0
    except (OSError, ValueError) as error:  # no permission; a null character in the name
        raise DocumentError(path, f"cannot be opened ({error})") from error
    if not usable:
        known = Path(path).exists()
        raise DocumentError(path, "is empty or no regular file" if known else "does not exist")


def _with_captions(elements: Sequence[Element]) -> list[Element]:
    """Pictures with the numbered caption that stands right below or above them."""
    done = list(elements)
    for index, element in enumerate(done):
        figure = element.picture.figure if element.picture else None
        if figure is None or figure.label:
            continue
        near = [done[at].text for at in (index + 1, index - 1, index) if 0 <= at < len(done)]
        text = next((text for text in [figure.caption, *near] if find_caption(text)), "")
        if found := find_caption(text):
            named = replace(figure, caption=text, label=found.label)
            done[index] = replace(element, picture=Picture(named))
    return done


def _labelled(elements: Sequence[Element]) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for element in elements:
        figure = element.picture.figure if element.picture else None
        if figure and figure.label:
            figures.setdefault(figure.label, figure)
    return figures
