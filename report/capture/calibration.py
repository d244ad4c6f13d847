"""One model's calibration capture: axes, two poles each, the same questions under both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from report.capture.boundaries import MisalignedError, lines_of_capture
from report.capture.features import POLES, IntArray
from report.capture.findings import CaptureError, Findings, listing
from report.capture.npz import Header, read_headers
from report.capture.questions import Overlap
from report.capture.repeats import Groups, groups_of
from report.capture.responses import CalibrationFile, read_calibration_jsonl
from report.capture.rows import (
    TokenRows,
    assign,
    count_answers,
    read_offsets,
    read_scores,
    read_times,
    report_answers,
    token_rows,
)
from report.study.study import Model, Study
from stats.outcome import Reason

_CONTRASTS = "the pole contrasts of this model"


@dataclass(frozen=True)
class CalibrationCapture:
    """What could be read of one model's calibration: labelled answers and their rows.

    Parameters
    ----------
    model : str
    file : CalibrationFile
    rows : TokenRows
    groups : sequence of ndarray of int
        Positions of the answers to each question under each pole.
    """

    model: str
    file: CalibrationFile
    rows: TokenRows
    groups: Groups


def calibration_files(study: Study, model: Model) -> tuple[Path, Path]:
    """Return where a model's calibration JSONL and NPZ are expected."""
    stem = study.raw_folder / f"{model.key}_calibration"
    return (
        stem.with_name(f"{stem.name}_responses.jsonl"),
        stem.with_name(f"{stem.name}_hidden_states.npz"),
    )


def read_calibration(study: Study, model: Model, findings: Findings) -> CalibrationCapture | None:
    """Read a model's calibration as far as it can be read; what can't is in ``findings``."""
    jsonl_path, npz_path = calibration_files(study, model)
    missing = [path for path in (jsonl_path, npz_path) if not path.exists()]
    if missing:
        alone = len(missing) == 1
        findings.problem(
            missing[0], "", "the file is missing" if alone else "there is no calibration capture",
            "Put the file beside its other half." if alone else "None needed, if none was made.",
            Reason.MISSING_CAPTURE, _CONTRASTS, "calibration", note=not alone,
        )  # fmt: skip
        return None
    with findings.losing(_CONTRASTS, "calibration"):
        lines = read_calibration_jsonl(jsonl_path, model.key)
        headers = read_headers(npz_path)
        findings.unusable(headers.unusable.values(), "calibration")
        scores = read_scores(npz_path, headers, "top_k_logprobs")
        kept = _lines_held(npz_path, headers, len(scores), lines, findings)
        if kept.damaged is not None:
            kept = _completed(kept, len(scores), kept.damaged, findings)
        cut = assign(npz_path, headers, len(scores), kept.answers, findings, "calibration")
        rows = token_rows(npz_path, scores, cut, model, findings, "calibration")
        report_answers(npz_path, rows, _names(kept), findings, "calibration")
        findings.lengths(npz_path, np.diff(rows.boundaries.edges).tolist(), "calibration")
        _report_axes(npz_path, study, lines, kept, findings)
        nameless = [number for number in lines.answers.nameless if lines.axis[number - 1]]
        findings.nameless(jsonl_path, nameless, "calibration")
        findings.spellings(jsonl_path, kept.answers.written, "calibration")
        _report_pairing(jsonl_path, kept, findings)
        groups = _groups(jsonl_path, kept, findings)
        first = np.array([group[0] for group in groups], dtype=np.int64)
        _report_sizes(jsonl_path, study, kept.select(first), findings)
        return CalibrationCapture(model.key, kept, rows, groups)
    return None


def _lines_held(
    path: Path,
    headers: Mapping[str, Header],
    n_rows: int,
    lines: CalibrationFile,
    findings: Findings,
) -> CalibrationFile:
    """Keep the lines whose answers the NPZ holds."""
    held, listed = count_answers(path, headers), len(lines.axis)
    if lines.damaged is not None and held != listed:
        raise lines.damaged
    if held is None or held == listed:
        return lines
    if lines.answers.counts is None:
        raise CaptureError(
            path, "", f"holds {held} answers, and the JSONL has {listed} lines without n_tokens",
            "Keep the lines of the run that wrote the NPZ.", Reason.MISALIGNED,
        )  # fmt: skip
    try:
        chosen = lines_of_capture(
            lines.labels, lines.answers.counts, n_rows, held,
            read_offsets(path, headers), read_times(path, headers), lines.answers.times,
        )  # fmt: skip
    except MisalignedError as error:
        raise CaptureError(
            path, "", str(error), "Keep in the JSONL the lines of the run that wrote the NPZ.",
            Reason.MISALIGNED,
        ) from error  # fmt: skip
    findings.problem(
        path, "", f"holds {held} of the {listed} answers of the JSONL; their lines were found by"
        " token counts, in whole axis blocks", "None needed for the axes it holds.",
        Reason.MISALIGNED, "", "calibration", note=True,
    )  # fmt: skip
    return lines.select(chosen)


