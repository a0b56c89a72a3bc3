"""Many images are read in processes of one thread; one that is lost costs its own image."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import CancelledError, wait
from pathlib import Path

import pytest
from helpers import png

from mmrerank import Image, ImageError, RerankWarning
from mmrerank.ocr import processes
from mmrerank.ocr.processes import process_count, read_in_processes, spare_workers
from mmrerank.ocr.words import ImageReader
from mmrerank.worker import Worker

WORDS = ["turbine", "bearing", "grease", "valve"]


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "process_count", lambda: 2)
    paths = [tmp_path / f"{word}.png" for word in WORDS]
    for word, path in zip(WORDS, paths, strict=True):
        path.write_bytes(png(word))
    yield [Image.from_path(path) for path in paths]
    spare_workers.stop()


@pytest.mark.slow
def test_processes_read_what_this_one_reads(images):
    reader = ImageReader(None)
    with reader.reading_ahead(images):
        assert len(reader._ahead) == 4
        assert [reader.words(image) for image in images] == WORDS
    assert not reader._ahead
    assert [ImageReader(None).lines(image) for image in images] == list(map(reader.lines, images))


@pytest.fixture
def fast(monkeypatch):
    """A worker reads nothing: what is tested is what happens to its answers."""
    monkeypatch.setattr(processes, "read_lines", named)


def named(data, name):
    """Instead of `read_lines`, in the process."""
    if "bearing" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    if "grease" in name:
        time.sleep(60)
    return [name]


def ahead(images):
    return read_in_processes(images, lambda image, read: read(b"", image.name))


@pytest.mark.slow
def test_a_process_that_dies_or_hangs_costs_one_image(images, fast, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setattr(processes, "_TIMEOUT", 5.0)
    with ahead(images) as futures:
        assert futures[0].result() == [images[0].name]
        with pytest.raises(ImageError, match=r"bearing\.png.*ended its process"):
            futures[1].result()
        with pytest.raises(ImageError, match=r"grease\.png.*took longer than 5 s"):
            futures[2].result()
        assert futures[3].result() == [images[3].name]


def test_what_is_given_up_is_stopped(images, fast, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    start = time.monotonic()
    with ahead([images[2]] * 6) as futures:
        while not any(future.running() for future in futures):
            time.sleep(0.01)
    wait(futures, timeout=30)
    assert time.monotonic() - start < 30
    assert all(one.cancelled() or isinstance(one.exception(), CancelledError) for one in futures)


def test_few_images_start_no_process(images):
    with ahead(images[:3]) as futures:
        assert futures == []


def test_a_worker_starts_no_processes():
    worker = Worker()
    assert worker.run(60, process_count) == 1
    worker.stop()
    assert 1 <= process_count() <= processes.MOST_PROCESSES


def test_known_images_start_no_process(images, monkeypatch):
    reader = ImageReader(None)
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: [])
    for image in images[1:]:
        reader.lines(image)
    with reader.reading_ahead(images):
        assert not reader._ahead


@pytest.mark.slow
def test_an_image_that_is_lost_is_an_error_where_it_is_asked_for(images):
    images[1].path.write_bytes(b"no image")
    reader = ImageReader(None)
    with reader.reading_ahead(images):
        assert reader.words(images[0]) == "turbine"
        with pytest.raises(ImageError, match=r"bearing\.png"):
            reader.words(images[1])
        assert reader.words(images[2]) == "grease"


SCRIPT = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored by what a shell runs behind
from pathlib import Path
from mmrerank import Image
from mmrerank.ocr import processes
from mmrerank.ocr.words import ImageReader
processes.process_count = lambda: 2
reader = ImageReader(None)
images = [Image.from_path(path) for path in sorted(Path(sys.argv[1]).glob("*.png"))]
with reader.reading_ahead(images):
    print("started", flush=True)
    list(map(reader.lines, images))
    print("done", flush=True)
    import time; time.sleep(60)
"""


@pytest.mark.slow
def test_an_interrupt_ends_them(images, tmp_path):
    caller = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)  # fmt: skip
    assert caller.stdout.readline() == "started\n"
    children = f"/proc/{caller.pid}/task/{caller.pid}/children"
    if not Path(children).exists():
        caller.kill()
        pytest.skip("children are listed by Linux only")
    time.sleep(1)
    caller.send_signal(signal.SIGINT)
    try:
        assert caller.wait(20) != 0
    finally:
        caller.kill()
        caller.stdout.close()


def test_a_figure_that_is_lost_keeps_its_other_words(tmp_path):
    from mmrerank.loaders.base import Figure
    from mmrerank.loaders.figure_chunks import _words_in

    (tmp_path / "bad.png").write_bytes(b"no image")
    figure = Figure("bad.png", "a.pdf", 2, (0.0, 0.0, 1.0, 1.0), "raster", words="Fig")
    with pytest.warns(RerankWarning, match=r"a\.pdf, page 2: .*bad\.png"):
        words = _words_in(figure, Image.from_path(tmp_path / "bad.png"), ImageReader(None))
    assert words == "Fig"
