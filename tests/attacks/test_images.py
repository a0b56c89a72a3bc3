"""Attacks on images: files that are swapped while they are read, bombs of pixels, sides and scans."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image as Pillow

from mmrerank.errors import ImageError
from mmrerank.images import beneath
from mmrerank.images.decode import MAX_SCANS, MAX_SIDE, open_image, read_file
from mmrerank.images.encode import encode_image, encode_within, thumbnail
from mmrerank.types import Image

_SWAP = """
import os, sys
os.chdir(sys.argv[1])
print("ready", flush=True)
while True:
    os.rename("sub", "kept"); os.rename("link", "sub")
    os.rename("sub", "link"); os.rename("kept", "sub")
"""


@pytest.mark.slow
@pytest.mark.parametrize("way", ["at once", "by steps"])
def test_a_folder_that_is_swapped_for_a_link_never_leads_outside(tmp_path, way, monkeypatch):
    if way == "by steps":
        monkeypatch.setattr(beneath, "_system_call", lambda: None)
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, content in ((root / "sub", b"inside"), (outside, b"outside")):
        folder.mkdir(parents=True)
        (folder / "a.png").write_bytes(content)
    (root / "link").symlink_to(outside)
    swapper = subprocess.Popen([sys.executable, "-c", _SWAP, str(root)], stdout=subprocess.PIPE)
    with swapper:
        swapper.stdout.readline()
        try:
            read = [_read(root) for _ in range(5000)]
        finally:
            swapper.send_signal(signal.SIGKILL)
    assert read.count(b"outside") == 0
    assert read.count(b"inside") > 100  # or nothing was tried
    assert read.count(None) > 100


def _read(root):
    try:
        return read_file(root / "sub" / "a.png", root=root)
    except ImageError:
        return None
