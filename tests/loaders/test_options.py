"""What the PDF loader's options do, and what it leaves out of the text."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from mmrerank.errors import InvalidInputError, RerankWarning
from mmrerank.images.refs import marked_refs, marker
from mmrerank.loaders.base import Chunk
from mmrerank.loaders.pdf import page_reader as survey
from mmrerank.loaders.pdf import processes as worker
from mmrerank.loaders.pdf.loader import PDFLoader
from mmrerank.loaders.splitting import Sizes
from mmrerank.ocr.engine import ReadLine
from mmrerank.ocr.words import loader_facts
from mmrerank.types import Image as ImageFile

pymupdf = pytest.importorskip("pymupdf")
pytest.importorskip("scipy")

DATA = Path(__file__).parents[1] / "data"
PROSE = "Belts of rubber carry the parts from one hall to the next without any noise at all. "


def write(page, y, text, size=10.0, font="helv", x=72.0):
    box = pymupdf.Rect(x, y, x + 450, y + 90)
    assert page.insert_textbox(box, text, fontsize=size, fontname=font) >= 0


def chart(page, y):
    page.draw_bezier((100, y), (150, y + 90), (200, y), (300, y + 80))
    page.draw_line((100, y), (100, y + 90))


@pytest.fixture
def book(tmp_path):
    """Four pages with a running title, page numbers, sections, a figure, a table and a listing."""
    path = tmp_path / "book.pdf"
    with pymupdf.open() as document:
        for number in range(1, 5):
            page = document.new_page()
            write(page, 20, "Belts and halls", size=8.0)
            page.insert_text((300, 800), f"{number}", fontsize=8)
            write(page, 60, f"{number} Chapter of belts", size=16.0)
            write(page, 100, f"Page {number} speaks of self-locking nuts. " + PROSE * 3)
        page = document[0]
        write(page, 300, "In short", font="hebo")
        write(page, 330, "The table that matters is Table 1, and the drawing is Figure 1. " + PROSE)
        page = document[1]
        chart(page, 250)
        write(page, 350, "Figure 1: Speed of the belt.")
        write(page, 420, "Table 1: Prices.")
        for row in range(4):
            for column, text in enumerate(["belt", "7 m", "9.50"]):
                write(page, 445 + 14 * row, text, size=8.0, x=72 + 100.0 * column)
        document.save(path)
    return path


@pytest.fixture
def root(tmp_path):
    return tmp_path / "images"


def load(path, root, **options) -> list[Chunk]:
    return PDFLoader(path, image_root=root, **{"workers": 0, **options}).load()


def test_running_titles_and_page_numbers_are_left_out(book, root):
    for chunk in load(book, root):
        assert "Belts and halls" not in chunk.text
        assert not any(line.strip().isdecimal() for line in chunk.text.split("\n"))


def test_sections_are_metadata(book, root):
    chunks = load(book, root, chunk_size=300)
    assert chunks[0].metadata["section"] == "1 Chapter of belts"
    (short,) = [chunk for chunk in chunks if chunk.text.startswith("In short")]
    assert short.metadata["section"] == "1 Chapter of belts > In short"
    assert chunks[-1].metadata["section"] == "4 Chapter of belts"


def test_a_page_as_a_chunk_with_its_image(book, root):
    chunks = load(book, root, mode="page", page_images=True)
    assert [chunk.page for chunk in chunks] == [1, 2, 3, 4]
    for chunk in chunks:
        last = chunk.links[-1]
        assert (last.kind, last.figure.kind, last.figure.page) == ("page", "page", chunk.page)
        with Image.open(root / last.figure.ref) as image:
            assert image.height > image.width > 500


def test_chunks_are_measured_by_the_callers_counter(book, root):
    def words(text):
        return len(text.split())

    chunks = load(book, root, chunk_size=20, count_tokens=words)
    assert max(words(chunk.text) for chunk in chunks) <= 20
    assert len(chunks) > 8
    assert Sizes(3, words).longest("one ", "two three four") == len("two three ")


def test_tables_are_images_when_asked_for(book, root):
    def links(**options):
        chunks = load(book, root, **options)
        return {link.figure.label: link.kind for chunk in chunks for link in chunk.links}

    assert links(pages=[1, 2], chunk_size=400) == {"figure 1": "caption"} | {"figure 1": "caption"}
    found = [
        (chunk.page, link.kind, link.figure.kind, link.figure.label)
        for chunk in load(book, root, tables=True, chunk_size=300)
        for link in chunk.links
    ]
    assert (1, "reference", "table", "table 1") in found
    assert (2, "caption", "table", "table 1") in found


def test_small_figures_can_be_left_out(book, root):
    assert not any(chunk.links for chunk in load(book, root, min_size=300.0))


def test_markers_stand_where_the_text_speaks_of_a_figure(book, root):
    first, second, *_ = load(book, root, mode="page", markers=True)
    (link,) = second.links
    assert f"the drawing is Figure 1 {marker(link.figure.ref)}" in first.text
    assert f"Speed of the belt. {marker(link.figure.ref)}" in second.text
    assert marked_refs(first.text, [link.figure.ref]) == [link.figure.ref]


def test_context_is_kept_with_the_figure(book, root):
    (figure,) = PDFLoader(book, image_root=root, context=True, workers=0).figures()
    assert figure.context.startswith("Page 2 speaks of")
    facts = json.loads((root / figure.ref).with_suffix(".json").read_text("utf-8"))
    assert facts["context"] == figure.context


def test_words_of_a_scan_become_its_text(tmp_path, root, monkeypatch):
    line = ReadLine((0.1, 0.1, 0.9, 0.2), "words of the scan")
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: [line])
    path = DATA / "pdf" / "scan-rotated-90.pdf"
    for ocr in (True, None):
        (chunk,) = load(path, root, ocr=ocr)
        assert chunk.text.startswith("words of the scan")
    (chunk,) = load(path, root, ocr=False)
    assert chunk.text == ""
    monkeypatch.setattr("mmrerank.loaders.pdf.loader.has_ocr", lambda: False)
    (chunk,) = load(path, root)
    assert chunk.text == ""


@pytest.mark.parametrize("ocr", [True, None, False])
def test_pages_with_nothing_but_a_running_title(tmp_path, root, ocr):
    """One is blank; the other is a scan, which is read although its title is text."""
    pytest.importorskip("rapidocr")
    scan = Image.new("RGB", (1000, 1200), "white")
    draw = ImageDraw.Draw(scan)
    for row in range(8):
        draw.text((100, 150 + 100 * row), "Bearing of the turbine", "black", font_size=60)
    scan.save(tmp_path / "scan.png")
    with pymupdf.open() as document:
        for number in range(1, 7):
            page = document.new_page()
            if number == 4:
                page.insert_image((5, 60, 590, 800), filename=str(tmp_path / "scan.png"))
            elif number != 3:
                page.insert_textbox(
                    (72, 100, 520, 400), f"Belts carry parts of kind {number}. " * 30
                )
            page.insert_text((72, 40), "The hall of belts")
            page.insert_text((290, 820), str(number))
        document.save(tmp_path / "book.pdf")
    chunks = load(tmp_path / "book.pdf", root, ocr=ocr)
    assert {chunk.page for chunk in chunks} == {1, 2, 4, 5, 6}
    (read,) = [chunk for chunk in chunks if chunk.page == 4]
    assert read.links[0].figure.page == 4
    assert ("turbine" in read.text) == (ocr is not False)


def test_a_scan_is_read_in_columns_and_paragraphs(tmp_path, root, monkeypatch):
    def column(x, words):
        return [
            ReadLine((x, 0.2 + 0.02 * row, x + 0.4, 0.218 + 0.02 * row), f"{word} in the col-")
            for row, word in enumerate(words)
        ]

    title = ReadLine((0.2, 0.1, 0.8, 0.15), "A title over both")
    lines = [title, *column(0.05, ["one", "two"]), *column(0.55, ["three", "four"])]
    lines.sort(key=lambda line: line.box[1])
    monkeypatch.setattr("mmrerank.ocr.words.read_lines", lambda data, name: lines)
    (chunk,) = load(DATA / "pdf" / "scan-rotated-90.pdf", root, ocr=True)
    assert chunk.text == (
        "A title over both\n\none in the coltwo in the col-\n\nthree in the colfour in the col-"
    )
    assert chunk.section == "A title over both"
    assert [link.kind for link in chunk.links] == ["page"]


def test_a_hyphen_stays_where_the_document_writes_the_word_with_it(tmp_path, root):
    with pymupdf.open() as document:
        page = document.new_page()
        lines = ["A self-locking nut holds. The self-", "locking kind moves inde-", "pendently."]
        for index, text in enumerate(lines):
            page.insert_text((72, 72 + 12 * index), text, fontsize=10)
        document.save(tmp_path / "a.pdf")
    (chunk,) = load(tmp_path / "a.pdf", root)
    assert chunk.text.endswith("The self-locking kind moves independently.")


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_read_what_this_one_reads(book, root, workers):
    here = load(book, root, tables=True, page_images=True)
    assert load(book, root, tables=True, page_images=True, workers=workers) == here


def test_a_page_that_takes_too_long_loses_its_figures_only(book, root, monkeypatch):
    original = worker.Inline.submit

    def slow(self, method, *args):
        future = original(self, method, *args)
        if method == "survey" and args[0].number == 2 and args[2].figures:
            future = type(future)()
            future.set_exception(worker.PageLostError("took longer than 30 s"))
        return future

    monkeypatch.setattr(worker.Inline, "submit", slow)
    with pytest.warns(RerankWarning, match="page 2: its figures cannot be read.*took longer"):
        chunks = load(book, root)
    assert {chunk.page for chunk in chunks} == {1, 2, 3, 4}


def test_a_call_that_takes_too_long_is_stopped():
    pages = worker.Processes(str(DATA / "pdf-damaged" / "slow.pdf"), None, 1, 0.01)
    with pytest.raises(worker.PageLostError, match=r"took longer than 0.01 s"):
        pages.submit("text", 1).result()
    pages.close()


def test_figures_are_looked_for_page_by_page(root, monkeypatch):
    asked = []
    original = worker.Inline.submit

    def submit(self, method, *args):
        if method == "survey":
            asked.append(args[0].number)
        return original(self, method, *args)

    monkeypatch.setattr(worker.Inline, "submit", submit)
    chunks = PDFLoader(
        DATA / "pdf" / "geotopo.pdf", image_root=root, pages=range(5, 60), workers=0
    ).lazy_load()
    next(chunks)
    assert len(asked) < 12
    chunks.close()


def test_a_page_that_draws_too_much_loses_its_figures_only(book, root):
    with pytest.warns(RerankWarning, match="page 2: its figures .* more than 1 paths"):
        chunks = load(book, root, max_paths=1)
    assert {chunk.page for chunk in chunks} == {1, 2, 3, 4}


def test_a_worker_that_dies_is_told_and_replaced(book, root, monkeypatch):
    loader = PDFLoader(book, image_root=root, workers=1)
    with loader.open() as (document, _):
        process = document._pages._idle.get()
        process._process.kill()
        document._pages._idle.put(process)
        with pytest.raises(Exception, match="ended its process"):
            document._pages.submit("info").result()
        assert document._pages.submit("info").result().page_count == 4


@pytest.fixture
def process():
    """A worker's process that has opened a PDF with a page of much text."""
    made = worker._Worker()
    made.ask("open", (str(DATA / "pdf-damaged" / "slow.pdf"), None, None), 60)
    yield made._process
    made.stop()


