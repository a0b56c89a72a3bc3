"""Office files are ZIP archives of XML from strangers: bombs and entities are refused unopened."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from mmrerank.errors import DocumentError

__all__ = ["check_archive"]

_MOST_FILES = 20_000
_MOST_BYTES = 1024 * 2**20  # unpacked, all files together
_MOST_XML = 128 * 2**20  # unpacked, one file of XML
_MOST_RATIO, _RATIO_FROM = 200, 16 * 2**20  # times its packed size, for files above so many bytes
# Office files have no DTD, where entities are declared; UTF-16 puts a null beside each letter.
_DTD = re.compile(rb"<\0?!\0?(?:D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)")
_BLOCK = 2**20


def check_archive(path: str) -> None:
    """Raise `DocumentError` for what is no ZIP archive, unpacks to too much, or declares entities."""
    try:
        with zipfile.ZipFile(path) as archive:
            _check_sizes(path, archive.infolist())
            for info in archive.infolist():
                if info.filename.lower().endswith((".xml", ".rels", ".vml")):
                    _check_xml(path, archive, info)
    except DocumentError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise DocumentError(path, f"is no readable office file ({error})") from error
    except Exception as error:  # zlib.error and what else damaged archives bring
        raise DocumentError(path, f"is damaged ({error})") from error


def _check_sizes(path: str, files: list[zipfile.ZipInfo]) -> None:
    if len(files) > _MOST_FILES:
        raise DocumentError(path, f"holds {len(files)} files; the limit is {_MOST_FILES}")
    if sum(info.file_size for info in files) > _MOST_BYTES:
        raise DocumentError(path, f"unpacks to more than {_MOST_BYTES} bytes")
    for info in files:
        bomb = info.file_size > _MOST_RATIO * max(info.compress_size, 1)
        if bomb and info.file_size > _RATIO_FROM:
            raise DocumentError(path, f"is a ZIP bomb: {info.filename!r:.80}")


def _check_xml(path: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    if info.file_size > _MOST_XML:
        raise DocumentError(path, f"{Path(info.filename).name!r:.80} is larger than {_MOST_XML}")
    with archive.open(info) as file:
        tail = b""
        while block := file.read(_BLOCK):
            if _DTD.search(tail + block):
                raise DocumentError(path, f"{info.filename!r:.80} declares a DTD, and is refused")
            tail = block[-32:]
