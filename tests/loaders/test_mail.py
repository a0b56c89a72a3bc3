"""Mails and web archives, with what is inside and beside their text."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from helpers import image_file, load_file, not_rendered

from mmrerank.errors import RerankWarning

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
    (chunk,) = load(tmp_path, message, root)
    assert chunk.text.endswith("\n\nAs HTML.")
    assert "Plain" not in chunk.text
    assert sorted(link.figure.caption for link in chunk.links) == ["", "a belt"]


def test_attachments_are_read_or_named(tmp_path, root):
    message = mail()
    message.add_attachment("More words.", filename="more.txt")
    message.add_attachment(mail("Forwarded"))
    message.add_attachment(b"%PDF", "application", "pdf", filename="report.pdf")
    with pytest.warns(RerankWarning, match="the attachment 'report.pdf' is left out"):
        first, second = load(tmp_path, message, root)
    assert first.text.endswith("Plain.\n\nMore words.")
    assert second.section == "Belts > Forwarded"
    assert not_rendered(second) == ["attachment report.pdf"]


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
