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
from report.capture.read_features import read_features
from report.study.errors import InputError
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


NUMBERS = st.floats(allow_infinity=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).map(str.strip)


@settings(deadline=None)
@example([("a\rb", 0.0, 0.0)])
@given(st.lists(st.tuples(TEXTS, NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_any_text_and_any_number_survive(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("features")
    first = np.array([one for _, one, _ in rows])
    second = np.array([two for _, _, two in rows])
    n = np.arange(len(rows))
    baseline = Baseline(
        "m", tuple(text for text, _, _ in rows), n, n, {"a": second}, first, first, first, second,
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


def test_an_axis_called_like_a_column_is_refused(captures, tmp_path):
    captures.baseline()
    features = extract(captures.study())
    baseline = features.baselines["m"]
    clash = replace(baseline, projections={"entropy": baseline.entropy})
    with pytest.raises(ValueError, match="entropy"):
        write_features(Features({"m": clash}), tmp_path / "f")


def edit_meta(folder, **changes):
    path = folder / "meta.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda f: edit_meta(f, version=99), "version: is 99, this program reads 1"),
        (lambda f: edit_meta(f, baselines=[]), "not as it was written"),
        (lambda f: edit_meta(f, problems=[{"file": "x"}]), "not as it was written"),
        (lambda f: (f / "meta.json").write_text("[]"), "version: is None"),
        (lambda f: (f / "meta.json").write_text("{"), "can't be read"),
        (lambda f: (f / "meta.json").unlink(), "can't be read"),
        (lambda f: (f / "layers.csv").unlink(), "can't be read"),
        (lambda f: (f / "spectra.csv").write_text("model\nm\n"), "the column is missing"),
        (lambda f: cut(f / "layers.csv", 2), "do not fit 6 questions"),
        (lambda f: cut(f / "questions.csv", 0.5), "a row is not whole"),
        (lambda f: (f / "positions.csv").write_text(
            "model,position,running_entropy\nm,1,many\n"), "not a number"),
    ],
)  # fmt: skip
def test_files_that_are_not_as_written_are_refused(captures, tmp_path, spoil, said):
    captures.baseline()
    folder = tmp_path / "f"
    write_features(extract(captures.study()), folder)
    spoil(folder)
    with pytest.raises(InputError, match=said):
        read_features(folder)


def cut(path, where):
    """Drop the last lines, or half of the last line."""
    text = path.read_text()
    if where < 1:
        path.write_text(text[: text.rindex("\n", 0, -1) + 40])
    else:
        path.write_text("\n".join(text.splitlines()[:-where]) + "\n")


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
