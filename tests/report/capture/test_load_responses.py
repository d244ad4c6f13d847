from __future__ import annotations

import json
import math

import numpy as np
import pytest

from report.capture.findings import CaptureError
from report.capture.responses import read_baseline_json, read_calibration_jsonl


def write(path, document):
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def response(i, **changes):
    row = {"question": f" q{i} ", "response": "one two", "n_tokens": 3.0, "n_words": 2}
    return {k: v for k, v in (row | changes).items() if v is not None}


@pytest.mark.parametrize("key", ["axes", "baseline"])
def test_both_names_of_the_table_of_axes_are_read(tmp_path, key):
    rows = [response(0), response(1, n_words=None)]
    path = write(tmp_path / "m.json", {key: {"a": {"values": [0.5, None]}}, "responses": rows})
    found = read_baseline_json(path, "m")
    assert found.answers.questions == ("q0", "q1")
    assert found.answers.counts is not None
    assert found.answers.counts.tolist() == [3, 3]
    assert found.answers.n_words.tolist() == [2, 2]
    assert found.answers.times is None
    assert found.projections["a"][0] == 0.5
    assert math.isnan(found.projections["a"][1])


def test_without_responses_the_questions_are_nameless_and_the_models_own(tmp_path):
    path = write(tmp_path / "m.json", {"axes": {"a": {"values": [1, 2]}}, "n_questions": 2})
    found = read_baseline_json(path, "m")
    assert not found.listed
    assert found.answers.counts is None
    assert found.answers.questions == ("[m, question 1]", "[m, question 2]")


def test_a_missing_count_leaves_no_counts_at_all(tmp_path):
    rows = [response(0), response(1, n_tokens=None), response(2, n_tokens=2.5)]
    path = write(tmp_path / "m.json", {"axes": {}, "responses": rows})
    assert read_baseline_json(path, "m").answers.counts is None


def test_counts_may_be_text(tmp_path):
    rows = [response(0, n_tokens="25", n_words=" 7 "), response(1, n_tokens=3)]
    found = read_baseline_json(write(tmp_path / "m.json", {"axes": {}, "responses": rows}), "m")
    assert found.answers.counts.tolist() == [25, 3]
    assert found.answers.n_words[0] == 7


def test_a_number_of_questions_that_is_null_is_not_given(tmp_path):
    document = {"axes": {}, "responses": [response(0)], "n_questions": None}
    assert read_baseline_json(write(tmp_path / "m.json", document), "m").declared is None


def test_axes_of_another_length_are_named(tmp_path):
    document = {"axes": {"a": {"values": [1]}, "b": {}, "c": 3}, "responses": [response(0)]}
    found = read_baseline_json(write(tmp_path / "m.json", document), "m")
    assert list(found.projections) == ["a"]
    assert found.uneven == ("b", "c")


@pytest.mark.parametrize(
    "document",
    [
        [],
        {},
        {"axes": 3, "responses": [response(0)]},
        {"axes": {}, "responses": "none"},
        {"axes": {}, "responses": [3]},
        {"axes": {}, "responses": [{"response": "x"}]},
        {"axes": {"a": {"values": [1]}, "b": {"values": [1, 2]}}},
        {"axes": {}},
    ],
)
def test_what_is_not_a_baseline_file_is_refused(tmp_path, document):
    with pytest.raises(CaptureError):
        read_baseline_json(write(tmp_path / "m.json", document), "m")


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_bytes_that_are_no_json_are_refused(tmp_path, content):
    path = tmp_path / "m.json"
    path.write_bytes(content)
    with pytest.raises(CaptureError):
        read_baseline_json(path, "m")


def line(axis="a", pole="positive", **changes):
    row = {"axis": axis, "pole": pole, **response(0, **changes)}
    return json.dumps(row, ensure_ascii=False)


def test_a_line_separator_inside_an_answer_does_not_end_the_line(tmp_path):
    path = tmp_path / "m.jsonl"
    text = line(response="a\u2028b\x85c") + "\n\n" + line(pole="negative") + "\n"
    path.write_text(text, encoding="utf-8")
    found = read_calibration_jsonl(path, "m")
    assert found.labels == [("a", "positive", "q0"), ("a", "negative", "q0")]
    assert found.select(np.array([1])).labels == [("a", "negative", "q0")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ('{"axis": "a"', "line 1"),
        ('{"axis": "a"}', "has no pole and no question"),
        (line(pole="warm"), "names the pole 'warm'"),
        (line() + "\n[1]\n{}", "line 2"),
    ],
)
def test_a_bad_line_is_named(tmp_path, text, said):
    path = tmp_path / "m.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CaptureError, match=said):
        read_calibration_jsonl(path, "m")


def test_a_single_bad_line_keeps_its_place(tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text("\n".join([line(), line()[:20], line(pole="negative")]), encoding="utf-8")
    found = read_calibration_jsonl(path, "m")
    assert found.pole == ("positive", "", "negative")
    assert found.answers.counts is not None
    assert found.answers.counts[1] == 0
    assert found.damaged is not None
    assert found.damaged.field == "line 2"
