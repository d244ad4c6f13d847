"""Damaged captures, from the file to the document: the reason stands in the right cells."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from report.audit.finished import load_finished
from report.audit.verify import files, numbers, verify
from report.cli import main
from report.document.paper import write_source
from report.ledger.format import escape
from report.ledger.ledger import Entry, Ledger
from report.pipeline import Options, Results, build, compute, load
from report.synthetic.simulate import simulate

KEY = "smollm2_135m"
NPZ = f"{KEY}_baseline_hidden_states.npz"
GOOD = ("smollm2_135m_t03", "smollm2_135m_t05", "smollm2_135m_t13")
QUICK = Options(quick=True)

# Folder, what the problem line says, the reason where generation entropy would stand.
USELESS = (
    ("truncated_npz", "can't be read", "damaged_file"),
    ("object_array", "decay_states: holds pickled Python objects, which are never opened",
     "damaged_file"),
    ("json_29_questions", "holds 30 answers, and the JSON lists 29 questions", "misaligned"),
)  # fmt: skip
USABLE = (
    ("offsets_past_end", "token_offsets: token_offsets do not describe these 4488 rows"),
    ("nan_logprobs", "top_k_logprobs: NaN or no log-probabilities in 165 rows of question 4 "
     "(row 3 counted from 0), question 8 (row 7 counted from 0)"),
)  # fmt: skip
EVERY = (*(name for name, *_ in (*USELESS, *USABLE)), "constant_axis")


@dataclass(frozen=True)
class Damaged:
    """Makes and computes a study of one damaged capture, alone or among good ones."""

    folder: Path
    fields: Callable[[], dict[str, Any]]
    write: Callable[[Path, dict[str, Any]], Path]
    copy: Callable[..., None]
    captured: Callable[[str], Path]
    cache: Path

    def study(self, name: str, *good: str) -> Path:
        fields = self.fields()
        own = {"key": KEY, "name": "Damaged model", "cohort": "ladder", "vocabulary": 49152}
        fields["models"] = [m for m in fields["models"] if m["key"] in good]
        fields["id"], fields["title"] = "damaged", "A damaged capture"
        self.copy(self.folder / name, *good)
        if name != "sound":
            # Without a level: its effective dimension is sound and would join a correlation.
            fields["models"].append(own)
            for path in self.captured(name).iterdir():
                shutil.copy(path, self.folder / name / "raw")
        return self.write(self.folder / name, fields)

    def computed(self, name: str, *good: str) -> Results:
        options = Options(cache=self.cache, quick=True)
        return compute(load([self.study(name, *good)], quick=True), options, lambda _: None)


@pytest.fixture
def damaged(
    tmp_path: Path,
    shipped_fields: Callable[[], dict[str, Any]],
    write_study: Callable[[Path, dict[str, Any]], Path],
    copy_captures: Callable[..., None],
    damaged_capture: Callable[[str], Path],
    features_cache: Path,
) -> Damaged:
    return Damaged(
        tmp_path, shipped_fields, write_study, copy_captures, damaged_capture, features_cache
    )


def reasons(ledger: Ledger, **wanted: str) -> set[str | None]:
    return {e.reason and str(e.reason) for e in ledger.select(**wanted)}


def source_of(results: Results, folder: Path) -> str:
    text = write_source(results, folder, "embedded").read_text("utf-8")
    return " ".join(text.split())


@pytest.mark.parametrize(("name", "said", "reason"), USELESS)
def test_a_useless_npz_costs_what_needs_it(
    damaged: Damaged, tmp_path: Path, name: str, said: str, reason: str
) -> None:
    results = damaged.computed(name)
    ledger = results.ledger
    assert reasons(ledger, experiment="generation", quantity="mean") == {reason}
    for experiment, quantities in {
        "layers": ("min", "max", "width", "spectral-min"),
        "behaviour": ("axis", "partial"),
        "signature": ("peak", "strongest"),
    }.items():
        for quantity in quantities:
            assert reasons(ledger, experiment=experiment, quantity=quantity) == {reason}
    # The projections are in the JSON, and sound.
    assert ledger[f"dimension.effective.{KEY.replace('_', '-')}"].value is not None
    text = source_of(results, tmp_path)
    assert escape(said.split(": ")[-1]) in text
    assert f"`{NPZ}`" in text
    assert "No generation entropy could be computed" in text


def test_not_a_number_costs_two_questions(damaged: Damaged, tmp_path: Path) -> None:
    results = damaged.computed("nan_logprobs")
    ledger = results.ledger
    mean = ledger["generation.mean.smollm2-135m"]
    assert (mean.reason, mean.estimate.n) == (None, 28)
    tested = [e for e in ledger.select(experiment="behaviour", quantity="axis") if e.p is not None]
    assert {e.estimate.n for e in tested} == {28}
    assert reasons(ledger, experiment="behaviour", quantity="axis") == {None, "constant_input"}
    text = source_of(results, tmp_path)
    assert "question 4 (row 3 counted from 0), question 8 (row 7 counted from 0)" in text


def test_offsets_past_the_end_cost_nothing(damaged: Damaged, tmp_path: Path) -> None:
    results = damaged.computed("offsets_past_end")
    assert results.ledger["generation.mean.smollm2-135m"].estimate.n == 30
    assert "they end at 4988" in source_of(results, tmp_path)


def test_a_constant_axis_costs_its_correlations(damaged: Damaged, tmp_path: Path) -> None:
    results = damaged.computed("constant_axis")
    for axis in ("confident_cautious", "formal_casual"):
        for quantity in ("axis", "partial"):
            found = reasons(results.ledger, experiment="behaviour", quantity=quantity, axis=axis)
            assert found == {"constant_input"}
    assert results.ledger["dimension.effective.smollm2-135m"].value is not None
    (family,) = (f for f in results.ledger.families.values() if f.id.startswith("behaviour.axis"))
    assert (family.m, len(family.members)) == (5, 7)
    assert "is constant: all 30 values are 0.25" in source_of(results, tmp_path)


# --- one bad file among good ones --------------------------------------------------------


@pytest.fixture(scope="module")
def sound(
    tmp_path_factory: pytest.TempPathFactory,
    shipped_fields: Callable[[], dict[str, Any]],
    write_study: Callable[[Path, dict[str, Any]], Path],
    copy_captures: Callable[..., None],
    features_cache: Path,
) -> Ledger:
    """The ledger of the good captures alone."""
    folder = tmp_path_factory.mktemp("sound")
    made = Damaged(
        folder, shipped_fields, write_study, copy_captures, lambda name: folder / name,
        features_cache,
    )  # fmt: skip
    return made.computed("sound", *GOOD).ledger


def uncorrected(entry: Entry) -> dict[str, Any]:
    return {k: v for k, v in entry.row().items() if k not in ("p_adjusted", "rejected")}


def costs_its_own_rows(ledger: Ledger, sound: Ledger, *joined: str) -> None:
    """Not one digit of the others changes, adjusted p-values included.

    The quantities in ``joined`` are tests across models that need no entropy.
    """
    for entry in sound:
        if entry.quantity not in joined:
            assert ledger[entry.id].row() == entry.row()
    own = [e for e in ledger if e.id not in sound]
    assert own
    assert all(KEY in str(e.model).split() for e in own)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "reason"), [(name, reason) for name, _, reason in USELESS])
def test_a_bad_file_costs_its_own_rows(
    damaged: Damaged, sound: Ledger, name: str, reason: str
) -> None:
    ledger = damaged.computed(name, *GOOD).ledger
    # Its projections are sound, so its dead zones are compared with its dimension.
    costs_its_own_rows(ledger, sound, "dead-zones", "dead-zones-dimension")
    assert reasons(ledger, experiment="behaviour", quantity="axis", model=KEY) == {reason}


@pytest.mark.slow
def test_a_family_lists_what_a_bad_file_costs_it(damaged: Damaged, tmp_path: Path) -> None:
    """Of four conditions one is damaged: three of the six pairs can be compared."""
    results = damaged.computed("truncated_npz", *GOOD)
    ledger = results.ledger
    for family in ("generation.pairs.damaged.ladder", "signature.similarities.damaged.ladder"):
        settled = ledger.families[family]
        assert (settled.m, len(settled.members)) == (3, 6)
        lost = [ledger[name] for name in settled.members if ledger[name].p is None]
        assert {str(e.reason) for e in lost} == {"damaged_file"}
        assert all(KEY in str(e.model).split() and e.seed is None for e in lost)
    text = source_of(results, tmp_path)
    text = re.sub(r"\[([^\[\]]*)\]\(#[^)]*\)\{[^}]*\}", r"\1", text).replace("\u00a0", " ")
    assert "three pairs of conditions that could be compared differ" in text
    assert "pairs that could be compared are more alike" in text or (
        "pairs that could be compared is more alike" in text
    )
    assert "3 of 3 pairs that can be compared differ (Holm)" in text


@pytest.mark.slow
def test_a_missing_json_costs_its_own_rows(damaged: Damaged, sound: Ledger) -> None:
    folder = damaged.study("truncated_npz", *GOOD)
    (folder / "raw" / f"{KEY}_baseline.json").unlink()
    options = Options(cache=damaged.cache, quick=True)
    ledger = compute(load([folder], quick=True), options, lambda _: None).ledger
    costs_its_own_rows(ledger, sound)
    assert reasons(ledger, model=KEY) == {"missing_capture"}
    axes, partial = (
        [name.split(".")[2:] for name in ledger.families[f"behaviour.{q}.damaged.ladder"].members]
        for q in ("axis", "partial")
    )
    assert axes == partial


@pytest.mark.slow
def test_missing_numbers_move_no_other_model(damaged: Damaged, sound: Ledger) -> None:
    """Two answers of one model are gone: what is said of other models stays as it is."""
    ledger = damaged.computed("nan_logprobs", *GOOD).ledger
    for entry in sound:
        if entry.model is not None and entry.quantity != "leave-one-out":
            assert uncorrected(ledger[entry.id]) == uncorrected(entry)


# --- check, and a whole document ---------------------------------------------------------


@pytest.mark.parametrize(("name", "said"), [*((n, s) for n, s, _ in USELESS), *USABLE])
def test_check_ends_with_one_and_says_what_to_do(
    damaged: Damaged, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    study = damaged.study(name)
    assert main(["check", str(study), "--json"]) == 1
    (reports,) = json.loads(capsys.readouterr().out).values()
    (bad,) = [report for report in reports if report["verdict"] == "problem"]
    assert bad["file"] == NPZ
    (problem,) = [p for p in bad["problems"] if not p["note"]]
    assert said in f"{problem['field']}: {problem['problem']}"
    assert problem["remedy"].endswith(".")


def test_a_constant_axis_is_noted_and_needs_no_remedy(
    damaged: Damaged, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(damaged.study("constant_axis"))]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "formal_casual" in said
    assert "note" in said


@pytest.mark.slow
def test_a_document_of_damage_alone_is_built(damaged: Damaged, tmp_path: Path) -> None:
    options = Options(formats=("html",), renderer="embedded", quick=True)
    built = build([damaged.study("truncated_npz")], tmp_path / "out", options, lambda _: None)
    html = " ".join((built.folder / "report.html").read_text("utf-8").split())
    assert "The file, or its cell, is damaged and could not be read." in html
    assert "Copy the file again, or make the capture again." in html


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_said_in_the_language_of_the_program(
    damaged: Damaged, tmp_path: Path, name: str
) -> None:
    text = source_of(damaged.computed(name), tmp_path)
    for word in (" nan", "None,", "None)", " inf ", "NoneType", "Undefined"):
        assert word not in text


@pytest.mark.slow
@pytest.mark.usefixtures("numbers_only")
def test_a_build_with_damage_proves_itself(damaged: Damaged, tmp_path: Path) -> None:
    """The second path reads the same questions and models as the first."""
    study = damaged.study("nan_logprobs", GOOD[0], GOOD[-1])
    cut = study / "raw" / f"{GOOD[-1]}_baseline_hidden_states.npz"
    cut.write_bytes(cut.read_bytes()[:-1000])
    options = Options(formats=(), renderer="embedded", quick=True)
    built = build([study], tmp_path / "out", options, lambda _: None)
    result = verify(built.folder)
    assert [f"{d.place}: {d.problem}" for d in result.disagreements] == []


@pytest.mark.slow
@pytest.mark.usefixtures("numbers_only")
def test_a_damaged_calibration_proves_itself(tmp_path: Path) -> None:
    """A line that can't be read costs its question, an answer that is not a number another."""
    study = tmp_path / "study"
    simulate(study, models=2, questions=8, layers=3, hidden=16, seed=3)
    npz = study / "raw" / "sim_01_calibration_hidden_states.npz"
    jsonl = study / "raw" / "sim_01_calibration_responses.jsonl"
    lines = jsonl.read_text("utf-8").splitlines()
    first_row = sum(json.loads(line)["n_tokens"] for line in lines[:3])
    with np.load(npz) as archive:
        arrays = dict(archive)
    arrays["top_k_logprobs"][first_row] = np.nan
    np.savez(npz, **arrays)
    jsonl.write_text("\n".join([*lines[:20], lines[20][:30], *lines[21:]]) + "\n", "utf-8")
    built = build([study], tmp_path / "out", Options((), "embedded", quick=True), lambda _: None)
    finished = load_finished(built.folder)
    sizes = {
        e.axis: e.estimate.n for e in finished.ledger.select(quantity="delta", model="sim_01")
        if e.estimate.n < 8
    }  # fmt: skip
    assert len(sizes) == 2
    assert set(sizes.values()) == {7}
    disagreements = numbers.recomputed(finished).disagreements
    assert [f"{d.place}: {d.problem}" for d in disagreements] == []


