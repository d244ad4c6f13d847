"""One model's baseline capture: 30 neutral questions, their projections, tokens and layers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from report.capture.features import FloatArray
from report.capture.findings import CaptureError, Findings, listing
from report.capture.npz import Header, read_floats, read_headers
from report.capture.responses import BaselineFile, read_baseline_json
from report.capture.rows import (
    TokenRows,
    assign,
    count_answers,
    entropies,
    read_scores,
    report_answers,
    token_rows,
)
from report.study.study import Model, Study
from stats.checks import is_constant
from stats.entropy import TokenEntropy
from stats.outcome import Reason

_ENTROPY = "generation entropy of this model and all that is computed from it"
_LAYERS = "activation entropy of this model by layer and all that is computed from it"
_NPZ = "generation entropy and layers of this model and all that is computed from them"
_SAME_RUN = "Put the JSON and the NPZ of the same run beside each other."


@dataclass(frozen=True)
class BaselineCapture:
    """What could be read of one model's baseline.

    Parameters
    ----------
    model : str
    file : BaselineFile
    projections : mapping of str to ndarray, shape (Q,)
        Every axis of the study; NaN where the file has no value.
    rows : TokenRows or None
    raw : TokenEntropy or None
        From the log-probabilities before filtering, where they and ``full`` are stored.
    full : ndarray, shape (T,), or None
        Entropy over the whole vocabulary.
    layers : ndarray, shape (Q, L, H), or None
        In the stored dtype.
    """

    model: str
    file: BaselineFile
    projections: Mapping[str, FloatArray]
    rows: TokenRows | None = None
    raw: TokenEntropy | None = None
    full: FloatArray | None = None
    layers: NDArray[Any] | None = None


def baseline_files(study: Study, model: Model) -> tuple[Path, Path]:
    """Return where a model's baseline JSON and NPZ are expected."""
    stem = study.raw_folder / f"{model.key}_baseline"
    return stem.with_suffix(".json"), stem.with_name(f"{stem.name}_hidden_states.npz")


def read_baseline(study: Study, model: Model, findings: Findings) -> BaselineCapture | None:
    """Read a model's baseline as far as it can be read; what can't is in ``findings``."""
    json_path, npz_path = baseline_files(study, model)
    if not model.in_baseline:
        return None
    if not json_path.exists():
        there = npz_path.exists()
        findings.problem(
            json_path, "", "the file is missing" if there else "there is no baseline capture",
            "Put the file beside the NPZ." if there else "None needed, if none was made.",
            Reason.MISSING_CAPTURE, f"projections and {_ENTROPY}", "baseline", note=not there,
        )  # fmt: skip
        return None
    with findings.losing(f"projections and {_ENTROPY}", "baseline"):
        file = read_baseline_json(json_path, model.key)
        projections = _projections(json_path, file, study, findings)
        capture = BaselineCapture(model.key, file, projections)
        with findings.losing(_NPZ, "baseline"):
            capture = _with_arrays(npz_path, capture, model, findings)
        return capture
    return None


def _with_arrays(
    path: Path, capture: BaselineCapture, model: Model, findings: Findings
) -> BaselineCapture:
    if not path.exists():
        raise CaptureError(
            path, "", "the file is missing", "Put the file beside the JSON.",
            Reason.MISSING_CAPTURE,
        )  # fmt: skip
    headers = read_headers(path)
    findings.unusable(headers.unusable.values(), "baseline")
    listed = len(capture.file.answers.questions)
    held = count_answers(path, headers)
    if held is not None and held != listed:
        raise CaptureError(
            path, "", f"holds {held} answers, and the JSON lists {listed} questions", _SAME_RUN,
            Reason.MISALIGNED,
        )  # fmt: skip
    rows, raw, full = None, None, None
    if (scores := _scores(path, headers, findings)) is not None:
        # Counts that do not fit are those of another run, and cost the layers too; where there
        # are none, nothing speaks against the order of the questions.
        counted = capture.file.answers.counts is not None
        with nullcontext() if counted else findings.losing(_ENTROPY, "baseline"):
            cut = assign(path, headers, len(scores), capture.file.answers, findings, "baseline")
            with findings.losing(_ENTROPY, "baseline"):
                rows = token_rows(path, scores, cut, model, findings, "baseline")
    if rows is not None:
        report_answers(path, rows, _question_names(listed), findings, "baseline")
        findings.lengths(path, np.diff(rows.boundaries.edges).tolist(), "baseline")
        _report_bounds(path, rows.tokens, model, findings)
        raw, full = _unfiltered(path, headers, model, rows, findings)
    layers = None
    with findings.losing(_LAYERS, "layers"):
        layers = _layers(path, headers, listed, findings)
    return BaselineCapture(
        capture.model, capture.file, capture.projections, rows, raw, full, layers
    )


