"""Books (EPUB): an archive of XHTML files with their images."""

from __future__ import annotations

import posixpath
import urllib.parse
import zipfile
from collections.abc import Iterator
from typing import Any

from mmrerank.errors import DocumentError, ImageError
from mmrerank.images.decode import MAX_BYTES as MAX_IMAGE_BYTES
from mmrerank.loaders.charts import parse_xml
from mmrerank.loaders.element_loader import ElementLoader
from mmrerank.loaders.elements import Element
from mmrerank.loaders.html_reader import FindImage, HTMLReader
from mmrerank.loaders.office import check_archive
from mmrerank.loaders.text import MAX_BYTES
from mmrerank.optional import require
from mmrerank.types import Image

__all__ = ["EPUBLoader"]

_CONTAINER, _ENCRYPTION = "META-INF/container.xml", "META-INF/encryption.xml"
_XHTML = ("application/xhtml+xml", "text/html", "image/svg+xml")


class EPUBLoader(ElementLoader):
    """Loads an EPUB file: its chapters in reading order, with the images in the file.

    A chapter that is missing or too large is left out with a `RerankWarning`; an encrypted one is
    a `DocumentError`. Keywords are those of `LoaderOptions`. Raises as `ElementLoader`.
    """

    def elements(self) -> Iterator[Element]:
        """The parts of all chapters."""
        require("lxml", extra="html", purpose="loading an EPUB file")
        check_archive(self.path)
        with zipfile.ZipFile(self.path) as archive:
            encrypted = _encrypted(archive)
            for name in self._chapters(archive):
                if name in encrypted:
                    raise DocumentError(self.path, f"is encrypted: {name!r:.80}")
                data = _read(archive, name, MAX_BYTES)
                if data is None:
                    self.warn(f"the chapter {name!r:.80} is missing or too large")
                    continue
                yield from HTMLReader(self, self._finder(archive, name)).elements(data)

    def _chapters(self, archive: zipfile.ZipFile) -> list[str]:
        """The names of the files to read, in reading order."""
        container = _parsed(archive, _CONTAINER)
        roots = container.iter("{*}rootfile") if container is not None else ()
        package = next((str(root.get("full-path")) for root in roots), "")
        content = _parsed(archive, package)
        if content is None:
            raise DocumentError(self.path, "is no EPUB file: it has no list of its chapters")
        items = {
            str(item.get("id")): (_resolved(package, str(item.get("href"))), item.get("media-type"))
            for item in content.iter("{*}item")
        }
        order = [str(item.get("idref")) for item in content.iter("{*}itemref")]
        chapters = [items[each][0] for each in order if each in items]
        return chapters or [name for name, kind in items.values() if kind in _XHTML]

    def _finder(self, archive: zipfile.ZipFile, chapter: str) -> FindImage:
        """Finds the images of a chapter in the archive."""
        data_uri = HTMLReader(self).find_image

        def find(source: str) -> tuple[str, Image]:
            if urllib.parse.urlsplit(source).scheme:
                return data_uri(source)
            name = _resolved(chapter, source)
            data = _read(archive, name, MAX_IMAGE_BYTES)
            if data is None:
                raise ImageError(source, "is not in the file, or too large")
            return posixpath.basename(name), Image.from_bytes(data)

        return find


def _resolved(base: str, reference: str) -> str:
    """The name in the archive of what the file `base` names by a relative reference."""
    path = urllib.parse.unquote(reference.partition("#")[0].partition("?")[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(base), path)).lstrip("/")


def _read(archive: zipfile.ZipFile, name: str, limit: int) -> bytes | None:
    """A file of the archive; None if it is missing or has more bytes than the limit."""
    try:
        return archive.read(name) if archive.getinfo(name).file_size <= limit else None
    except KeyError:
        return None


def _parsed(archive: zipfile.ZipFile, name: str) -> Any:
    data = _read(archive, name, MAX_BYTES)
    return None if data is None else parse_xml(data)


def _encrypted(archive: zipfile.ZipFile) -> set[str]:
    """The names of encrypted files; often these are fonts only."""
    root = _parsed(archive, _ENCRYPTION)
    references = root.iter("{*}CipherReference") if root is not None else ()
    return {urllib.parse.unquote(str(each.get("URI"))) for each in references}
