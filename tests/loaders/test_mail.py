"""Mails and web archives, with what is inside and beside their text."""

from __future__ import annotations

import base64
import json
import re
from email.message import EmailMessage

import pytest
from helpers import image_file, load_file, not_rendered

from mmrerank.errors import RerankWarning
from mmrerank.loaders import attachments

pytest.importorskip("bs4")
pytest.importorskip("lxml")


def mail(subject="Belts"):
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "Ann <a@x.org>", "b@x.org"
    message.set_content("Plain.\n")
    return message


def load(folder, message, root, name="a.eml"):
    (folder / name).write_bytes(message if isinstance(message, bytes) else message.as_bytes())
    return load_file(folder / name, root)


def test_a_plain_mail(tmp_path, root):
    (chunk,) = load(tmp_path, mail(), root)
    assert chunk.text == "Belts\n\nFrom: Ann <a@x.org>\nTo: b@x.org\n\nPlain."
    assert chunk.section == "Belts"


def test_html_is_read_once_and_shows_its_images(tmp_path, root):
    message = mail()
    message.add_alternative("<p>As <b>HTML</b>.</p><img src='cid:belt' alt='a belt'>", "html")
    message.get_payload()[1].add_related(image_file(), "image", "png", cid="<belt>")
    message.add_attachment(image_file(color="blue"), "image", "png", filename="hall.png")
    chunk, attached = load(tmp_path, message, root)
    assert chunk.text.endswith("\n\nAs HTML.")
    assert "Plain" not in chunk.text
    assert [link.figure.caption for link in chunk.links] == ["a belt"]
    assert attached.metadata["attachment"] == "hall.png"


def pdf(*pages):
    """A PDF with these words on its pages."""
    pymupdf = pytest.importorskip("pymupdf")
    with pymupdf.open() as document:
        for text in pages:
            document.new_page().insert_text((72, 100), text)
        return document.tobytes()


def named(chunks):
    """The attachment and page of each chunk, and the beginning of its text."""
    return [(c.metadata.get("attachment"), c.page, c.text.split("\n")[0]) for c in chunks]


def test_attached_files_follow_the_mail(tmp_path, root):
    message = mail()
    report = pdf("First page of the report.", "Second page of it.")
    message.add_attachment(report, "application", "pdf", filename="report.pdf")
    message.add_attachment("a,b\n1,2\n", "csv", filename="belts.csv")
    message.add_attachment("<h1>Hall</h1><p>Words.</p>", "html", filename="hall.html")
    message.add_attachment(image_file(color="blue"), "image", "png", filename="hall.png")
    chunks = load(tmp_path, message, root)
    assert named(chunks) == [
        (None, 0, "Belts"),
        ("report.pdf", 1, "First page of the report."),
        ("report.pdf", 2, "Second page of it."),
        ("belts.csv", 0, "| a | b |"),
        ("hall.html", 0, "Hall"),
        ("hall.png", 0, ""),
    ]
    assert {chunk.source for chunk in chunks} == {str(tmp_path / "a.eml")}
    assert [chunk.position for chunk in chunks] == list(range(6))
    assert chunks == load(tmp_path, message, root)  # no trace of the temporary files
    (link,) = chunks[-1].links
    facts = json.loads((root / link.figure.ref).with_suffix(".json").read_text())
    assert facts["source"] == link.figure.source == str(tmp_path / "a.eml")


def test_mails_within_mails(tmp_path, root):
    inner = mail("Forwarded")
    inner.add_attachment("More words.", filename="more.txt")
    message = mail()
    message.add_attachment(inner)
    saved = inner.as_bytes()
    message.add_attachment(saved, "application", "octet-stream", filename="saved.eml")
    assert named(load(tmp_path, message, root)) == [
        (None, 0, "Belts"),
        ("Forwarded", 0, "Forwarded"),
        ("Forwarded > more.txt", 0, "More words."),
        ("saved.eml", 0, "Forwarded"),
        ("saved.eml > more.txt", 0, "More words."),
    ]


def test_a_mail_within_in_base64(tmp_path, root):
    encoded = base64.b64encode(mail("Forwarded").as_bytes()).decode()
    head = "Subject: Belts\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
    chunks = load(tmp_path, (head + encoded).encode(), root)
    assert named(chunks)[-1] == ("Forwarded", 0, "Forwarded")


def test_what_cannot_be_read_is_named_and_costs_only_itself(tmp_path, root):
    message = mail()
    message.add_attachment(b"%PDF", "application", "pdf", filename="broken.pdf")
    message.add_attachment(b"PK", "application", "zip", filename="all.zip")
    message.add_attachment(pdf("Whole."), "application", "pdf", filename="../whole\t.pdf")
    with pytest.warns(RerankWarning) as warned:
        chunks = load(tmp_path, message, root)
    told = sorted(str(one.message).partition("a.eml: ")[2] for one in warned)
    assert told[0] == "the attachment 'all.zip' is left out: its format is not known"
    assert told[1].startswith("the attachment 'broken.pdf' is left out: cannot be read as a PDF")
    assert "attachment.pdf" not in told[1]
    assert named(chunks)[1:] == [("../whole.pdf", 1, "Whole.")]
    assert not_rendered(chunks[0]) == ["attachment all.zip"]


