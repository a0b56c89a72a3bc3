"""Text files, and tables with separators."""

from __future__ import annotations

import pytest
from helpers import load_file

from mmrerank.errors import DocumentError, InvalidInputError, RerankWarning
from mmrerank.loaders import text as module


def test_paragraphs(tmp_path, root):
    path = tmp_path / "a.txt"
    path.write_bytes("One\r\nline.\r\n \r\n\r\nTwo \u20ac.".encode("utf-8-sig"))
    (chunk,) = load_file(path, root)
    assert chunk.text == "One\nline.\n\nTwo \u20ac."
    assert [c.text for c in load_file(path, root, chunk_size=10)] == ["One\nline.", "Two \u20ac."]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_encodings_that_files_show(tmp_path, root, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes("\u00fcber".encode(encoding))
    assert load_file(path, root)[0].text == "\u00fcber"


def test_an_encoding_that_is_guessed_is_told(tmp_path, root):
    path = tmp_path / "a.txt"
    path.write_bytes("\u00fcber".encode("latin-1"))
    with pytest.warns(RerankWarning, match="is not UTF-8"):
        assert load_file(path, root)[0].text == "\u00fcber"
    assert load_file(path, root, encoding="latin-1")[0].text == "\u00fcber"
    with pytest.warns(RerankWarning, match="not ascii, and are replaced"):
        assert load_file(path, root, encoding="ascii")[0].text == "\ufffdber"
    with pytest.raises(InvalidInputError, match="encoding 'klingon' is not known"):
        load_file(path, root, encoding="klingon")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv", 'name,speed\n"belt, A",7\n'),
        ("a.csv", 'name;speed\n"belt, A";7\n'),
        ("a.tsv", "name\tspeed\nbelt, A\t7\n"),
    ],
)
def test_tables_with_separators(tmp_path, root, name, data):
    (tmp_path / name).write_text(data)
    (chunk,) = load_file(tmp_path / name, root)
    assert chunk.text == "| name | speed |\n| --- | --- |\n| belt, A | 7 |"


def test_each_chunk_of_a_long_table_has_its_header(tmp_path, root):
    rows = "".join(f"{n},{n * n}\n" for n in range(500))
    (tmp_path / "a.csv").write_text("n,square\n" + rows)
    chunks = load_file(tmp_path / "a.csv", root)
    assert len(chunks) > 3
    assert all(chunk.text.startswith("| n | square |\n| --- | --- |\n") for chunk in chunks)
    assert sum(chunk.text.count("\n") - 1 for chunk in chunks) == 500


def test_files_are_bounded(tmp_path, root, monkeypatch):
    monkeypatch.setattr(module, "MAX_BYTES", 3)
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(DocumentError, match=r"a\.txt"):
        load_file(tmp_path / "a.txt", root)
    (tmp_path / "b.csv").write_text(" \n")
    with pytest.warns(RerankWarning, match="b.csv: has no text and no images"):
        assert load_file(tmp_path / "b.csv", root) == []
