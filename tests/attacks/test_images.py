"""Attacks on images: files that are swapped while they are read, bombs of pixels, sides and scans."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image as Pillow

from mmrerank.errors import ImageError
from mmrerank.images import beneath
from mmrerank.images.check import check_image
from mmrerank.images.decode import open_image, read_file
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


@pytest.mark.slow
def test_many_scans_take_no_time():
    data = io.BytesIO()
    Pillow.new("RGB", (9000, 9000)).save(data, "JPEG", progressive=True)
    scans = data.getvalue()[:-2]
    bomb = Image.from_bytes(scans + scans[scans.rindex(b"\xff\xda") :] * 290 + b"\xff\xd9")
    started = time.monotonic()
    for use in (check_image, open_image, thumbnail, lambda image: encode_image(image, 10**6)):
        with pytest.raises(ImageError, match="MAX_SCANS"):
            use(bomb)
    assert time.monotonic() - started < 2


_DECODE = """
import sys, threading
from pathlib import Path
from PIL import Image as Pillow
from mmrerank.images.check import check_image
from mmrerank.images.decode import open_image
from mmrerank.types import Image
image = Image.from_bytes(open(sys.argv[1], "rb").read())
def work():
    check_image(image, decode=True)
    open_image(image, 1_000_000)
threads = [threading.Thread(target=work) for _ in range(int(sys.argv[2]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
# Not ru_maxrss, which a child inherits from the process that started it.
status = Path("/proc/self/status").read_text()
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["RGBA", "RGB", "I;16", "P"])
def test_three_large_images_at_once_take_the_memory_of_one(tmp_path, mode):
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc, which only Linux has")
    path = tmp_path / "large.png"
    Pillow.new(mode, (9400, 9400)).save(path)
    assert path.stat().st_size < 2**20
    done = subprocess.run(
        [sys.executable, "-c", _DECODE, str(path), "3"], capture_output=True, check=True, text=True
    )
    assert int(done.stdout) < 1280  # MiB: 8 bytes a pixel are 675, and the allocator keeps some


@pytest.mark.slow
def test_long_sides_in_every_format_are_image_errors():
    for kind, mode, size in [
        ("PNG", "RGBA", (1, 70_000)),
        ("PNG", "1", (70_000, 1)),
        ("GIF", "P", (65_535, 1)),
        ("TIFF", "L", (1, 90_000)),
        ("BMP", "RGB", (66_000, 2)),
    ]:
        data = io.BytesIO()
        Pillow.new(mode, size).save(data, kind)
        image = Image.from_bytes(data.getvalue())
        for use in (check_image, open_image, thumbnail, lambda image: encode_within(image, 10**6, 10**5)):  # fmt: skip
            with pytest.raises(ImageError, match="MAX_SIDE"):
                use(image)