def test_warnings_of_attached_files_name_them(tmp_path, root):
    message = mail()
    message.add_attachment(b"<img src='gone.png'>Words.", "text", "html", filename="hall.html")
    with pytest.warns(RerankWarning, match="a.eml: attachment 'hall.html': an image is left out"):
        load(tmp_path, message, root)


def test_options_reach_the_loaders_of_attached_files(tmp_path, root):
    message = mail()
    message.add_attachment("b\u00e4nder\n", charset="cp437", filename="a.txt")
    message.add_attachment(b"gr\x81n", "application", "octet-stream", filename="b.txt")
    report = pdf("Words.")
    message.add_attachment(report, "application", "pdf", filename="report.pdf")
    (tmp_path / "a.eml").write_bytes(message.as_bytes())
    chunks = load_file(tmp_path / "a.eml", root, encoding="cp437", page_images=True)
    assert [chunk.text for chunk in chunks[1:]] == ["b\u00e4nder", "gr\u00fcn", "Words."]
    assert chunks[-1].links[0].figure.kind == "page"


@pytest.mark.parametrize(
    ("name", "value", "reason", "read"),
    [
        ("_MAX_COUNT", 1, "the limit is 1 attachments", 1),
        ("_MAX_BYTES", 20, "the limit is 20 bytes of attachments", 1),
        ("_MAX_SECONDS", -1, "took longer", 0),
    ],
)
def test_limits(tmp_path, root, monkeypatch, name, value, reason, read):
    monkeypatch.setattr(attachments, name, value)
    message = mail()
    for i in range(2):
        message.add_attachment(f"Words of {i}.", filename=f"{i}.txt")
    with pytest.warns(RerankWarning) as warned:
        chunks = load(tmp_path, message, root)
    assert len(chunks) == 1 + read
    assert len(warned) == 2 - read
    assert re.search(f"the attachment '1.txt' is left out: .*{reason}", str(warned[-1].message))


def test_mails_too_deep_inside(tmp_path, root):
    message = mail("9")
    for level in range(8, -1, -1):
        outer = mail(str(level))
        outer.add_attachment(message)
        message = outer
    with pytest.warns(RerankWarning, match="the attachment '9' is left out: the limit is 8 mails"):
        chunks = load(tmp_path, message, root)
    assert chunks[-1].metadata["attachment"] == "1 > 2 > 3 > 4 > 5 > 6 > 7 > 8"


def test_figures_of_attached_files_get_chunks_of_their_own(tmp_path, root):
    message = mail()
    message.add_attachment(
        "<img src='data:image/png;base64,"
        + base64.b64encode(image_file()).decode()
        + "' alt='A belt'>",
        "html",
        filename="hall.html",
    )
    (tmp_path / "a.eml").write_bytes(message.as_bytes())
    *_, cited, figure = load_file(tmp_path / "a.eml", root, figure_chunks=True)
    assert figure.metadata["kind"] == "figure"
    assert figure.metadata["attachment"] == "hall.html"
    assert json.loads(figure.metadata["cited_by"]) == [cited.id]


def test_an_image_that_is_not_in_the_mail_is_named(tmp_path, root):
    message = mail()
    message.add_alternative("<p>Text.</p><img src='cid:gone'><img src='/etc/hosts'>", "html")
    with pytest.warns(RerankWarning, match="an image is left out"):
        (chunk,) = load(tmp_path, message, root)
    assert not_rendered(chunk)[0] == "cid:gone: is not in the file"
    assert not chunk.links


def test_a_web_archive(tmp_path, root):
    message = EmailMessage()
    message["Subject"] = "A page"
    message.set_content("<p>Page.</p><img src='files/belt.png'>", "html")
    message["Content-Location"] = "file:///C:/page.htm"
    message.add_related(
        image_file(), "image", "png", headers=["Content-Location: file:///C:/files/belt.png"]
    )
    message.add_related("p {}", "css")
    (chunk,) = load(tmp_path, message, root, "page.mht")
    assert chunk.text == "A page\n\nPage."
    assert len(chunk.links) == 1


def test_charsets(tmp_path, root):
    head = b"Subject: =?utf-8?q?B=C3=A4nder?=\nContent-Type: text/plain; charset="
    (chunk,) = load(tmp_path, head + b"iso-8859-1\n\n\xfcber\n", root)
    assert chunk.text == "B\u00e4nder\n\n\u00fcber"
    (chunk,) = load(tmp_path, head + b"klingon\n\n\xc3\xbcber\n", root)
    assert chunk.text.endswith("\u00fcber")


def test_parts_without_a_boundary_are_text(tmp_path, root):
    broken = b"Subject: Belts\nContent-Type: multipart/alternative\n\nWords.\n"
    assert load(tmp_path, broken, root)[0].text == "Belts\n\nWords."


def test_an_attachment_that_takes_too_long_keeps_what_was_read(tmp_path, root, monkeypatch):
    monkeypatch.setattr(attachments, "_MAX_SECONDS", 0.0)
    message = mail()
    message.add_attachment(pdf("One.", "Two."), "application", "pdf", filename="report.pdf")
    with pytest.warns(RerankWarning, match="the rest of the attachment 'report.pdf' is left out"):
        chunks = load(tmp_path, message, root)
    assert named(chunks)[1:] == [("report.pdf", 1, "One.")]
