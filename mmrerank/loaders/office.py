"""Shared by office files: checks of the archive, parts, diagrams, LibreOffice if installed."""

from __future__ import annotations

import functools
import io
import re
import shutil
import subprocess
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image as Pillow
from PIL import ImageChops

from mmrerank.environment import clean_environment
from mmrerank.errors import DocumentError
from mmrerank.loaders.charts import chart_text, xml_texts
from mmrerank.optional import require
from mmrerank.types import Image

__all__ = [
    "check_archive",
    "find_office",
    "part_chart",
    "part_image",
    "part_texts",
    "picture",
    "rendered_pages",
]

_TIMEOUT = 180.0  # seconds for one conversion
_DPI, _FINE_DPI = 110, 200  # of slides; of drawings, which may be small
_METAFILES = (".emf", ".wmf")

# An office file is a ZIP archive of XML from an unknown author: bombs and entities are refused before parsing.
_MAX_FILES = 20_000
_MAX_BYTES = 1024 * 2**20  # unpacked, all files together
_MAX_XML_BYTES = 128 * 2**20  # unpacked, one file of XML
_MAX_RATIO, _RATIO_FROM = 200, 16 * 2**20  # to its packed size, for files above so many bytes
# Office files have no DTD, where entities are declared; UTF-16 puts a null beside each letter.
_DTD = re.compile(rb"<\0?!\0?(?:D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)")
_BLOCK = 2**20


def check_archive(path: str, file: BinaryIO | None = None) -> None:
    """Raise `DocumentError` unless `path` is a ZIP archive of bounded size without XML entities.

    `file` is the archive itself where it is within the file that `path` names.
    """
    try:
        with zipfile.ZipFile(file or path) as archive:
            _check_sizes(path, archive.infolist())
            for info in archive.infolist():
                if info.filename.lower().endswith((".xml", ".rels", ".vml")):
                    _check_xml(path, archive, info)
    except DocumentError:
        raise
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise DocumentError(path, f"is not a readable archive ({error})") from error
    except Exception as error:  # zlib.error and others on damaged archives
        raise DocumentError(path, f"is damaged ({error})") from error


def _check_sizes(path: str, files: list[zipfile.ZipInfo]) -> None:
    if len(files) > _MAX_FILES:
        raise DocumentError(path, f"has {len(files)} files; the limit is {_MAX_FILES}")
    if sum(info.file_size for info in files) > _MAX_BYTES:
        raise DocumentError(path, f"unpacks to more than {_MAX_BYTES} bytes")
    for info in files:
        bomb = info.file_size > _MAX_RATIO * max(info.compress_size, 1)
        if bomb and info.file_size > _RATIO_FROM:
            raise DocumentError(path, f"is a ZIP bomb: {info.filename!r:.80}")


def _check_xml(path: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    if info.file_size > _MAX_XML_BYTES:
        raise DocumentError(
            path, f"{Path(info.filename).name!r:.80} is larger than {_MAX_XML_BYTES}"
        )
    with archive.open(info) as file:
        tail = b""
        while block := file.read(_BLOCK):
            if _DTD.search(tail + block):
                raise DocumentError(path, f"{info.filename!r:.80} declares a DTD, and is refused")
            tail = block[-32:]


@functools.cache
def find_office() -> str | None:
    """The path of LibreOffice's program; None if it is not installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def _convert(path: Path, target: str, folder: Path) -> Path | None:
    """The file converted to another format by LibreOffice; None if that fails."""
    program = find_office()
    if program is None:
        return None
    command = [
        program,
        f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        "--headless",
        "--convert-to",
        target,
        "--outdir",
        str(folder),
        str(path),
    ]
    with suppress(OSError, subprocess.TimeoutExpired):
        subprocess.run(  # noqa: S603 - our own arguments
            command, capture_output=True, timeout=_TIMEOUT, check=False, env=clean_environment()
        )
    converted = folder / f"{path.stem}.{target}"
    return converted if converted.is_file() else None


def rendered_pages(path: str, dpi: int = _DPI) -> dict[int, bytes]:
    """The pages or slides as PNG files, by number from 1; {} if LibreOffice is missing or fails.

    Raises `MissingDependencyError` without PyMuPDF.
    """
    if find_office() is None:
        return {}
    pymupdf = require("pymupdf")
    with tempfile.TemporaryDirectory(prefix="mmrerank-") as folder:
        converted = _convert(Path(path).resolve(), "pdf", Path(folder))
        if converted is None:
            return {}
        with pymupdf.open(converted) as document:
            return {page.number + 1: page.get_pixmap(dpi=dpi).tobytes("png") for page in document}


def part_image(part: Any, relation: str) -> tuple[str, Image]:
    """The name and the image of a related part; metafiles become PNG if LibreOffice is installed."""
    try:
        related = part.rels[relation].target_part
        name, data = Path(str(related.partname)).name, bytes(related.blob)
    except (KeyError, AttributeError, ValueError):  # linked from elsewhere, or missing
        return f"picture {relation} that is not in the file", Image.from_bytes(b"")
    return name, picture(name, data)


def picture(name: str, data: bytes) -> Image:
    """The image in a file of that name; a metafile becomes PNG if LibreOffice is installed."""
    if name.lower().endswith(_METAFILES) and _is_metafile(data):
        data = _rasterize(name, data) or data
    return Image.from_bytes(data)


def _is_metafile(data: bytes) -> bool:
    """Whether it is EMF or WMF; LibreOffice would render anything else as a page of text."""
    return data[40:44] == b" EMF" or data[:4] in (b"\xd7\xcd\xc6\x9a", b"\x01\x00\x09\x00")


def _rasterize(name: str, data: bytes) -> bytes | None:
    with tempfile.TemporaryDirectory(prefix="mmrerank-") as folder:
        source = Path(folder) / f"picture{Path(name).suffix.lower()}"
        source.write_bytes(data)
        pages = rendered_pages(str(source), _FINE_DPI)
    return _trim(pages[1]) if pages else None


def _trim(png: bytes) -> bytes:
    """A rendered drawing without the white page around it."""
    with Pillow.open(io.BytesIO(png)) as opened:
        image = opened.convert("RGB")
    box = ImageChops.invert(image).getbbox()
    out = io.BytesIO()
    (image.crop(box) if box else image).save(out, "PNG")
    return out.getvalue()


def part_texts(part: Any, relation: str | None) -> str:
    """The texts in a related part of XML (a diagram), one per line; "" if it is missing."""
    return xml_texts(_related(part, relation))


def part_chart(part: Any, relation: str | None) -> str:
    """A related native chart as text, see `chart_text`; "" if it is missing."""
    return chart_text(_related(part, relation))


def _related(part: Any, relation: str | None) -> bytes:
    try:
        return bytes(part.rels[relation].target_part.blob)
    except (KeyError, AttributeError, ValueError):  # missing, or linked from elsewhere
        return b""
