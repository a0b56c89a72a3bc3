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

__all__ = [
    "MULTIMODAL",
    "Content",
    "Image",
    "Modalities",
    "PartScore",
    "RerankResult",
    "Scored",
    "Usage",
]

_DATA_URI = re.compile(r"data:(image/[\w.+-]+);base64,", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Image:
    """One image from exactly one source: a path, bytes or a URL. Nothing is opened here.

    Use the constructors `from_path`, `from_bytes`, `from_url` and `from_data_uri`, so that the
    meaning of a string is never guessed. Raises `InvalidInputError` unless there is one source.
    """

    path: Path | None = None
    data: bytes | None = field(default=None, repr=False)
    url: str | None = None
    media_type: str | None = None
    root: Path | None = None
    """If given, the file must still be under this folder when it is opened."""

    def __post_init__(self) -> None:
        given = [source for source in (self.path, self.data, self.url) if source is not None]
        if len(given) != 1:
            raise InvalidInputError(
                f"an Image needs exactly one of path, data and url; {len(given)} were given"
            )

    @classmethod
    def from_path(cls, path: str | Path, media_type: str | None = None) -> Image:
        """An image file. The path is trusted: it is opened as it is.

        Raises `InvalidInputError` for a path that is empty or of another type.
        """
        if not isinstance(path, (str, Path)) or not str(path):
            raise InvalidInputError(f"an image path must be a non-empty str or Path, not {path!r}")
        return cls(path=Path(path), media_type=media_type)

    @classmethod
    def from_bytes(cls, data: bytes, media_type: str | None = None) -> Image:
        """The bytes of an image file (not raw pixels). Raises `InvalidInputError` for other types."""
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise InvalidInputError(f"image data must be bytes, not {type(data).__name__}")
        return cls(data=bytes(data), media_type=media_type)

    @classmethod
    def from_url(cls, url: str, media_type: str | None = None) -> Image:
        """An http or https URL, which is opened only if the caller of a reranker allows it.

        Raises `InvalidInputError` for anything else.
        """
        if not isinstance(url, str) or not re.match(r"https?://", url, re.IGNORECASE):
            raise InvalidInputError(
                f"an image URL must start with http:// or https://, not {url!r:.80}"
            )
        return cls(url=url, media_type=media_type)

    @classmethod
    def from_data_uri(cls, uri: str) -> Image:
        """A `data:image/...;base64,...` URI. Raises `ImageError` for anything else."""
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
        """A short name for messages, without image bytes."""
        if self.path is not None:
            return str(self.path)
        return self.url if self.url is not None else f"<{len(self.data or b'')} bytes>"


@dataclass(frozen=True, slots=True)
class Content:
    """A query or a document: text, images, or both; images in order of importance.

    `text=""` is a valid text; `None` means that there is none. Raises `InvalidInputError` if there
    is neither text nor an image, or if one has another type.
    """

    text: str | None = None
    images: tuple[Image, ...] = ()

    def __init__(self, text: str | None = None, images: Sequence[Image] = ()) -> None:
        if text is not None and not isinstance(text, str):
            raise InvalidInputError(f"text must be a str or None, not {type(text).__name__}")
        if isinstance(images, (str, bytes, Image)) or not isinstance(images, Iterable):
            raise InvalidInputError(
                f"images must be a sequence of Image, not {type(images).__name__}"
            )
        images = tuple(images)
        wrong = next((image for image in images if not isinstance(image, Image)), None)
        if wrong is not None:
            raise InvalidInputError(
                f"images must be mmrerank.Image objects, as Image.from_path(...), not a "
                f"{type(wrong).__module__}.{type(wrong).__name__}"
            )
        if text is None and not images:
            raise InvalidInputError("a Content needs text or images; neither was given")
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "images", images)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Content:
        """Read `{"text": ..., "image": ... or "images": [...]}`.

        An image is an `Image`, a Path, or a str that is a data URI, an http(s) URL or else a path.
        Raises `InvalidInputError` for other keys and types, `ImageError` for a broken data URI.
        """
        if not isinstance(value, Mapping):
            raise InvalidInputError(f"a content dict must be a mapping, not {type(value).__name__}")
        unknown = set(value) - {"text", "image", "images"}
        if unknown:
            raise InvalidInputError(
                f"a content dict may have text, image, images; not {sorted(unknown)}"
            )
        listed = value.get("images") or ()
        if isinstance(listed, (str, Image, Path)):
            listed = (listed,)
        if not isinstance(listed, Iterable):
            raise InvalidInputError(f"images must be a list, not {type(listed).__name__}")
        single = value.get("image")
        given = ([single] if single is not None else []) + list(listed)
        return cls(text=value.get("text"), images=[_image(item) for item in given])

    @property
    def is_blank(self) -> bool:
        """True if there is nothing to read: no image, and no text other than white space."""
        return not self.images and not (self.text or "").strip()


def _image(value: object) -> Image:
    if isinstance(value, Image):
        return value
    if isinstance(value, Path):
        return Image.from_path(value)
    if not isinstance(value, str):
        raise InvalidInputError(
            f"an image must be an Image, a str or a Path, not {type(value).__name__}"
        )
    if value[:5].lower() == "data:":
        return Image.from_data_uri(value)
    if re.match(r"https?://", value, re.IGNORECASE):
        return Image.from_url(value)
    return Image.from_path(value)


@dataclass(frozen=True, slots=True)
class PartScore:
    """The score of one part of a document. `image` is an image's index in `Content.images`."""

    kind: Literal["text", "image"]
    score: float
    image: int | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """The score of one document, and the scores of its parts if they were scored separately.

    `is_scored` is False if a call failed and the caller chose to go on without scores; the score is
    then 0.0.
    """

    score: float
    parts: tuple[PartScore, ...] = ()
    is_scored: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankResult:
    """One reranked document.

    `index` is its index in the input. `relevance_score` is higher for more relevant documents.
    `parts` has the score of each part; it is empty if the document was scored as a whole.
    `is_scored` is False if a failed call left the documents in their original order.
    """

    index: int
    relevance_score: float
    parts: tuple[PartScore, ...] = ()
    document: Content
    is_scored: bool = True

    @property
    def best_image(self) -> int | None:
        """The index in `document.images` of the image that scored best, if any scored above 0.

        Of several with the same score it is the first, which is the most strongly linked one.
        """
        images = [part for part in self.parts if part.image is not None and part.score > 0]
        return max(images, key=lambda part: part.score).image if images else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Modalities:
    """What a single input of a model may contain.

    A document that does not fit is scored part by part, and the scores are fused
    (`mmrerank.fusion`).
    """

    text: bool = True
    image: bool = False
    text_and_image: bool = False
    several_images: bool = False
    query_image: bool = False
    query_text_and_image: bool = False
    query_several_images: bool = False
    blank_text: bool = False


MULTIMODAL = Modalities(
    image=True,
    text_and_image=True,
    several_images=True,
    query_image=True,
    query_text_and_image=True,
    query_several_images=True,
)
"""What a model reads that takes text and several images together, in documents and queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one call of a reranker used; passed to `on_usage`. Counts only, never content.

    `parts` and `images` count what was scored, `cache_hits` the parts whose scores were cached and
    not computed again. `truncated` counts the documents that were cut to fit, and the query if it
    was. `bytes_sent` counts the bytes of request bodies, including retries.
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
