"""Small captures with every fault that a test asks for, written in the documented layout."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest

from report.study.settings import Plan
from report.study.study import Axis, Cohort, Model, Study

AXES = ("warm_cold", "formal_casual", "verbose_concise")
N_QUESTIONS, HIDDEN, LAYERS, CANDIDATES = 6, 40, 3, 8


def log_probabilities(n_rows: int, seed: int, filtered: bool = True) -> np.ndarray:
    """Rows of log-probabilities, in descending order; half of each is cut where filtered."""
    weights = np.random.default_rng(seed).exponential(size=(n_rows, CANDIDATES))
    weights = -np.sort(-weights, axis=1)
    if filtered:
        weights[:, CANDIDATES // 2 :] = 0.0
        weights /= weights.sum(axis=1, keepdims=True)
    else:
        weights *= 0.9 / weights.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log(weights).astype(np.float32)


class Captures:
    """A study folder in the making."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.raw = folder / "raw"
        self.raw.mkdir()

    def study(self, *keys: str, **changes: object) -> Study:
        models = tuple(
            Model(key=key, name=key.upper(), cohort="all", vocabulary=100) for key in keys or ("m",)
        )
        fields = {
            "id": "small",
            "title": "Small",
            "date": dt.date(2026, 1, 1),
            "plan": Plan(seed=1),
            "axes": tuple(Axis(key=a, positive=a, negative=a) for a in AXES),
            "cohorts": (Cohort(key="all", title="All"),),
            "models": models,
            "n_questions": N_QUESTIONS,
            "folder": self.folder,
        }
        return Study(**(fields | changes))

    def baseline(
        self,
        key: str = "m",
        *,
        counts: tuple[int, ...] = (5, 3, 7, 4, 6, 5),
        offsets: str = "prompts",
        arrays: dict[str, object] | None = None,
        document: dict[str, object] | None = None,
        seed: int = 1,
    ) -> dict[str, np.ndarray]:
        """Write JSON and NPZ; None as an array leaves it out. Returns the arrays."""
        rng = np.random.default_rng(seed)
        n, n_rows = len(counts), sum(counts)
        found: dict[str, object] = {
            "decay_states": rng.standard_normal((n, HIDDEN)).astype(np.float32),
            "per_layer_states": rng.standard_normal((n, LAYERS, HIDDEN)).astype(np.float16),
            "top_k_logprobs": log_probabilities(n_rows, seed),
            "generation_times": np.array(counts) * 0.1 + rng.random(n) * 0.05,
            "token_offsets": token_offsets(counts, offsets),
        } | (arrays or {})
        stored = {name: np.asarray(a) for name, a in found.items() if a is not None}
        np.savez(self.raw / f"{key}_baseline_hidden_states.npz", **stored)
        values = {axis: {"values": rng.uniform(-0.9, 0.9, n).tolist()} for axis in AXES}
        written: dict[str, object] = {
            "model": key,
            "n_questions": n,
            "axes": values,
            "responses": [
                {
                    "question": f"Question {q}?",
                    "response": "some words here",
                    "n_tokens": count,
                    "n_words": count - 1,
                    "generation_time_s": round(float(np.asarray(t)), 3),
                }
                for q, (count, t) in enumerate(
                    zip(counts, stored.get("generation_times", np.ones(n)), strict=True)
                )
            ],
        } | (document or {})
        text = json.dumps({k: v for k, v in written.items() if v is not None})
        (self.raw / f"{key}_baseline.json").write_text(text, encoding="utf-8")
        return stored

    def calibration(
        self,
        key: str = "m",
        *,
        axes: tuple[str, ...] = AXES,
        held: tuple[str, ...] | None = None,
        alternate: bool = False,
        offsets: str = "prompts",
        seed: int = 2,
        count: int | None = None,
    ) -> tuple[list[dict[str, object]], np.ndarray]:
        """Write a JSONL of ``axes`` and an NPZ of the axes ``held``; return lines and rows."""
        rng = np.random.default_rng(seed)
        lines: list[dict[str, object]] = []
        for axis in axes:
            labels = [(p, q) for p in ("positive", "negative") for q in range(N_QUESTIONS)]
            if alternate:
                labels.sort(key=lambda label: label[1])
            for pole, q in labels:
                n_tokens = int(rng.integers(2, 30)) if count is None else count
                lines.append({
                    "axis": axis, "pole": pole, "question": f"Question {q}?",
                    "response": "a b", "n_tokens": n_tokens, "n_words": 2,
                })  # fmt: skip
        kept = [line for line in lines if held is None or line["axis"] in held]
        counts = tuple(int(str(line["n_tokens"])) for line in kept)
        rows = log_probabilities(sum(counts), seed)
        np.savez(
            self.raw / f"{key}_calibration_hidden_states.npz",
            decay_states=rng.standard_normal((len(kept), HIDDEN)),
            top_k_logprobs=rows,
            token_offsets=token_offsets(counts, offsets),
        )
        text = "".join(json.dumps(line) + "\n" for line in lines)
        path = self.raw / f"{key}_calibration_responses.jsonl"
        path.write_text(text, encoding="utf-8")
        return kept, rows


def token_offsets(counts: tuple[int, ...], layout: str) -> np.ndarray | None:
    """Offsets that count prompt rows, that fit, or none."""
    prompts = {"prompts": 9, "fit": 0}
    if layout not in prompts:
        return None
    return np.concatenate([[0], np.cumsum(np.array(counts) + prompts[layout])])


@pytest.fixture
def captures(tmp_path: Path) -> Captures:
    return Captures(tmp_path)


@pytest.fixture
def entropies():
    """Token entropies by the definition, one token at a time."""

    def compute(rows: np.ndarray) -> list[float]:
        found: list[float] = []
        for row in rows.astype(np.float64):
            p = np.exp(row)
            found.append(float(-sum(x * np.log(x) for x in p if x > 0)))
        return found

    return compute
