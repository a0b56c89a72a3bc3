"""The data that flows through the core: frozen, without behaviour of its own."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from mmrerank.errors import ImageError, InvalidInputError

__all__ = ["Content", "Image", "Modalities", "PartScore", "RerankResult", "Scored", "Usage"]

_DATA_URI = re.compile(r"data:(image/[\w.+-]+);base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Image:
    """One image from exactly one source: a path, bytes or a URL. Nothing is opened here.

    Use the constructors `from_path`, `from_bytes`, `from_url` and `from_data_uri`: what a string
    means is never guessed.
    """

    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    media_type: str | None = None
    root: Path | None = None
    """Where given, the file must lie under this folder also when it is opened."""

    def __post_init__(self) -> None:
        given = [source for source in (self.path, self.data, self.url) if source is not None]
        if len(given) != 1:
            raise InvalidInputError(
                f"an Image has exactly one of path, data and url; {len(given)} were given"
            )

    @classmethod
    def from_path(cls, path: str | Path, media_type: str | None = None) -> Image:
        """An image file. The caller vouches for the path: it is opened as it is."""
        if not isinstance(path, (str, Path)) or not str(path):
            raise InvalidInputError(f"an image path is a non-empty str or Path, not {path!r}")
        return cls(path=Path(path), media_type=media_type)

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None) -> Image:
        """The bytes of an image file (not raw pixels)."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise InvalidInputError(f"image data is bytes, not {type(data).__name__}")
        return cls(data=bytes(data), media_type=media_type)

    @classmethod
    def from_url(cls, url: str, media_type: str | None = None) -> Image:
        """An http or https URL. It is opened only where the caller of a reranker allows it."""
        if not isinstance(url, str) or not re.match(r"https?://", url, re.IGNORECASE):
            raise InvalidInputError(
                f"an image URL starts with http:// or https://, not {url!r:.80}"
            )
        return cls(url=url, media_type=media_type)

    @classmethod
    def from_data_uri(cls, uri: str) -> Image:
        """A `data:image/...;base64,...` URI."""
        match = _DATA_URI.match(uri) if isinstance(uri, str) else None
        if match is None:
            raise ImageError(str(uri)[:40], "is not a data:image/...;base64, URI")
        try:
            data = base64.b64decode(uri[match.end() :], validate=True)
        except (binascii.Error, ValueError) as error:
            raise ImageError(uri[:40], f"its base64 is broken: {error}") from None
        return cls(data=data, media_type=match[1].lower())

    @property
    def name(self) -> str:
        """A short name for messages; never image bytes."""
        if self.path is not None:
            return str(self.path)
        return self.url if self.url is not None else f"<{len(self.data or b'')} bytes>"


@dataclass(frozen=True, slots=True)
class Content:
    """A query or a document: text, images, or both; images in order of importance.

    `text=""` is a valid text; `None` means that there is none.
    """

    text: str | None = None
    images: tuple[Image, ...] = ()

    def __init__(self, text: str | None = None, images: Sequence[Image] = ()) -> None:
        if text is not None and not isinstance(text, str):
            raise InvalidInputError(f"text is a str or None, not {type(text).__name__}")
        if isinstance(images, (str, bytes, Image)) or not isinstance(images, Iterable):
            raise InvalidInputError(f"images is a sequence of Image, not {type(images).__name__}")
        images = tuple(images)
        if not all(isinstance(image, Image) for image in images):
            raise InvalidInputError("images is a sequence of Image")
        if text is None and not images:
            raise InvalidInputError("a Content holds text or images; neither was given")
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "images", images)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Content:
        """Read `{"text": ..., "image": ... or "images": [...]}`.

        An image is an `Image`, or a str that is a data URI, an http(s) URL or else a path.
        """
        if not isinstance(value, Mapping):
            raise InvalidInputError(f"a content dict is a mapping, not {type(value).__name__}")
        unknown = set(value) - {"text", "image", "images"}
        if unknown:
            raise InvalidInputError(
                f"a content dict has text, image, images; not {sorted(unknown)}"
            )
        listed = value.get("images") or ()
        if isinstance(listed, (str, Image, Path)):
            listed = (listed,)
        if not isinstance(listed, Iterable):
            raise InvalidInputError(f"images is a list, not {type(listed).__name__}")
        single = value.get("image")
        given = ([single] if single is not None else []) + list(listed)
        return cls(text=value.get("text"), images=[_image(item) for item in given])

    @property
    def is_blank(self) -> bool:
        """True where there is nothing to read: no image, and no text beyond white space."""
        return not self.images and not (self.text or "").strip()


def _image(value: object) -> Image:
    if isinstance(value, Image):
        return value
    if isinstance(value, Path):
        return Image.from_path(value)
    if not isinstance(value, str):
        raise InvalidInputError(
            f"an image is an Image, a str or a Path, not {type(value).__name__}"
        )
    if value[:5].lower() == "data:":
        return Image.from_data_uri(value)
    if re.match(r"https?://", value, re.IGNORECASE):
        return Image.from_url(value)
    return Image.from_path(value)


@dataclass(frozen=True, slots=True)
class PartScore:
    """The score of one part of a document. `image` is the image's place in `Content.images`."""

    kind: Literal["text", "image"]
    score: float
    image: int | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """What a reranker makes of one document: a score, and those of its parts where it has parts.

    `is_scored` is False where a failure left the score unknown and the caller wanted an answer all
    the same; the score is 0.0 then.
    """

    score: float
    parts: tuple[PartScore, ...] = ()
    is_scored: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankResult:
    """One reranked document.

    `index` is its place in the input. `relevance_score` is higher for more relevant documents.
    `parts` says what each part scored; it is empty where one joint prompt made the score.
    `is_scored` is False where a failed call left the documents in the order they came.
    """

    index: int
    relevance_score: float
    parts: tuple[PartScore, ...] = ()
    document: Content
    is_scored: bool = True

    @property
    def best_image(self) -> int | None:
        """The place in `document.images` of the image that scored best; None without one.

        Where several score the same the first, which is the one most strongly linked.
        An image that scored nothing (0.0) did not help, and is not named.
        """
        images = [part for part in self.parts if part.image is not None and part.score > 0]
        return max(images, key=lambda part: part.score).image if images else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Modalities:
    """What one item of a model can hold.

    What does not fit is scored part by part and fused (`mmrerank.fusion`).
    """

    text: bool = True
    image: bool = False
    text_and_image: bool = False
    several_images: bool = False
    query_image: bool = False
    query_text_and_image: bool = False
    query_several_images: bool = False
    blank_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one call of a reranker used; given to `on_usage`. Counts only, never content.

    `truncated` counts the documents that were cut to fit, and the query if it was.
    `parts` and `images` count what was scored, `cache_hits` how many of the parts were known and
    not sent; `bytes_sent` counts request bodies, those of retries too.
    """

    model: str
    documents: int
    parts: int
    images: int
    requests: int = 0
    retries: int = 0
    total_tokens: int | None = None
    truncated: int = 0
    bytes_sent: int = 0
    cache_hits: int = 0
