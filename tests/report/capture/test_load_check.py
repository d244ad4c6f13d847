from __future__ import annotations

import io
import json

import numpy as np
from rich.console import Console

from report.capture.check import inspect, print_table, run
from report.capture.extract import extract
from report.capture.feature_files import write_features
from report.experiments.claims.reading import faults_of


def text_of(reports) -> str:
    out = io.StringIO()
    print_table(reports, Console(file=out, width=600))
    return " ".join(out.getvalue().split())


def test_check_says_what_a_build_would(captures):
    captures.baseline("m")
    captures.baseline("n", arrays={"per_layer_states": np.full((6, 2, 4), np.inf)})
    captures.calibration("n", held=("formal_casual",))
    (captures.raw / "o_baseline.json").write_text("[")
    study = captures.study("m", "n", "o", "p")
    reports = inspect(study, faults_of(study))
    said = [p for report in reports for p in report.problems]
    assert sorted(said, key=str) == sorted(extract(study).problems, key=str)
    verdicts = {report.file: report.verdict for report in reports}
    assert verdicts["m_baseline.json"] == "ok"
    assert verdicts["m_baseline_hidden_states.npz"] == "note"
    assert verdicts["n_baseline_hidden_states.npz"] == "problem"
    assert verdicts["o_baseline.json"] == "problem"
    assert verdicts["p_baseline.json"] == "note"


def test_the_table_names_file_arrays_verdict_and_remedy(captures):
    captures.baseline(arrays={"top_k_logprobs": np.full((31, 8), -np.inf)})
    text = text_of(inspect(captures.study()))
    for part in ("m_baseline_hidden_states.npz", "top_k_logprobs", "31×8", "problem",
                 "Put the JSON and the NPZ of the same run", "Missing because of it"):  # fmt: skip
        assert part in text


def test_published_studies_and_shipped_features_are_looked_at_too(captures):
    study = captures.study()
    assert "there are no captures" in text_of(inspect(study, faults_of(study)))
    captures.baseline()
    write_features(extract(study), study.features_folder)
    for path in captures.raw.iterdir():
        path.unlink()
    assert {report.verdict for report in inspect(study, faults_of(study))} == {"ok", "note"}
    (study.features_folder / "layers.csv").write_text("model\n")
    spoilt = {report.file: report.verdict for report in inspect(study, faults_of(study))}
    assert spoilt["layers.csv"] == "problem"


def test_the_exit_code_follows_the_verdicts(captures, capsys):
    captures.baseline()
    assert run([captures.study()]) == 0
    assert "Small" in capsys.readouterr().out
    (captures.raw / "m_baseline_hidden_states.npz").unlink()
    assert run([captures.study()], as_json=True) == 1
    (found,) = json.loads(capsys.readouterr().out).values()
    assert {report["file"]: report["verdict"] for report in found} == {
        "m_baseline.json": "ok",
        "m_baseline_hidden_states.npz": "problem",
        "m_calibration_responses.jsonl": "note",
    }


def test_published_tables_are_checked_beside_captures(captures):
    captures.baseline()
    (captures.folder / "published").mkdir()
    table = captures.folder / "published" / "layers.csv"
    header = "model,n_layers,entropy_min_nats,entropy_max_nats\n"
    table.write_text(header + "m,3,0.5,1.5\n", encoding="utf-8")
    assert run([captures.study()]) == 0
    table.write_text(header + "m,3,0.5,high\n", encoding="utf-8")
    study = captures.study()
    faults = study.transcribed.faults
    reports = {report.file: report for report in inspect(study, faults)}
    (problem,) = reports["layers.csv"].problems
    assert (problem.field, problem.costs) == (
        "entropy_max_nats",
        "entropy_max_nats of m, and what rests on it",
    )
    assert reports["m_baseline.json"].verdict == "ok"
    assert run([study], {study.id: faults}) == 1


def test_a_misspelt_table_is_remarked_on(captures):
    captures.baseline()
    (captures.folder / "published").mkdir()
    for name in ("generaton", "behaviour_patterns"):
        (captures.folder / "published" / f"{name}.csv").write_text("model\n", encoding="utf-8")
    reports = {report.file: report for report in inspect(captures.study())}
    (problem,) = reports["generaton.csv"].problems
    assert (problem.note, problem.remedy) == (True, "Call it generation.csv, if it is that table.")
    assert reports["behaviour_patterns.csv"].verdict == "ok"


def test_a_link_that_leads_nowhere_is_a_finding(captures):
    captures.baseline()
    (captures.folder / "published").mkdir()
    link = captures.folder / "published" / "layers.csv"
    link.symlink_to(captures.folder / "moved.csv")
    study = captures.study()
    reports = {report.file: report for report in inspect(study, study.transcribed.faults)}
    (problem,) = reports["layers.csv"].problems
    assert problem.problem == "can't be read (No such file or directory)"
    assert problem.costs == "all that rests on the table layers"
    assert reports["layers.csv"].bytes is None
    assert run([study], {study.id: study.transcribed.faults}) == 1
