"""A prompt: one message for a language model, in parts."""

from __future__ import annotations

from dataclasses import dataclass

from mmrerank.answers.citations import Citation, Citations
from mmrerank.images.encode import EncodedImage

__all__ = ["ImagePart", "Prompt", "TextPart"]


@dataclass(frozen=True, slots=True)
class TextPart:
    """Text of a prompt."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image of a prompt: its bytes, or its URL if the caller let URLs pass."""

    citation: Citation
    encoded: EncodedImage | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """One message for a language model, in parts.

    `citations` is what its answer can cite. `left_out` are the references of images for which the
    budget had no room, or which could not be used.
    """

    parts: tuple[TextPart | ImagePart, ...]
    citations: Citations
    left_out: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The text of all parts."""
        return "\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def images(self) -> tuple[ImagePart, ...]:
        """The images, in the order of the prompt."""
        return tuple(part for part in self.parts if isinstance(part, ImagePart))
