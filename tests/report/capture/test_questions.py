"""Questions that are spelt differently are the same question, and the reader is told."""

from __future__ import annotations

import json

from report.capture.check import inspect
from report.capture.extract import extract
from report.capture.questions import folded
from report.experiments import calibration
from report.experiments.base import StudyData
from report.experiments.calibration.contrasts import contrast
from report.ledger.ledger import settle


def said(study) -> str:
    problems = [p for report in inspect(study) for p in report.problems]
    assert sorted(problems, key=str) == sorted(extract(study).problems, key=str)
    return " ".join(p.problem for p in problems)


def respell(captures, change, pole="negative", key="m") -> None:
    """Change the questions of one pole."""
    path = captures.raw / f"{key}_calibration_responses.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        if line["pole"] == pole:
            line["question"] = change(line["question"])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_spaces_apostrophes_quotes_and_accents_are_folded():
    assert folded("\u00a0What\u2019s  a\u202f\u201ccafe\u0301\u201d? ") == 'What\'s a "caf\u00e9"?'
    assert folded("ﬁne, x²?") == "ﬁne, x²?"  # other letters stay others


def test_poles_that_differ_by_a_space_are_paired_and_it_is_said(captures):
    captures.baseline()
    captures.calibration()
    plain = extract(captures.study()).calibrations["m"]
    assert "written in more than one way" not in said(captures.study())
    respell(captures, lambda text: text.replace(" ", "\u00a0"))
    study = captures.study()
    found = extract(study).calibrations["m"]
    assert found == plain
    made = contrast(found, study.axes[0].key)
    assert made is not None
    assert made.paired
    assert "6 of 12 spellings of questions" in said(study)
    assert "6 questions are written in more than one way, such as: Question 0?" in said(study)


def test_poles_that_share_no_question_are_announced_with_the_other_test(captures):
    captures.baseline()
    captures.calibration()
    respell(captures, lambda text: f"Other {text}")
    study = captures.study()
    assert f"{study.axes[0].key} (none of 12 shared)" in said(study)
    assert "the Mann–Whitney test instead of Wilcoxon's signed-rank test" in said(study)
    data = StudyData(study, extract(study))
    analysis = calibration.analyse(data)
    ledger = settle(analysis.entries, analysis.families)
    (part,) = calibration.present([data], ledger, {}).facts["parts"]
    assert part["unpaired"] == [(study.models[0], [axis.name for axis in study.axes])]


def test_models_are_matched_by_the_folded_question_and_strangers_are_announced(captures):
    for key, form in (("m", "What\u2019s {}?"), ("n", "What's {}?"), ("o", "Who is {}?")):
        captures.baseline(key, document=responses(form))
    study = captures.study("m", "n", "o")
    features = extract(study)
    assert features.baselines["m"].questions == features.baselines["n"].questions
    text = said(study)
    assert "6 of 6 spellings of questions" in text
    assert "no question is shared by M and O; N and O" in text
    assert "M and N" not in text


def responses(form: str) -> dict[str, object]:
    counts = (5, 3, 7, 4, 6, 5)
    rows = [
        {"question": form.format(i), "n_tokens": n, "response": ""} for i, n in enumerate(counts)
    ]
    return {"responses": rows}


def test_what_was_shipped_as_features_is_folded_as_well(captures, tmp_path):
    from report.capture.feature_files import write_features
    from report.capture.fit_features import fitted
    from report.capture.read_features import read_features

    captures.baseline()
    features = extract(captures.study())
    write_features(features, tmp_path / "f")
    path = tmp_path / "f" / "questions.csv"
    path.write_bytes(path.read_bytes().replace(b"Question ", "Question\u00a0".encode()))
    found = fitted(read_features(tmp_path / "f"), captures.study())
    assert found.baselines["m"].questions == features.baselines["m"].questions
    assert "6 of 6 spellings of questions" in found.problems[-1].problem


def test_questions_without_a_text_are_matched_with_nothing_and_it_is_said(captures):
    for key in ("m", "n"):
        captures.baseline(key)
        captures.calibration(key)
        path = captures.raw / f"{key}_baseline.json"
        document = json.loads(path.read_text())
        for number, text in ((1, ""), (3, None), (4, " \u200b")):
            document["responses"][number]["question"] = text
        path.write_text(json.dumps(document))
    respell(captures, lambda text: text.replace("Question 2?", ""))
    study = captures.study("m", "n")
    found = extract(study)
    assert found.baselines["m"].questions[1] == "[m, question 2]"
    assert found.baselines["m"].n_questions == 6
    shared = set(found.baselines["m"].questions) & set(found.baselines["n"].questions)
    assert len(shared) == 3
    assert "no text of the question of answer 2, answer 4, answer 5" in said(study)
    made = contrast(found.calibrations["m"], study.axes[0].key)
    assert made is not None
    assert made.entropy.questions == tuple(f"Question {q}?" for q in (0, 1, 3, 4, 5))