def test_a_worker_whose_owner_is_gone_ends_in_silence(process, capfd):
    worker._write(process.stdin, ("text", (1,), 60))
    process.stdout.close()
    process.stdin.close()
    assert process.wait(20) == 0
    assert not capfd.readouterr().err


def test_a_worker_whose_owner_is_gone_hangs_on_no_page(process):
    worker._write(process.stdin, ("text", (1,), 0.01))
    assert process.wait(20) == -signal.SIGALRM


def test_relative_paths_are_of_the_folder_that_is_current(tmp_path, monkeypatch):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        with pymupdf.open() as document:
            page = document.new_page()
            page.insert_text((72, 72), f"This is the report of the {name} folder.")
            page.draw_bezier((100, 100), (200, 300), (250, 50), (300, 200))
            document.save(tmp_path / name / "report.pdf")
    for name in ("first", "second"):
        monkeypatch.chdir(tmp_path / name)
        (chunk,) = PDFLoader("report.pdf", image_root="images").load()
        assert f"the {name} folder" in chunk.text
        assert (tmp_path / name / "images" / chunk.links[0].figure.ref).is_file()


def test_documents_that_share_an_image_keep_their_own_captions(tmp_path, root):
    def save(name, caption, pages=1):
        with pymupdf.open() as document:
            for _ in range(pages):
                document.new_page()
            page = document[-1]
            page.insert_text((72, 400), "Text stands here so that the page is more than a figure.")
            page.draw_bezier((100, 100), (200, 300), (250, 50), (300, 200))
            page.insert_text((100, 260), caption)
            document.save(tmp_path / name)
        (chunk,) = load(tmp_path / name, root)
        return ImageFile.from_path(root / chunk.links[0].figure.ref)

    image = save("a.pdf", "Figure 1: Zebra crossings.")
    assert loader_facts(image)["caption"] == "Figure 1: Zebra crossings."
    assert save("a.pdf", "Figure 1: Giraffes.", pages=2) == image
    assert (loader_facts(image)["caption"], loader_facts(image)["page"]) == (
        "Figure 1: Giraffes.",
        2,
    )
    assert save("b.pdf", "Figure 1: Elephants.") == image
    assert loader_facts(image)["caption"] == ""
    for name, caption in (("a.pdf", "Figure 1: Giraffes."), ("b.pdf", "Figure 1: Elephants.")):
        assert loader_facts(image, str(tmp_path / name))["caption"] == caption


