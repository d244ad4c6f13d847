"""What baseline and calibration captures have in common: rows of tokens, cut into answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from report.capture.boundaries import Boundaries, MisalignedError, answers, decide, times_agree
from report.capture.features import FloatArray, IntArray
from report.capture.filling import find_filling
from report.capture.findings import CaptureError, Findings, listing
from report.capture.npz import Header, read_array, read_floats
from report.capture.responses import Answers
from report.study.study import Model
from stats.checks import is_constant
from stats.draws import blocks
from stats.entropy import TokenEntropy, token_entropy
from stats.outcome import Reason

# Arrays with one row an answer; token_offsets has one more.
_PER_ANSWER = ("decay_states", "last_token_states", "per_layer_states", "generation_times")
_FAR = 1e-3  # missing mass that is no rounding, in scores of any type
_SAME_RUN = "Put the JSON and the NPZ of the same run beside each other."


@dataclass(frozen=True)
class TokenRows:
    """Token entropies of one capture, and which of them belong to which answer.

    Parameters
    ----------
    tokens : TokenEntropy
    boundaries : Boundaries
    kept : ndarray of bool, shape (rows of the file,), or None
        Which rows of the file they are, where some fill answers up.
    """

    tokens: TokenEntropy
    boundaries: Boundaries
    kept: NDArray[np.bool_] | None = None


def count_answers(path: Path, headers: Mapping[str, Header]) -> int | None:
    """Return how many answers an NPZ holds, or None if no array says so.

    Raises
    ------
    CaptureError
        If its arrays disagree.
    """
    said = {name: headers[name].shape[0] for name in _PER_ANSWER if _has_rows(headers.get(name))}
    if _has_rows(headers.get("token_offsets")):
        said["token_offsets"] = headers["token_offsets"].shape[0] - 1
    if len(set(said.values())) > 1:
        listed = ", ".join(f"{name}: {n}" for name, n in said.items())
        raise CaptureError(
            path, "", f"its arrays disagree on the number of answers ({listed})",
            "Make the capture again.", Reason.MISALIGNED,
        )  # fmt: skip
    return next(iter(said.values()), None)


def _has_rows(header: Header | None) -> bool:
    return header is not None and len(header.shape) > 0


def read_offsets(path: Path, headers: Mapping[str, Header]) -> IntArray | None:
    """Read ``token_offsets``, or return None where there are none that could be used."""
    header = headers.get("token_offsets")
    if header is None or header.dtype.kind not in "iuf" or len(header.shape) != 1:
        return None
    offsets = read_array(path, "token_offsets")
    if not np.isfinite(offsets).all() or (offsets != np.rint(offsets)).any():
        return None
    return offsets.astype(np.int64)


def read_times(path: Path, headers: Mapping[str, Header]) -> FloatArray | None:
    """Read ``generation_times`` in seconds, or return None where there are none."""
    header = headers.get("generation_times")
    if header is None or header.dtype.kind != "f" or len(header.shape) != 1:
        return None
    return read_array(path, "generation_times").astype(np.float64)


def read_scores(path: Path, headers: Mapping[str, Header], name: str) -> NDArray[Any]:
    """Read log-probabilities, shape (T, k).

    Raises
    ------
    CaptureError
        If the array is absent or damaged, or holds no candidates.
    """
    scores = read_floats(path, name, headers, ndim=2)
    if scores.shape[1] == 0:
        raise CaptureError(path, name, "holds no candidates", "Make the capture again.")
    return scores


def entropies(
    path: Path, name: str, scores: NDArray[Any], model: Model, findings: Findings, part: str
) -> TokenEntropy:
    """Compute every token's entropy, and record what is wrong with the scores."""
    k, vocabulary = scores.shape[1], model.vocabulary
    if vocabulary is not None and vocabulary < k:
        findings.problem(
            path, name, f"stores {k} candidates a token, but study.toml gives a vocabulary of"
            f" {vocabulary}", "Correct vocabulary in study.toml.", Reason.NON_FINITE,
            "the upper bound of this model's entropy", part,
        )  # fmt: skip
        vocabulary = None
    # The array is that of the most probable candidates; what is out of order holds another.
    in_order = not any(bool((b[:, 1:] > b[:, :-1]).any()) for b in blocks(scores))
    tokens = token_entropy(scores, vocabulary, most_probable=in_order)
    _report_grid(path, name, tokens, findings, part)
    _report_mass(path, name, scores, tokens, findings, part)
    return tokens


