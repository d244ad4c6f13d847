from __future__ import annotations

import csv
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from report.capture.check import inspect
from report.capture.extract import extract
from report.capture.feature_files import write_features
from report.capture.features import Baseline, Features
from report.capture.questions import folded
from report.capture.read_features import read_features
from stats.outcome import Reason


def test_what_is_read_is_what_was_written(captures, tmp_path):
    for key in ("m", "n"):
        captures.baseline(key, seed=ord(key), counts=(5, 3, 1, 0, 6, 5))
    captures.baseline("bare", arrays={"per_layer_states": None}, offsets="fit")
    captures.calibration("n", held=("warm_cold",))
    (captures.raw / "absent_baseline.json").write_text("{")
    features = extract(captures.study("m", "n", "bare", "absent"))
    write_features(features, tmp_path / "features")
    found = read_features(tmp_path / "features")
    assert found == features
    assert (features.origin, found.origin) == ("raw", "features")
    write_features(found, tmp_path / "again")
    for path in (tmp_path / "features").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_study_starts_from_features_alone(captures):
    captures.baseline()
    captures.calibration()
    study = captures.study()
    features = extract(study)
    write_features(features, study.features_folder)
    for path in captures.raw.iterdir():
        path.unlink()
    assert extract(study) == features


@pytest.mark.parametrize("filtered", [True, False])
def test_older_calibrations_have_no_bounds_and_it_is_said(captures, filtered):
    """They are whole where nothing speaks against it, else nothing is known of their mass."""
    arrays = {} if filtered else {"top_k_logprobs": np.full((30, 2), np.log(0.4))}
    captures.baseline(arrays=arrays)
    captures.calibration()
    study = captures.study()
    features = extract(study)
    write_features(features, study.features_folder)
    for path in captures.raw.iterdir():
        path.unlink()
    path = study.features_folder / "calibration.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    kept = [c for c in rows[0] if c not in ("entropy_low", "entropy_high", "stored_mass")]
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, kept, extrasaction="ignore", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    found = extract(study)
    (said,) = [p for p in found.problems if "there are no bounds" in p.problem]
    assert said.note == filtered
    calibration = found.calibrations["m"]
    assert calibration.is_complete == filtered
    np.testing.assert_array_equal(calibration.entropy, features.calibrations["m"].entropy)


def test_features_of_another_study_toml_cost_what_they_lack(captures):
    for key in ("m", "n"):
        captures.baseline(key)
    captures.calibration("n")
    study = captures.study("m", "n")
    write_features(extract(study), study.features_folder)
    for path in captures.raw.iterdir():
        path.unlink()
    axes = (*study.axes[1:], study.axes[0].model_copy(update={"key": "new_old"}))
    changed = captures.study("m", "k", axes=axes)
    found = extract(changed)
    assert found.baselines.keys() == {"m"}
    assert not found.calibrations
    projections = found.baselines["m"].projections
    assert list(projections) == [axis.key for axis in axes]
    assert np.isnan(projections["new_old"]).all()
    assert found.why_missing("m", "projections", "new_old") is Reason.MISSING_CAPTURE
    assert {p.model for p in found.problems} <= {"", "m"}
    assert "holds models that study.toml does not name: n" in [p.problem for p in found.problems]
    said = [p for report in inspect(changed) for p in report.problems]
    assert sorted(said, key=str) == sorted(found.problems, key=str)


NUMBERS = st.floats(0.0, 1e12)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip)


@settings(deadline=None)
@example([("a\rb", 0.0, 0.0)])
@example([("=1+1", 0.0, 0.0), ("'=1+1", 0.0, 0.0), ("''=1", 0.0, 0.0), ("'a", 0.0, 0.0)])
@given(
    st.lists(
        st.tuples(TEXTS.filter(folded), NUMBERS | st.just(math.nan), NUMBERS.map(lambda x: -x)),
        min_size=1,
        max_size=5,
        unique_by=lambda row: folded(row[0]),
    )
)
def test_any_text_and_any_number_survive(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("features")
    first = np.array([one for _, one, _ in rows])
    second = np.array([two for _, _, two in rows])
    n = np.arange(len(rows))
    baseline = Baseline(
        "m", tuple(text for text, _, _ in rows), n, n, {"a": second}, first, first, first, first,
        second, first, filtered=True, boundaries="counts", extras={"x": 0.1},
    )  # fmt: skip
    features = Features({"m": baseline})
    write_features(features, folder)
    assert read_features(folder) == features


def test_tables_are_tidy_and_missing_values_are_empty(captures, tmp_path):
    captures.baseline(counts=(5, 3, 1, 0, 6, 5))
    write_features(extract(captures.study()), tmp_path / "f")
    with (tmp_path / "f" / "questions.csv").open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["number"] for row in rows] == list("123456")
    assert rows[3]["entropy"] == ""
    assert not math.isnan(float(rows[0]["warm_cold"]))
    with (tmp_path / "f" / "layers.csv").open(encoding="utf-8", newline="") as handle:
        assert len(list(csv.DictReader(handle))) == 6 * 3
    assert "nats" in (tmp_path / "f" / "README.md").read_text(encoding="utf-8")


