"""Many small documents of several formats, some of which cannot be read, in a folder or a bucket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cli_helpers import make_pdf
from helpers import image_file

from mmrerank.object_storage import object_store

FAILING = {"broken.pdf": b"%PDF-1.4 nonsense", "empty.txt": b"", "broken.docx": b"PK\3\4 nothing"}


def fill(folder: Path, count: int) -> Path:
    """`count` documents, a third of them PDFs with a figure, and those that fail."""
    folder.mkdir(exist_ok=True)
    for i in range(count):
        if i % 3 == 0:
            figure = image_file((300, 100), f"#{i % 256:02x}{3 * i % 256:02x}{7 * i % 256:02x}")
            make_pdf(folder / f"{i}.pdf", f"Hall {i} is old. See Figure 1.", image=figure)
        elif i % 3 == 1:
            (folder / f"{i}.md").write_text(f"# Note {i}\n\nGranite of quarry {i}.")
        else:
            (folder / f"{i}.html").write_text(f"<h1>Page {i}</h1><p>Marble of quarry {i}.</p>")
    for name, data in FAILING.items():
        (folder / name).write_bytes(data)
    return folder


def objects(url: str) -> Any:
    """The objects below a URL."""
    return object_store(url, {}, timeout=10.0, retries=1, extra="ray", purpose="a test")


def upload(url: str, folder: Path) -> str:
    """Copy the files of a folder to a URL."""
    store = objects(url)
    for path in sorted(folder.iterdir()):
        store.put(path.name, path.read_bytes())
    return url