@pytest.mark.slow
@pytest.mark.usefixtures("numbers_only")
def test_a_build_proves_itself_where_a_capture_is_a_pipe(tmp_path: Path) -> None:
    study = tmp_path / "study"
    simulate(study, models=1, questions=8, layers=3, hidden=8, seed=3)
    for path in study.glob("raw/*calibration*"):
        path.unlink()
    capture = study / "raw" / "sim_01_baseline.json"
    capture.unlink()
    os.mkfifo(capture)
    built = build([study], tmp_path / "out", Options((), "embedded", quick=True), lambda _: None)
    assert any("is no regular file" in line for line in built.findings)
    assert verify(built.folder).disagreements == []


@pytest.mark.slow
@pytest.mark.usefixtures("numbers_only")
def test_overflow_at_every_layer_costs_its_question(tmp_path: Path) -> None:
    study = tmp_path / "study"
    simulate(study, models=3, questions=10, layers=4, hidden=16, seed=3)
    npz = study / "raw" / "sim_01_baseline_hidden_states.npz"
    with np.load(npz) as archive:
        arrays = dict(archive)
    arrays["per_layer_states"][4] = np.inf
    np.savez(npz, **arrays)
    built = build([study], tmp_path / "out", Options((), "embedded", quick=True), lambda _: None)
    finished = load_finished(built.folder)
    about = [
        e for e in finished.ledger
        if e.experiment in ("layers", "signature") and "sim_01" in (e.model or "")
    ]  # fmt: skip
    assert len(about) > 30
    assert {e.reason for e in about} == {None}
    assert {e.estimate.n for e in about if e.quantity in ("min", "level", "mean", "peak")} == {9}
    assert {e.estimate.n for e in finished.ledger.select(quantity="peak", model="sim_02")} == {10}
    for check in (numbers.recomputed(finished), files.derived(finished)):
        assert [f"{d.place}: {d.problem}" for d in check.disagreements] == []
