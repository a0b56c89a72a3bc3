"""mmrerank list, remove and check."""

from __future__ import annotations

import pytest

from mmrerank.cli.main import main
from mmrerank.index.sqlite_ledger import SQLiteLedger
from mmrerank.index.sqlite_writer import writing


def test_list_names_each_file(store, indexed, capsys):
    assert main(["list", "--store", store]) == 0
    assert capsys.readouterr().out.split() == [str(indexed / "a.pdf"), str(indexed / "b.pdf")]


def test_remove_takes_a_file_out_of_the_index_and_leaves_it_on_the_disk(folder, indexed, capsys):
    path, store = indexed / "b.pdf", str(folder / "store")
    assert main(["remove", str(path), "--store", store]) == 0
    assert f"removed: {path}" in capsys.readouterr().err
    assert path.is_file()
    assert main(["remove", str(path), "--store", store]) == 1
    assert "is not in the index" in capsys.readouterr().err


def test_a_lost_ledger_is_mended_even_after_a_check(folder, capsys):
    store = str(folder / "store")
    for path in (folder / "store").glob("ledger*"):
        path.unlink()
    commands = (["check"], ["index", str(folder / "a.pdf")], ["check"])
    for command in commands:
        assert main([*command, "--store", store]) == 1
        assert "there is no ledger for" in capsys.readouterr().err
    assert main(["check", "--mend", "--store", store]) == 0
    assert main(["check", "--store", store]) == 0
    assert main(["search", "machine", "--store", store, "--reranker", "none"]) == 0
    assert "b.pdf" in capsys.readouterr().out


@pytest.mark.parametrize("command", [["remove", "b.pdf"], ["check"]])
def test_another_writer_is_waited_for_as_long_as_asked(folder, indexed, capsys, command):
    store = folder / "store"
    command = [str(indexed / "b.pdf") if part == "b.pdf" else part for part in command]
    ledger = SQLiteLedger(store / "ledger.sqlite3")
    with writing(ledger):
        code = main([*command, "--store", str(store), "--lock-timeout", "0.1"])
    ledger.close()
    assert code == 1
    said = capsys.readouterr().err
    assert "waiting for another process" in said
    assert "another process is writing to the index" in said
