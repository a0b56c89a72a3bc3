"""A file of scores: what was written is there after any end, and nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mmrerank import InvalidInputError
from mmrerank.evaluation.mteb_scores import ScoreFile

FACTS = {"model": "m", "dtype": "float32"}


def write(folder, lines, facts=FACTS):
    with ScoreFile(folder, "task", facts) as file:
        for query, scores in lines:
            file.add(query, scores)
    (path,) = folder.glob("*.jsonl")
    return path


def read(folder, facts=FACTS):
    with ScoreFile(folder, "task", facts) as file:
        return file.scores


def test_scores_come_back_bit_by_bit(tmp_path):
    score = 0.1 + 0.2
    write(tmp_path, [("q", {"a": score}), ("q", {"b": 1e-300}), ("ü", {"a": -1.0})])
    assert read(tmp_path) == {"q": {"a": score, "b": 1e-300}, "ü": {"a": -1.0}}


def test_other_facts_are_another_file(tmp_path):
    write(tmp_path, [("q", {"a": 1.0})])
    assert read(tmp_path, FACTS | {"dtype": "bfloat16"}) == {}
    assert len([*tmp_path.iterdir()]) == 2


@given(some.data())
def test_a_file_that_was_cut_anywhere_goes_on(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("scores")
    lines = [(f"q{i}", {"a": i / 7}) for i in range(4)]
    path = write(folder, lines)
    whole = path.read_bytes()
    kept = data.draw(some.integers(0, len(whole)))
    path.write_bytes(whole[:kept])
    found = read(folder)
    count = max(whole[:kept].count(b"\n") - 1, 0)
    assert found == dict(lines[:count])
    write(folder, lines[count:])
    assert path.read_bytes() == whole


def test_the_name_of_a_subset_is_no_path(tmp_path):
    with ScoreFile(tmp_path, "task-../en/de", FACTS):
        pass
    assert [path.name[:13] for path in tmp_path.iterdir()] == ["task-.._en_de"]


def test_damage_in_the_middle_is_named(tmp_path):
    path = write(tmp_path, [("q", {"a": 1.0})])
    path.write_bytes(path.read_bytes() + b"{}\n")
    with pytest.raises(InvalidInputError, match="line 3: damaged"):
        read(tmp_path)
    path.write_text(json.dumps({"other": 1}) + "\n")
    with pytest.raises(InvalidInputError, match="is not a file of scores"):
        read(tmp_path)