def _scores(path: Path, headers: Mapping[str, Header], findings: Findings) -> NDArray[Any] | None:
    """Read the log-probabilities; without them the layers can still be used."""
    with findings.losing(_ENTROPY, "baseline"):
        return read_scores(path, headers, "top_k_logprobs")
    return None


def _question_names(n: int) -> list[str]:
    return [f"question {i + 1} (row {i} counted from 0)" for i in range(n)]


def _report_bounds(path: Path, tokens: TokenEntropy, model: Model, findings: Findings) -> None:
    if model.vocabulary is None and bool(np.isnan(tokens.high[~tokens.bad]).any()):
        findings.problem(
            path, "top_k_logprobs",
            "the stored candidates hold less than the whole probability, and study.toml gives no"
            " vocabulary size", "Add vocabulary to the model in study.toml.",
            Reason.MISSING_CAPTURE, "the upper bound of this model's entropy", "baseline",
            note=True,
        )  # fmt: skip


def _unfiltered(
    path: Path, headers: Mapping[str, Header], model: Model, rows: TokenRows, findings: Findings
) -> tuple[TokenEntropy | None, FloatArray | None]:
    if not {"top_k_logprobs_raw", "entropy_full"} <= headers.keys():
        return None, None
    with findings.losing("the comparison of bounds with the full entropy", "unfiltered"):
        name = "top_k_logprobs_raw"
        scores = read_scores(path, headers, name)
        full = read_floats(path, "entropy_full", headers, ndim=1).astype(np.float64)
        n = rows.tokens.entropy.size if rows.kept is None else rows.kept.size
        if len(scores) != n or full.size != n:
            raise CaptureError(
                path, name, f"it and entropy_full have {len(scores)} and {full.size} rows,"
                f" top_k_logprobs has {n}", "Make the capture again.", Reason.MISALIGNED,
            )  # fmt: skip
        if rows.kept is not None:
            scores, full = scores[rows.kept], full[rows.kept]
        return entropies(path, name, scores, model, findings, "baseline"), full
    return None, None


def _layers(
    path: Path, headers: Mapping[str, Header], n_questions: int, findings: Findings
) -> NDArray[Any] | None:
    if "per_layer_states" not in headers:
        findings.problem(
            path, "per_layer_states", "is not in the file", "None needed, if it was left out.",
            Reason.MISSING_CAPTURE, _LAYERS, "layers", note=True,
        )  # fmt: skip
        return None
    states = read_floats(path, "per_layer_states", headers, ndim=3)
    if states.shape[0] != n_questions or 0 in states.shape:
        raise CaptureError(
            path, "per_layer_states", f"has shape {states.shape} for {n_questions} questions",
            _SAME_RUN, Reason.MISALIGNED,
        )  # fmt: skip
    broken = ~np.isfinite(states).all(axis=2)
    if broken.any():
        layers = np.flatnonzero(broken.any(axis=0)).tolist()
        findings.problem(
            path, "per_layer_states",
            f"inf or NaN in {int(broken.sum())} of {broken.size} states (float16 overflows above"
            f" 65504), in {listing([f'layer {i}' for i in layers])}",
            "Store the states as float32.", Reason.NON_FINITE,
            "activation entropy of these questions at these layers, and what needs all of them",
            "layers",
        )  # fmt: skip
    constant = ~broken & (states.max(axis=2) == states.min(axis=2))
    if constant.any():
        layers = np.flatnonzero(constant.any(axis=0)).tolist()
        zero = " (0, as where nothing was written)" if not states[constant].any() else ""
        findings.problem(
            path,
            "per_layer_states",
            f"one number{zero} in all places of {int(constant.sum())} of {constant.size} states, "
            f"in {listing([f'layer {i}' for i in layers])}",
            "Make the capture again.",
            Reason.CONSTANT_INPUT,
            "activation entropy of these questions at these layers, and what needs all of them",
            "layers",
        )
        states = np.where(constant[:, :, None], states.dtype.type(np.nan), states)
    return states


