"""What PPTX and DOCX files share: checked archives, parts, charts, diagrams, and LibreOffice if installed."""

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
from typing import Any

from PIL import Image as Pillow
from PIL import ImageChops

from mmrerank.errors import DocumentError
from mmrerank.optional import require
from mmrerank.types import Image

__all__ = [
    "chart_text",
    "check_archive",
    "find_office",
    "part_image",
    "part_texts",
    "rendered_pages",
]

_TIMEOUT = 180.0  # seconds for one conversion
_DPI, _FINE_DPI = 110, 200  # of slides; of drawings, which may be small
_METAFILES = (".emf", ".wmf")

# An office file is a ZIP archive of XML from a stranger: bombs and entities are refused unopened.
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


@functools.cache
def find_office() -> str | None:
    """LibreOffice's program; None where it is not installed."""
    return shutil.which("soffice") or shutil.which("libreoffice")


def _converted(path: Path, target: str, folder: Path) -> Path | None:
    """The file in another format, by LibreOffice with a profile of its own; None if that fails."""
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
        subprocess.run(command, capture_output=True, timeout=_TIMEOUT, check=False)  # noqa: S603
    made = folder / f"{path.stem}.{target}"
    return made if made.is_file() else None


def rendered_pages(path: str, dpi: int = _DPI) -> dict[int, bytes]:
    """PNG files of the pages or slides, from 1; {} where LibreOffice is missing or fails."""
    if find_office() is None:
        return {}
    pymupdf = require("pymupdf")
    with tempfile.TemporaryDirectory(prefix="mmrerank-") as folder:
        made = _converted(Path(path).resolve(), "pdf", Path(folder))
        if made is None:
            return {}
        with pymupdf.open(made) as document:
            return {page.number + 1: page.get_pixmap(dpi=dpi).tobytes("png") for page in document}


def part_image(part: Any, relation: str) -> tuple[str, Image]:
    """The name and the image of a related part; metafiles become PNG where LibreOffice is there."""
    try:
        related = part.rels[relation].target_part
        name, data = Path(str(related.partname)).name, bytes(related.blob)
    except (KeyError, AttributeError, ValueError):  # linked from elsewhere, or missing
        return f"picture {relation} that is not in the file", Image.from_bytes(b"")
    if name.lower().endswith(_METAFILES) and _is_metafile(data):
        data = _rasterised(name, data) or data
    return name, Image.from_bytes(data)


def _is_metafile(data: bytes) -> bool:
    """LibreOffice would set anything else as a page of text."""
    return data[40:44] == b" EMF" or data[:4] in (b"\xd7\xcd\xc6\x9a", b"\x01\x00\x09\x00")


def _rasterised(name: str, data: bytes) -> bytes | None:
    with tempfile.TemporaryDirectory(prefix="mmrerank-") as folder:
        source = Path(folder) / f"picture{Path(name).suffix.lower()}"
        source.write_bytes(data)
        pages = rendered_pages(str(source), _FINE_DPI)
    return _trimmed(pages[1]) if pages else None


def _trimmed(png: bytes) -> bytes:
    """Without the white page that LibreOffice sets a drawing on."""
    with Pillow.open(io.BytesIO(png)) as opened:
        picture = opened.convert("RGB")
    box = ImageChops.invert(picture).getbbox()
    out = io.BytesIO()
    (picture.crop(box) if box else picture).save(out, "PNG")
    return out.getvalue()


def part_texts(part: Any, relation: str | None) -> str:
    """The words in a related part of XML (a diagram, a chart), a line each."""
    try:
        return _xml_texts(bytes(part.rels[relation].target_part.blob))
    except (KeyError, AttributeError, ValueError):  # missing, or linked from elsewhere
        return ""


def _xml_texts(data: bytes) -> str:
    etree = require("lxml.etree")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError:
        return ""
    words = ((node.text or "").strip() for node in root.iter("{*}t", "{*}v"))
    return "\n".join(word for word in words if word)


def chart_text(chart: Any) -> str:
    """A native chart's title, and each series with its categories and values."""
    lines: list[str] = []
    with suppress(Exception):  # a chart without data, or of a kind that is not modelled
        if chart.has_title and chart.chart_title.has_text_frame:
            lines.append(chart.chart_title.text_frame.text)
        for plot in chart.plots:
            categories = [str(category) for category in plot.categories]
            for series in plot.series:
                pairs = zip(categories, series.values, strict=False)
                values = ", ".join(f"{category}: {value}" for category, value in pairs)
                lines.append(f"{series.name}: {values}")
    return "\n".join(lines) or _xml_texts(bytes(chart.part.blob))