def test_no_spreadsheet_takes_a_question_for_a_formula(captures, tmp_path):
    question = '=HYPERLINK("http://x")'
    captures.baseline(document={"responses": [{"question": question, "n_tokens": 5}]}, counts=(5,))
    features = extract(captures.study())
    assert features.baselines["m"].questions == (question,)
    write_features(features, tmp_path / "f")
    with (tmp_path / "f" / "questions.csv").open(encoding="utf-8", newline="") as handle:
        assert next(csv.DictReader(handle))["text"] == f"'{question}"
    assert read_features(tmp_path / "f") == features


def test_an_axis_called_like_a_column_is_refused(captures, tmp_path):
    captures.baseline()
    features = extract(captures.study())
    baseline = features.baselines["m"]
    clash = replace(baseline, projections={"entropy": baseline.entropy})
    with pytest.raises(ValueError, match="entropy"):
        write_features(Features({"m": clash}), tmp_path / "f")


# --- what is not as it was written ------------------------------------------------------


def edit_meta(folder, edit):
    path = folder / "meta.json"
    meta = json.loads(path.read_text())
    edit(meta)
    path.write_text(json.dumps(meta))


def lines_of(folder, table):
    return (folder / f"{table}.csv").read_text().splitlines()


def write(folder, table, lines):
    (folder / f"{table}.csv").write_text("\n".join(lines) + "\n")


def edit_cell(folder, table, line, column, text):
    """Put a text into a cell; lines count from 1, the line of names."""
    lines = lines_of(folder, table)
    cells = lines[line - 1].split(",")
    cells[lines[0].split(",").index(column)] = text
    lines[line - 1] = ",".join(cells)
    write(folder, table, lines)


def swap(folder, table, one, other):
    lines = lines_of(folder, table)
    lines[one - 1], lines[other - 1] = lines[other - 1], lines[one - 1]
    write(folder, table, lines)


def drop(folder, table, line):
    lines = lines_of(folder, table)
    del lines[line - 1]
    write(folder, table, lines)


def double(folder, table, line, **cells):
    lines = lines_of(folder, table)
    write(folder, table, [*lines, lines[line - 1]])
    for column, text in cells.items():
        edit_cell(folder, table, len(lines) + 1, column, text)


@pytest.fixture
def whole(captures, tmp_path):
    """Two models' features, and the folder that they were written to."""
    for key in ("m", "n"):
        captures.baseline(key, seed=ord(key))
        captures.calibration(key)
    features = extract(captures.study("m", "n"))
    write_features(features, tmp_path / "f")
    return features, tmp_path / "f"


def found_in(features, folder):
    """Return what is read, and the problems that reading added."""
    found = read_features(folder)
    assert found.problems[: len(features.problems)] == features.problems
    return found, found.problems[len(features.problems) :]


