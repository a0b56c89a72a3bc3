"""Where an index is: in a folder, or at a URL."""

from __future__ import annotations

import os

from mmrerank.errors import InvalidInputError
from mmrerank.index.lance.storage import Place, Storage, is_url
from mmrerank.index.parts import FolderHome, Home
from mmrerank.retrieval.stores import checked_store
from mmrerank.retrieval.vector_store import VectorStore

__all__ = ["index_home", "local_folder"]


def index_home(
    place: str | os.PathLike[str],
    storage: Storage | None,
    vectors: VectorStore | str | None = None,
) -> Home:
    """The home of an index. Raises `InvalidInputError` for what is neither a folder nor a URL."""
    if not isinstance(place, (str, os.PathLike)):
        raise InvalidInputError(f"an index is in a folder, not in a {type(place).__name__}")
    if isinstance(place, str) and is_url(place):
        from mmrerank.index.lance.home import UrlHome

        if vectors is not None:
            raise InvalidInputError("an index at a URL keeps its vectors there: leave vectors out")
        return UrlHome(place, storage)
    if storage is not None:
        raise InvalidInputError("storage is for an index at a URL, not for one in a folder")
    return FolderHome(os.fspath(place), checked_store(vectors))


def local_folder(place: str) -> str:
    """The folder of an index; of one at a URL, that of what is copied from it."""
    return str(Place(place, None).folder) if is_url(place) else place
