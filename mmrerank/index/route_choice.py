"""Which routes a search uses: those that were named, or all that can find something for the query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mmrerank.errors import InvalidInputError, UnsupportedModalityError, warn
from mmrerank.images.decode import decoding, open_header, read_bytes
from mmrerank.index.embedding import IndexImageEmbedder
from mmrerank.index.hits import ROUTES, Routes
from mmrerank.index.ledger import Ledger
from mmrerank.index.routes import WEIGHTS, Route
from mmrerank.index.vector_routes import VectorRoute
from mmrerank.retrieval.embedder import Modality
from mmrerank.types import Content, Image

__all__ = ["RouteChoice", "route_weights"]


@dataclass(frozen=True, slots=True)
class RouteChoice:
    """The routes of an index, of which each search uses some."""

    ledger: Ledger
    image_embedder: IndexImageEmbedder
    routes: Mapping[str, Route]

    def chosen(
        self, query: Content, named: Routes | None, *, is_reranked: bool = False
    ) -> dict[str, Route]:
        """The routes of one search, by name.

        An image of the query that none of them reads is left out, with a `RerankWarning` unless the
        candidates are reranked by it (`is_reranked`). Raises
        `InvalidInputError` for unknown routes and for images without an image embedder,
        `UnsupportedModalityError` for a query of which they read nothing, `ImageError` for an image
        of the query that cannot be used.
        """
        names = self._default(query) if named is None else self._checked(query, named)
        chosen = {name: self.routes[name] for name in names}
        if query.images:
            self._check_images(query, chosen, is_reranked=is_reranked)
        return chosen

    def _default(self, query: Content) -> Sequence[str]:
        """All routes; images only where the index has some, and the query has what they read."""
        has_images = self.ledger.has_image_vectors()
        if has_images and self.image_embedder.is_missing:
            warn(
                "the images of this index are not searched, since its image embedder was not "
                "given: Index(folder, image_embedder=...)"
            )
        is_used = has_images and self.image_embedder.is_there and self._reads_some("images", query)
        return [name for name in ROUTES if name != "images" or is_used]

    def _checked(self, query: Content, named: Routes) -> Sequence[str]:
        if wrong := [name for name in named if name not in self.routes]:
            raise InvalidInputError(f"routes are {', '.join(ROUTES)}, not {wrong[0]!r}")
        if "images" in named:
            self._check_image_route(query)
        return list(named)

    def _check_image_route(self, query: Content) -> None:
        if not self.image_embedder.is_there:
            raise InvalidInputError(
                "the route images needs the image embedder of the index: "
                "Index(folder, image_embedder=...), or --image-embedder on the command line"
            )
        if not self.ledger.has_image_vectors():
            warn("no image of this index has a vector, so that the route images finds nothing")
        elif not self._reads_some("images", query):
            raise UnsupportedModalityError(
                f"the route images cannot search by text: {self.image_embedder.checked().name} "
                "embeds only images"
            )

    def _reads_some(self, name: str, query: Content) -> bool:
        has: dict[Modality, bool] = {"text": bool(query.text), "image": bool(query.images)}
        return any(has[part] and self._reads(name, part) for part in has)

    def _reads(self, name: str, part: Modality) -> bool:
        route = self.routes[name]
        return route.reads(part) if isinstance(route, VectorRoute) else part == "text"

    def _check_images(
        self, query: Content, chosen: Mapping[str, Route], *, is_reranked: bool
    ) -> None:
        if any(self._reads(name, "image") for name in chosen):
            for image in query.images:
                _check_image(image)
            return
        reason = f"none of the routes ({', '.join(chosen)}) can search by the image of the query"
        if not query.text:
            raise UnsupportedModalityError(
                f"{reason}; ask with text, or give the index an image embedder: "
                "Index(folder, image_embedder=...), or --image-embedder on the command line"
            )
        if not is_reranked:
            warn(f"{reason}; candidates are found by its text alone")


def route_weights(routes: Routes | None) -> Mapping[str, float]:
    """The weights of routes. Raises `InvalidInputError` for those that are not above 0."""
    if not isinstance(routes, Mapping):
        return WEIGHTS
    if wrong := [one for one in routes.values() if not isinstance(one, (int, float)) or one <= 0]:
        raise InvalidInputError(f"the weights of routes are numbers above 0, not {wrong[0]!r}")
    return {**WEIGHTS, **routes}


def _check_image(image: Image) -> None:
    """Raise `ImageError` for an image that cannot be opened; warn of one with several frames."""
    picture = open_header(read_bytes(image), image.name)
    with decoding(image.name):
        frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        warn(f"image {image.name!r} has {frames} frames; only the first is searched for")