def _completed(
    file: CalibrationFile, n_rows: int, damaged: CaptureError, findings: Findings
) -> CalibrationFile:
    """Give the rows that no other answer claims to the one line that can't be read."""
    findings.problem(
        damaged.path, damaged.field, damaged.problem, damaged.remedy, damaged.reason,
        "one answer", "calibration",
    )  # fmt: skip
    if file.answers.counts is None or (rest := n_rows - int(file.answers.counts.sum())) < 1:
        return file
    counts = file.answers.counts.copy()
    counts[file.axis.index("")] = rest
    return replace(file, answers=replace(file.answers, counts=counts))


def _names(file: CalibrationFile) -> list[str]:
    labels = zip(file.axis, file.pole, strict=True)
    return [
        f"{axis}, {pole} (answer {i + 1})" if axis else f"answer {i + 1}"
        for i, (axis, pole) in enumerate(labels)
    ]


def _report_axes(
    path: Path, study: Study, lines: CalibrationFile, kept: CalibrationFile, findings: Findings
) -> None:
    for axis in study.axes:
        if axis.key in kept.axis:
            continue
        overwritten = axis.key in lines.axis
        findings.problem(
            path, axis.key,
            "the JSONL lists answers on this axis, the NPZ holds none of them: a later run"
            " overwrote the NPZ" if overwritten else "there are no answers on this axis",
            "Capture the calibration on this axis again, together with the others.",
            Reason.MISSING_CAPTURE, f"the pole contrast of {axis.key}", "calibration",
            axis=axis.key,
        )  # fmt: skip
    unknown = sorted(set(kept.axis) - {"", *(a.key for a in study.axes)})
    if unknown:
        findings.problem(
            path, "", f"holds axes that study.toml does not name: {listing(unknown)}",
            "Add them to study.toml, if they belong to the study.", Reason.NOT_TESTED, "",
            "calibration", note=True,
        )  # fmt: skip


def _groups(path: Path, kept: CalibrationFile, findings: Findings) -> list[IntArray]:
    """Return the positions of the answers to each question under each pole."""
    read = np.array([i for i, axis in enumerate(kept.axis) if axis], dtype=np.int64)
    labels = [kept.labels[i] for i in read]
    findings.repeats(path, labels, "calibration")
    return [read[group] for group in groups_of(labels)]


def _report_pairing(path: Path, kept: CalibrationFile, findings: Findings) -> None:
    """Note the axes whose poles were not asked the same questions: their test is another one."""
    asked: dict[str, dict[str, list[str]]] = {}
    for axis, pole, question in kept.labels:
        asked.setdefault(axis, {}).setdefault(pole, []).append(question)
    found = {axis: Overlap.of(*poles.values()) for axis, poles in asked.items() if len(poles) == 2}
    apart = [
        f"{axis} ({overlap.shared or 'none'} of {overlap.either} shared)"
        for axis, overlap in found.items()
        if not overlap.paired
    ]
    if apart:
        findings.problem(
            path, "question", f"the questions of the two poles do not match: {listing(apart)}."
            " These contrasts are unpaired: the Mann–Whitney test instead of Wilcoxon's"
            " signed-rank test",
            "Ask both poles the same questions, in the same words, if they were meant to be"
            " compared question by question.", Reason.MISALIGNED, "", "calibration", note=True,
        )  # fmt: skip


def _report_sizes(path: Path, study: Study, kept: CalibrationFile, findings: Findings) -> None:
    sizes = Counter(zip(kept.axis, kept.pole, strict=True))
    uneven = [
        f"{axis}, {pole}: {sizes[axis, pole]}"
        for axis in dict.fromkeys(kept.axis)
        for pole in POLES
        if sizes[axis, pole] != study.n_questions
    ]
    if uneven:
        findings.problem(
            path, "pole", f"not {study.n_questions} answers in {listing(uneven)}",
            "Capture the missing answers.", Reason.TOO_FEW, "", "calibration", note=True,
        )  # fmt: skip