def test_a_damaged_file_is_told(tmp_path, root):
    data = (DATA / "pdf" / "geotopo.pdf").read_bytes()
    (tmp_path / "cut.pdf").write_bytes(data[: len(data) * 9 // 10])
    with pytest.warns(RerankWarning, match=r"cut\.pdf: is damaged; what can be read"):
        PDFLoader(tmp_path / "cut.pdf", image_root=root, pages=[1], workers=0).load()


def test_a_file_with_nothing_in_it_is_told(tmp_path, root):
    with pymupdf.open() as document:
        document.new_page()
        document.save(tmp_path / "blank.pdf")
    with pytest.warns(RerankWarning, match="neither text nor images"):
        assert load(tmp_path / "blank.pdf", root) == []


def test_all_words_of_a_listing_have_its_image(tmp_path, root):
    with pymupdf.open() as document:
        page = document.new_page()
        rows = "\n".join(f"row {number}: value {number * 7}" for number in range(40))
        page.insert_textbox((72, 72, 300, 600), rows, fontsize=8)
        page.insert_text((72, 500), "Figure 1: Many rows.", fontsize=10)
        page.insert_textbox((72, 560, 520, 700), "Words of the body text go on and on here. " * 20)
        document.save(tmp_path / "rows.pdf")
    chunks = load(tmp_path / "rows.pdf", root, chunk_size=200)
    rows = [chunk for chunk in chunks if "row " in chunk.text]
    assert len(rows) > 2
    assert all(chunk.links for chunk in rows)


def test_tables_are_found_with_and_without_a_caption(tmp_path, root):
    with pymupdf.open() as document:
        page = document.new_page()
        for top, caption in ((120, "Table 1: Speeds of the belts."), (400, "")):
            page.insert_text((72, top - 12), caption)
            for row in range(5):
                for column in range(4):
                    box = pymupdf.Rect(72 + 110 * column, top + 24 * row, 182 + 110 * column, 0)
                    box.y1 = box.y0 + 24
                    page.draw_rect(box)
                    page.insert_text((box.x0 + 8, box.y0 + 16), f"{row}.{column} m/s")
        page.insert_textbox((72, 560, 520, 700), "Body text of the page goes on here. " * 20)
        document.save(tmp_path / "tables.pdf")
    loader = PDFLoader(tmp_path / "tables.pdf", image_root=root, tables=True, workers=0)
    first, second = loader.figures()
    assert (first.label, second.label) == ("table 1", "")
    assert [figure.kind for figure in (first, second)] == ["table", "table"]
    assert abs(first.box[1] - 120) < 20
    assert abs(second.box[1] - 400) < 20


def test_a_script_without_a_main_guard_works(book, root, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from mmrerank import PDFLoader\n"
        f"print(len(PDFLoader({str(book)!r}, image_root={str(root)!r}, workers=2).load()))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 4
    assert not done.stderr


def test_links_of_the_document_itself_can_be_switched_off(root, monkeypatch):
    calls = []
    monkeypatch.setattr(survey.OpenPDF, "_targets", lambda self, page: calls.append(1) or [])
    load(DATA / "pdf" / "geotopo.pdf", root, pages=[8], destinations=False)
    assert not calls
    load(DATA / "pdf" / "geotopo.pdf", root, pages=[8])
    assert calls


@pytest.mark.parametrize(
    ("words", "y", "linked"),
    [
        ("3", 95, True),
        ("(3b)", 250, True),
        ("4", 95, False),
        ("there", 95, False),
        ("3", 600, False),
    ],
)
def test_links_without_a_name_count_where_their_words_say_the_figure(
    tmp_path, root, words, y, linked
):
    with pymupdf.open() as document:
        document.new_page()
        document.new_page()
        first, second = document
        first.insert_text((72, 100), "The second query costs less than the first, as shown in")
        first.insert_text((372, 100), words)
        first.insert_text((72, 300), "Something else is told in another paragraph of the page.")
        second.draw_bezier((100, 100), (200, 300), (250, 50), (300, 200))
        second.insert_text((100, 260), "Figure 3: What a query costs.")
        second.insert_text((72, 650), "The text goes on below the figure for one more line.")
        target = {"kind": pymupdf.LINK_GOTO, "page": 1, "to": pymupdf.Point(72, y)}
        first.insert_link({**target, "from": pymupdf.Rect(371, 88, 373 + 6 * len(words), 104)})
        document.save(tmp_path / "linked.pdf")
    chunks = load(tmp_path / "linked.pdf", root)
    (cited,) = [chunk for chunk in chunks if "costs less" in chunk.text]
    assert [link.kind for link in cited.links] == ["reference"] * linked


@pytest.mark.parametrize("options", [{"mode": "line"}, {"workers": -1}, {"page_timeout": 0}])
def test_options_are_checked(book, root, options):
    with pytest.raises(InvalidInputError):
        PDFLoader(book, image_root=root, **options)
