"""What both adapters' embeddings of images share: which embedders can, and which files they open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Literal

from mmrerank.errors import InvalidInputError, UnsupportedModalityError
from mmrerank.images.resolve import ImageResolver, ImageRoot
from mmrerank.retrieval.embedder import Embedder
from mmrerank.types import Image

__all__ = ["ImageSource", "check_image_embedder"]


class ImageSource:
    """Turns paths and URIs, which are untrusted, into images under a root that the caller chose.

    `image_root`, `path_map` and `urls` are those of `ImageResolver`; a URL is never passed on, since
    an embedder needs the image's bytes. Raises `InvalidInputError` for an option that has no such
    value.
    """

    def __init__(
        self,
        image_root: ImageRoot | None,
        path_map: Mapping[str, str] | None,
        urls: Literal["refuse", "fetch"],
    ) -> None:
        if urls not in ("refuse", "fetch"):
            raise InvalidInputError(f"urls must be 'refuse' or 'fetch', not {urls!r:.80}")
        self._resolver = ImageResolver(image_root=image_root, path_map=path_map, urls=urls)

    def images(self, references: Sequence[object]) -> list[Image]:
        """One image for each path, `file://`, `data:` or http(s) URI, or `BytesIO`, in order.

        Raises `ImageError` for one that cannot be used, `InvalidInputError` for anything else.
        """
        if isinstance(references, (str, bytes)):
            raise InvalidInputError("images are given as a list of paths or URIs, not as one")
        return [self._image(one) for one in references]

    def _image(self, reference: object) -> Image:
        if isinstance(reference, BytesIO):
            return Image.from_bytes(reference.getvalue())
        if not isinstance(reference, str):
            kind = type(reference).__name__
            raise InvalidInputError(f"an image is given as a path, a URI or BytesIO, not as {kind}")
        ((_, image),) = self._resolver.resolve([reference], {})
        return image


def check_image_embedder(embedder: object) -> Embedder:
    """The embedder, if it embeds images.

    Raises `InvalidInputError` for what is no `Embedder`, `UnsupportedModalityError` for one that
    embeds texts only.
    """
    if not isinstance(embedder, Embedder):
        raise InvalidInputError(
            f"embedder is a {type(embedder).__name__}, not a mmrerank.Embedder such as SiglipEmbedder"
        )
    if "image" not in embedder.modalities:
        raise UnsupportedModalityError(f"{embedder.name} cannot embed images: it embeds texts only")
    return embedder