# What is done to the files, and what is said of them.
EDITS = {
    "rows of questions swapped": (
        lambda f: swap(f, "questions", 2, 4),
        "the rows of m have changed since",
    ),
    "rows of layers swapped": (
        lambda f: swap(f, "layers", 2, 7),
        "the rows of m have changed since",
    ),
    "a row of calibration doubled": (lambda f: double(f, "calibration", 3), "is line 3 again"),
    "other line ends": (lambda f: write(f, "questions", lines_of(f, "questions")), None),
    "rows of two models in turn": (lambda f: swap(f, "spectra", 4, 5), None),
    "a stranger's row": (
        lambda f: double(f, "spectra", 2, model="x"),
        "does not name 'x', as line 8 does",
    ),
    "a row too many": (
        lambda f: double(f, "spectra", 2, layer="3"),
        "line 8 is one more than meta.json counts",
    ),
    "a row of no number": (
        lambda f: double(f, "spectra", 2, layer="-1"),
        "has layer '-1', which is not the number",
    ),
    "a cell too many": (
        lambda f: double(f, "positions", 2, running_entropy="1,2"),
        "4 cells, the first line 3",
    ),
    "checksums of meta.json": (
        lambda f: edit_meta(f, lambda m: m["baselines"]["m"].update(filtered=False)),
        "meta.json: has changed since it was written",
    ),
    "no checksums": (
        lambda f: edit_meta(f, lambda m: (m.pop("tables"), m.pop("sha256"))),
        "no checksums",
    ),
    "a table of checksums": (
        lambda f: edit_meta(f, lambda m: m["tables"].update(layers=3)),
        "tables.layers: is not",
    ),
    "an input": (
        lambda f: edit_meta(f, lambda m: m["inputs"].append({})),
        ".file: is not as it was",
    ),
    "a problem": (
        lambda f: edit_meta(f, lambda m: m["problems"].append({"file": "x"})),
        "is not as it was",
    ),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_that_costs_nothing_is_said(whole, name):
    features, folder = whole
    spoil, said = EDITS[name]
    spoil(folder)
    found, problems = found_in(features, folder)
    kept = replace(found, problems=features.problems)
    if name == "checksums of meta.json":
        kept = replace(kept, baselines={**kept.baselines, "m": features.baselines["m"]})
    assert kept == features
    lines = [problem.line for problem in problems]
    assert any(said in line for line in lines) if said else lines == []
    assert {problem.note for problem in problems} <= {name == "no checksums"}


# What is done to the files, what is said of them, and of which part of the model m (of all models,
# if it is in capitals) a number is missing then.
LOSSES = {
    "inf": (lambda f: edit_cell(f, "questions", 4, "entropy", "inf"), "'inf' in line 4", "entropy"),
    "1e308": (lambda f: edit_cell(f, "questions", 4, "entropy", "1e308"), "'1e308'", "entropy"),
    "a negative entropy": (
        lambda f: edit_cell(f, "questions", 4, "entropy_low", "-0.5"),
        "'-0.5'",
        "entropy",
    ),
    "digits of another script": (
        lambda f: edit_cell(f, "questions", 4, "warm_cold", "٣"),
        "'٣' in line 4",
        "projection",
    ),
    "an underscore": (
        lambda f: edit_cell(f, "layers", 4, "entropy", "1_0"),
        "'1_0' in line 4",
        "layers",
    ),
    "half a token": (
        lambda f: edit_cell(f, "questions", 4, "n_answers", "1.5"),
        "'1.5' in line 4",
        "question",
    ),
    "a row of questions": (
        lambda f: drop(f, "questions", 4),
        "there is no row of question 3 of m",
        "question",
    ),
    "the last question": (
        lambda f: drop(f, "questions", 7),
        "there is no row of question 6 of m",
        "question",
    ),
    "a question's text": (
        lambda f: edit_cell(f, "questions", 4, "text", ""),
        "not said in the row of question 3",
        "question",
    ),
    "a row of layers": (
        lambda f: drop(f, "layers", 4),
        "no row of question 1, layer 2 of m",
        "layers",
    ),
    "a row of spectra": (lambda f: drop(f, "spectra", 3), "no row of layer 1 of m", "spectra"),
    "a row of calibration": (
        lambda f: drop(f, "calibration", 3),
        "no row of answer 2 of m",
        "calibration",
    ),
    "another row of calibration": (
        lambda f: double(f, "calibration", 3, entropy="9.0"),
        "says something else",
        "calibration",
    ),
    "a pole": (
        lambda f: edit_cell(f, "calibration", 3, "pole", "up"),
        "is not said in the row of answer 2",
        "calibration",
    ),
    "a number of a row": (
        lambda f: edit_cell(f, "spectra", 3, "layer", "1.0"),
        "has layer '1.0'",
        "spectra",
    ),
    "a model": (
        lambda f: edit_meta(f, lambda m: m["baselines"]["m"].update(filtered="no")),
        "baselines.m.filtered: is not as it was written",
        "baseline",
    ),
    "a table": (lambda f: (f / "layers.csv").unlink(), "layers.csv: can't be read", "LAYERS"),
    "an empty table": (lambda f: (f / "spectra.csv").write_text(""), "no column has", "SPECTRA"),
    "semicolons": (
        lambda f: write(
            f, "calibration", [line.replace(",", ";") for line in lines_of(f, "calibration")]
        ),
        "calibration.csv: model: no column has this name",
        "CALIBRATION",
    ),
    "a column": (
        lambda f: write(f, "spectra", [x.rpartition(",")[0] for x in lines_of(f, "spectra")]),
        "spectral_entropy: the column is missing",
        "SPECTRA",
    ),
    "a column twice": (
        lambda f: write(f, "spectra", [x + "," + x.split(",")[2] for x in lines_of(f, "spectra")]),
        "two columns have this name",
        "SPECTRA",
    ),
    "questions": (lambda f: (f / "questions.csv").unlink(), "can't be read", "BASELINE"),
    "a quotation mark": (
        lambda f: write(f, "questions", [*lines_of(f, "questions"), 'm,"7']),
        "can't be read",
        "BASELINE",
    ),
    "another version": (
        lambda f: edit_meta(f, lambda m: m.update(version=99)),
        "version: is 99, this program reads 1",
        "ALL",
    ),
    "baselines": (
        lambda f: edit_meta(f, lambda m: m.update(baselines=[])),
        "baselines: is not",
        "BASELINE",
    ),
    "no object": (lambda f: (f / "meta.json").write_text("[]"), "version: is None", "ALL"),
    "half a file": (lambda f: (f / "meta.json").write_text("{"), "can't be read", "ALL"),
    "NaN": (lambda f: edit_meta(f, lambda m: m.update(x=math.nan)), "NaN is not a number", "ALL"),
    "meta.json": (lambda f: (f / "meta.json").unlink(), "can't be read", "ALL"),
}


def lost(features, model):
    """Say which parts of a model lack a number."""
    found = set()
    if (b := features.baselines.get(model)) is None:
        found.add("baseline")
    else:
        nothing = np.array([np.nan])
        found |= {"question"} if b.n_questions < 6 else set()
        found |= {"entropy"} if np.isnan(b.entropy).any() else set()
        found |= {"projection"} if np.isnan(b.projections["warm_cold"]).any() else set()
        layers = nothing if b.layer_entropy is None else b.layer_entropy
        found |= {"layers"} if np.isnan(layers).any() else set()
        spectra = nothing if b.spectral_entropy is None else b.spectral_entropy
        found |= {"spectra"} if np.isnan(spectra).any() else set()
    if (c := features.calibrations.get(model)) is None or len(c.axis) < 36:
        found.add("calibration")
    return found


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_not_as_written_costs_what_rests_on_it(whole, name):
    features, folder = whole
    spoil, said, part = LOSSES[name]
    assert lost(features, "m") == lost(features, "n") == set()
    spoil(folder)
    found, problems = found_in(
        replace(features, problems=()) if part == "ALL" else features, folder
    )
    about = [p for p in problems if said in p.line]
    assert len(about) == 1 or part.isupper()
    assert all(p.costs and not p.note for p in about)
    every = {"baseline", "calibration"} if part == "ALL" else {part.lower()}
    assert lost(found, "m") == every
    assert lost(found, "n") == (every if part.isupper() else set())
    if part in ("LAYERS", "CALIBRATION", "BASELINE"):
        assert found.why_missing("m", part.lower()) is Reason.DAMAGED_FILE
    if not part.isupper():
        assert found.baselines["n"] == features.baselines["n"]
        assert found.calibrations["n"] == features.calibrations["n"]
        assert about[0].model == "m"


def test_a_question_that_two_rows_ask_is_believed_of_neither(whole):
    features, folder = whole
    text = features.baselines["m"].questions[1]
    edit_cell(folder, "questions", 2, "text", f"\u200b{text}  ")
    found, problems = found_in(features, folder)
    assert found.baselines["m"].questions == features.baselines["m"].questions[2:]
    assert "is the same in the rows of question 1, question 2" in problems[1].problem


def test_a_build_can_not_be_made_to_fill_the_memory(whole):
    features, folder = whole
    edit_meta(folder, lambda m: (m.pop("tables"), m.pop("sha256")))
    edit_cell(folder, "layers", 4, "layer", "999999999")
    found, problems = found_in(features, folder)
    assert lost(found, "m") == {"layers"}
    assert "is not the number of a row" in problems[1].problem


def test_features_differ_where_one_bit_does(captures):
    captures.baseline()
    one = extract(captures.study())
    other = extract(captures.study())
    assert one == other
    entropy = one.baselines["m"].entropy.copy()
    entropy[2] = np.nextafter(entropy[2], 9.0)
    moved = replace(one, baselines={"m": replace(one.baselines["m"], entropy=entropy)})
    assert one != moved
    assert one != replace(one, problems=())
    assert one == replace(one, origin="features")
