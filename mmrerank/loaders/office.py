"""What PPTX and DOCX files have in common: parts, charts, diagrams, and LibreOffice if it is there."""

from __future__ import annotations

import functools
import io
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from PIL import Image as Pillow
from PIL import ImageChops

from mmrerank.loaders.base import need
from mmrerank.types import Image

__all__ = ["chart_text", "find_office", "part_image", "part_texts", "rendered_pages"]

_TIMEOUT = 180.0  # seconds for one conversion
_DPI, _FINE_DPI = 110, 200  # of slides; of drawings, which may be small
_METAFILES = (".emf", ".wmf")


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
    pymupdf = need("pymupdf", extra="office", purpose="rendering slides")
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
    etree = need("lxml.etree", extra="office", purpose="loading an office file")
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