def _report_grid(
    path: Path, name: str, tokens: TokenEntropy, findings: Findings, part: str
) -> None:
    """Note that the scores were computed in a short type, and what that costs."""
    if not tokens.grid:
        return
    off = f"sums are off 1 by up to {tokens.rounding:.2%}, and such rows are renormalised"
    findings.problem(
        path,
        name,
        f"the scores lie on the grid of {tokens.grid}: "
        + (off if tokens.rounding else "the bounds of the entropy allow for its rounding"),
        "Compute log-probabilities in float32, if you can.",
        Reason.NON_FINITE,
        "",
        part,
        note=True,
    )


def _report_mass(
    path: Path,
    name: str,
    scores: NDArray[Any],
    tokens: TokenEntropy,
    findings: Findings,
    part: str,
) -> None:
    """Record that stored candidates leave probability out, with the likely cause."""
    short = ~tokens.bad & (tokens.mass < 1.0 - _FAR) & (tokens.low != tokens.high)
    if not short.any():
        return
    mass = tokens.mass[short]
    held = (
        f"{int(short.sum())} of {short.size} rows sum to less than 1 (mean {mass.mean():.2f},"
        f" smallest {mass.min():.2f})"
    )
    costs = "the entropy of the whole distribution, which is known only within bounds"
    usable = np.where(tokens.bad[:, None], -np.inf, scores).astype(np.float64)
    with np.errstate(over="ignore"):
        base = next((b for b in (2, 10) if _sums_to_one(b**usable, ~tokens.bad)), None)
    if base is not None:
        findings.problem(
            path, name, f"{held}, but all sum to 1 as logarithms to base {base}",
            f"Store natural logarithms: multiply by ln {base}.", Reason.NON_FINITE, costs,
            part,
        )  # fmt: skip
    elif tokens.filtered:
        findings.problem(
            path, name, f"holds -inf, as filtered scores do, and yet {held}: padding, or logarithms"
            " to another base", "Store the natural logarithms of all candidates that were left"
            " after filtering, or leave out the padding.", Reason.NON_FINITE, costs, part,
        )  # fmt: skip
    else:
        k = scores.shape[1]
        if not tokens.most_probable:
            held += "; they are not in order, or not the most probable ones, so that the lower"
            held += " bound is a wide one"
        findings.problem(
            path, name, f"stores {k} candidate{'s' * (k != 1)} a token, and {held}",
            "Store more candidates, or the entropy of the whole distribution.",
            Reason.NON_FINITE, costs, part, note=True,
        )  # fmt: skip


def _sums_to_one(p: FloatArray, usable: NDArray[np.bool_]) -> bool:
    return bool((np.abs(p.sum(axis=1)[usable] - 1.0) < _FAR).all())


def assign(
    path: Path,
    headers: Mapping[str, Header],
    n_rows: int,
    listed: Answers,
    findings: Findings,
    part: str,
) -> Boundaries:
    """Assign the rows of a capture to its answers.

    Raises
    ------
    CaptureError
        With reason ``misaligned``, if no rule fits.
    """
    same_order = times_agree(read_times(path, headers), listed.times)
    offsets = read_offsets(path, headers)
    try:
        found = decide(n_rows, listed.counts, offsets, same_order)
    except MisalignedError as error:
        raise CaptureError(
            path, "token_offsets", str(error), _SAME_RUN, Reason.MISALIGNED
        ) from error
    if found.remark:
        findings.problem(
            path, "token_offsets", found.remark,
            "None needed." if found.harmless else "Have the writer of the capture looked at.",
            Reason.MISALIGNED, "", part, note=found.harmless,
        )  # fmt: skip
    return found


