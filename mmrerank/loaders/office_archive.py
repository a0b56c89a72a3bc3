"""Office archives that the parsers cannot read as they are: Strict Open XML, and missing parts."""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Collection
from typing import Any, BinaryIO

from mmrerank.errors import warn
from mmrerank.loaders.charts import parse_xml
from mmrerank.optional import require

__all__ = ["readable_archive"]

# "Strict Open XML" has other names for the same namespaces and relations.
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_TRANSITIONAL = rb"http://schemas.openxmlformats.org/\1/2006/"
_XML = (".xml", ".rels", ".vml")


def readable_archive(path: str, file: str | BinaryIO | None = None) -> str | BinaryIO:
    """The archive at `path` as python-docx, python-pptx and openpyxl read it; a copy if it must change.

    Strict Open XML becomes the usual kind, and relations to parts that the archive lacks are left
    out: one missing image would cost the whole document. Warns of missing parts; whoever shows
    images warns of those. `file` is the archive itself where it is within the file that `path` names.
    """
    source = file or path
    with zipfile.ZipFile(source) as archive:
        names = set(archive.namelist())
        changed: dict[str, bytes] = {}
        for name in names:
            if name.lower().endswith(_XML):
                data = archive.read(name)
                mended = _STRICT.sub(_TRANSITIONAL, data)
                if name.lower().endswith(".rels"):
                    mended = _without_missing(path, name, mended, names)
                if mended != data:
                    changed[name] = mended
        if not changed:
            return source
        return _copied(archive, changed)


def _without_missing(path: str, name: str, data: bytes, names: Collection[str]) -> bytes:
    """A file of relations without those to parts that are not among `names`."""
    root = parse_xml(data)
    if root is None:
        return data
    folder = posixpath.dirname(posixpath.dirname(name))
    missing = [relation for relation in root if _is_missing(relation, folder, names)]
    for relation in missing:
        if not str(relation.get("Type")).endswith(("/image", "/hyperlink")):
            warn(f"{path}: the part {relation.get('Target')!r:.100} is missing, and left out")
        root.remove(relation)
    return bytes(require("lxml.etree").tostring(root)) if missing else data


def _is_missing(relation: Any, folder: str, names: Collection[str]) -> bool:
    if relation.get("Target") is None or relation.get("TargetMode") == "External":
        return False
    target = posixpath.normpath(posixpath.join("/", folder, relation.get("Target")))
    return target.lstrip("/") not in names


def _copied(archive: zipfile.ZipFile, changed: dict[str, bytes]) -> BinaryIO:
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as out:
        for name in dict.fromkeys(archive.namelist()):
            out.writestr(name, changed[name] if name in changed else archive.read(name))
    copy.seek(0)
    return copy