def _projections(
    path: Path, file: BaselineFile, study: Study, findings: Findings
) -> dict[str, FloatArray]:
    n, asked = len(file.answers.questions), len(set(file.answers.questions))
    if file.declared is not None and file.declared not in (n, asked):
        findings.problem(
            path, "n_questions", f"says {file.declared}, the file lists {n}",
            "Make the baseline file again.", Reason.MISALIGNED, "", "projections",
        )  # fmt: skip
    if asked != study.n_questions:
        findings.problem(
            path, "responses", f"lists {asked} questions, the study asks {study.n_questions}",
            "Correct n_questions in study.toml, or make the capture again.", Reason.TOO_FEW, "",
            "projections", note=True,
        )  # fmt: skip
    findings.nameless(path, file.answers.nameless, "projections")
    findings.spellings(path, file.answers.written, "projections")
    findings.repeats(path, file.answers.questions, "projections")
    unknown = sorted((file.projections.keys() | set(file.uneven)) - {a.key for a in study.axes})
    if unknown:
        findings.problem(
            path, "axes", f"holds axes that study.toml does not name: {listing(unknown)}",
            "Add them to study.toml, if they belong to the study.", Reason.NOT_TESTED, "",
            "projections", note=True,
        )  # fmt: skip
    projections = {a.key: _projection(path, file, a.key, findings) for a in study.axes}
    _report_saturation(path, projections, findings)
    return projections


def _report_saturation(
    path: Path, projections: Mapping[str, FloatArray], findings: Findings
) -> None:
    shares = {
        axis: float((np.abs(values) == 1.0).mean())
        for axis, values in projections.items()
        if not is_constant(values) and float(np.abs(values).max()) == 1.0
    }
    if shares:
        named = ", ".join(f"{axis} {share:.0%}" for axis, share in shares.items())
        findings.problem(
            path, "axes", f"values clipped at ±1: {named}",
            "None needed: ranks treat them as ties.", Reason.ALL_TIED, "", "projections",
            note=True,
        )  # fmt: skip


def _projection(path: Path, file: BaselineFile, axis: str, findings: Findings) -> FloatArray:
    n = len(file.answers.questions)
    costs = f"all that needs the projections on {axis}"
    if axis not in file.projections:
        uneven = axis in file.uneven
        findings.problem(
            path, axis, f"its values do not number {n}" if uneven else "is not in the file",
            "Make the baseline file again.",
            Reason.MISALIGNED if uneven else Reason.MISSING_CAPTURE, costs, "projections",
            axis=axis,
        )  # fmt: skip
        return np.full(n, np.nan)
    values = file.projections[axis]
    missing = [f"question {i + 1}" for i in np.flatnonzero(~np.isfinite(values)).tolist()]
    if missing:
        findings.problem(
            path, axis, f"no finite value for {listing(missing)}", "Make the baseline file again.",
            Reason.NON_FINITE, costs, "projections",
            axis=axis,
        )  # fmt: skip
        return np.where(np.isfinite(values), values, np.nan)
    if is_constant(values):
        findings.problem(
            path, axis, f"is constant: all {n} values are {values[0]:g}",
            "None needed: covariance measures stay defined.", Reason.CONSTANT_INPUT,
            f"every correlation with {axis}", "projections", note=True, axis=axis,
        )  # fmt: skip
    return values