def token_rows(
    path: Path,
    scores: NDArray[Any],
    boundaries: Boundaries,
    model: Model,
    findings: Findings,
    part: str,
) -> TokenRows:
    """Compute the entropies of the answers' own tokens; what fills answers up is left out.

    Raises
    ------
    CaptureError
        If it can't be told what fills up and what belongs to the answers.
    """
    name = "top_k_logprobs"
    if (filling := find_filling(scores, boundaries.edges)) is None:
        return TokenRows(entropies(path, name, scores, model, findings, part), boundaries)
    said = (
        f"{int((~filling.kept).sum())} of {scores.shape[0]} rows, {filling.place} of"
        f" {filling.answers} of {boundaries.edges.size - 1} answers, are one row repeated, up to"
        " the length of other answers"
    )
    if not filling.sure:
        read, left_out = (
            float(np.nanmean(token_entropy(some).top_k)) for some in (scores, scores[filling.kept])
        )
        raise CaptureError(
            path, name, f"{said}: tokens that are certain, with which the entropy is {read:.3f} on"
            f" average, or the filling of a batch, without which it is {left_out:.3f}",
            "Store the rows of each answer up to its end, and its number of tokens.",
            Reason.MISALIGNED,
        )  # fmt: skip
    findings.problem(
        path, name, f"{said}: a batch that was filled up; these rows are left out",
        "None needed; better store the rows of each answer up to its end.", Reason.MISALIGNED, "",
        part, note=True,
    )  # fmt: skip
    tokens = entropies(path, name, scores[filling.kept], model, findings, part)
    own = replace(boundaries, edges=filling.edges, wrong=None)
    return TokenRows(tokens, own, filling.kept)


def report_answers(
    path: Path, rows: TokenRows, names: Iterable[str], findings: Findings, part: str
) -> None:
    """Record which answers have no usable tokens, or too few for their course over time."""
    bad = [b > 0.0 for b in answers(rows.tokens.bad.astype(np.float64), rows.boundaries.edges)]
    entropies = answers(rows.tokens.entropy, rows.boundaries.edges)
    labels = list(names)
    excess = answers(rows.tokens.excess, rows.boundaries.edges)
    too_much = [n for n, e in zip(labels, excess, strict=True) if e.any()]
    bad = [b & (e == 0.0) for b, e in zip(bad, excess, strict=True)]
    broken = [n for n, b in zip(labels, bad, strict=True) if b.any()]
    empty = [n for n, b in zip(labels, bad, strict=True) if b.size == 0]
    if broken:
        findings.problem(
            path, "top_k_logprobs",
            f"NaN or no log-probabilities in {int(sum(b.sum() for b in bad))} rows of"
            f" {listing(broken)}",
            "Make the capture of these answers again.", Reason.NON_FINITE,
            f"the entropy of {_answers(len(broken))}", part,
        )  # fmt: skip
    if too_much:
        worst = 1.0 + float(rows.tokens.excess.max())
        findings.problem(
            path, "top_k_logprobs",
            f"the probabilities sum to more than 1 (up to {worst:.4g}) in"
            f" {sum(int((e > 0.0).sum()) for e in excess)} rows of {listing(too_much)}: a token"
            " stored twice, or probabilities or logits in place of log-probabilities",
            "Store each candidate once, as the natural logarithm of its probability.",
            Reason.NON_FINITE, f"the entropy of {_answers(len(too_much))}", part,
        )  # fmt: skip
    if empty:
        findings.problem(
            path, "top_k_logprobs", f"no tokens in {listing(empty)}",
            "Make the capture of these answers again.", Reason.TOO_FEW,
            f"the entropy of {_answers(len(empty))}", part,
        )  # fmt: skip
    short = [
        n for n, e, b in zip(labels, entropies, bad, strict=True)
        if b.size and np.isfinite(e).all() and (e.size < 3 or is_constant(e))
    ]  # fmt: skip
    if short and part == "baseline":
        findings.problem(
            path, "top_k_logprobs", f"too few tokens, or all of one entropy, in {listing(short)}",
            "None needed.", Reason.TOO_FEW,
            f"the course of entropy over the tokens of {_answers(len(short))}", part, note=True,
        )  # fmt: skip


def _answers(n: int) -> str:
    return "one answer" if n == 1 else f"{n} answers"
