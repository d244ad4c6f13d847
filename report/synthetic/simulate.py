"""Synthetic studies in the capture layout, with effects whose size is known.

Every effect is planted in a latent normal variable of the population and then written into
the files without loss: a question's tokens have exactly the mean entropy that its latent
asks for, and the layer states are handed to the questions in the order of theirs. What was
planted stands in ``planted.toml`` beside the study.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from report.study.settings import rng_for
from report.study.study import id_of
from report.synthetic.draw import (
    CANDIDATES,
    FloatArray,
    IntArray,
    deviations,
    layer_states,
    pearson,
    token_entropies,
    top_k_logprobs,
)

AXES = (
    "warm_cold",
    "patient_irritated",
    "confident_cautious",
    "proactive_reluctant",
    "empathetic_analytical",
    "formal_casual",
    "verbose_concise",
)
# Spearman's rho between generation entropy and projection, in every model.
BEHAVIOUR = {"warm_cold": -0.7, "formal_casual": 0.7}
# Spearman's rho between activation entropy at one layer and projection, in the first models:
# axis, depth as a share of the layers, rho.
SIGNATURE = (("confident_cautious", 0.25, 0.8), ("verbose_concise", 0.75, -0.8))
CALIBRATION = {"formal_casual": 0.15}  # nats, positive pole minus negative pole
CONSTANT = ("proactive_reluctant", -1.0)  # in the last model

_ENTROPIES = (0.25, 0.6)  # nats, medians of the first and the last model
_DIMENSIONS = (1.5, 5.0)  # effective dimensions of the first and the last model
_SPREAD = 0.2  # sd of the log of a question's entropy
_SHARED = 0.3  # share of its variance that all models have in common
_VOCABULARY = 32_000
_LOADINGS = np.array([pearson(BEHAVIOUR.get(axis, 0.0)) for axis in AXES])


@dataclass(frozen=True)
class Planted:
    """What is planted in one model.

    Parameters
    ----------
    key : str
    entropy : float
        Median over questions of the generation entropy, in nats.
    dimension : float
        Effective dimension of its projections.
    deviations : ndarray, shape (7,)
        Standard deviation of every axis; 0 where it is constant.
    signature : (str, int, float) or None
        Axis, layer and rho of the correlation with activation entropy.
    calibrated : bool
    """

    key: str
    entropy: float
    dimension: float
    deviations: FloatArray
    signature: tuple[str, int, float] | None
    calibrated: bool


def simulate(
    folder: Path, *, models: int, questions: int, layers: int, hidden: int, seed: int
) -> None:
    """Write a synthetic study with planted effects; the same seed gives the same bytes.

    Parameters
    ----------
    folder : Path
        Gets ``study.toml``, ``planted.toml`` and ``raw/``. The study is named after it.
    models : int
        The first half of them, rounded up, are calibrated too.
    questions : int
        At least 4.
    layers : int
        Entries of ``per_layer_states``, the embeddings included.
    hidden : int
        Hidden size, at least 8.
    seed : int
        Root of every random number, and the seed of the study's plan.

    Raises
    ------
    ValueError
        If a size is too small.
    """
    least = {"models": 1, "questions": 4, "layers": 1, "hidden": 8, "seed": 0}
    given = {"models": models, "questions": questions, "layers": layers, "hidden": hidden}
    for name, value in (given | {"seed": seed}).items():
        if value < least[name]:
            raise ValueError(f"{name} must be at least {least[name]}, got {value}")
    plan = [_plant(i, models, layers) for i in range(models)]
    raw = folder / "raw"
    raw.mkdir(parents=True, exist_ok=True)
    shared = rng_for(seed, "questions").standard_normal(questions)
    for i, model in enumerate(plan):
        profile = _layer_profile(i / models, layers)
        _write_baseline(raw, model, shared, profile, hidden, seed)
        if model.calibrated:
            _write_calibration(raw, model, shared, hidden, seed)
    (folder / "study.toml").write_text(
        _study(id_of(folder), plan, questions, seed), encoding="utf-8"
    )
    (folder / "planted.toml").write_text(_planted(plan), encoding="utf-8")


# --- what is planted --------------------------------------------------------------------


def _plant(index: int, models: int, layers: int) -> Planted:
    place = index / (models - 1) if models > 1 else 0.0
    constant = CONSTANT[0] if index == models - 1 else None
    dimension = _DIMENSIONS[0] + place * (_DIMENSIONS[1] - _DIMENSIONS[0])
    signature = None
    if index < len(SIGNATURE):
        axis, depth, rho = SIGNATURE[index]
        signature = (axis, int(depth * layers), rho)
    return Planted(
        key=f"sim_{index + 1:02d}",
        entropy=_ENTROPIES[0] + place * (_ENTROPIES[1] - _ENTROPIES[0]),
        dimension=dimension,
        deviations=deviations(dimension, _LOADINGS, np.array(AXES) != constant),
        signature=signature,
        calibrated=index < (models + 1) // 2,
    )


def _layer_profile(phase: float, layers: int) -> FloatArray:
    """Return the tail exponent of the activations at each layer: every model's own wave."""
    depth = np.linspace(0.0, 1.0, layers)
    return 1.8 + 0.7 * np.sin(2 * np.pi * (depth + phase))


# --- from latents to captures -----------------------------------------------------------


def _generation_entropy(
    model: Planted, shared: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Draw the standard normal latent of each question, and the entropy that it stands for."""
    own = rng.standard_normal(shared.size)
    latent = np.sqrt(_SHARED) * shared + np.sqrt(1 - _SHARED) * own
    return latent, model.entropy * np.exp(_SPREAD * latent)


def _projections(latent: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw the standard normal latents of the axes, shape (7, questions)."""
    r = _LOADINGS[:, None]
    return r * latent + np.sqrt(1 - r**2) * rng.standard_normal((len(AXES), latent.size))


def _layer_latents(
    model: Planted, axes: FloatArray, layers: int, rng: np.random.Generator
) -> FloatArray:
    """Draw standard normal latents by question and layer, alike in neighbouring layers."""
    questions = axes.shape[1]
    latents = rng.standard_normal((questions, layers))
    for layer in range(1, layers):
        latents[:, layer] = 0.6 * latents[:, layer - 1] + 0.8 * latents[:, layer]
    if model.signature:
        axis, layer, rho = model.signature
        r = pearson(rho)
        latents[:, layer] = r * axes[AXES.index(axis)] + np.sqrt(1 - r**2) * latents[:, layer]
    return latents


# --- files ------------------------------------------------------------------------------


def _arrays(
    means: FloatArray, tokens: tuple[int, int], hidden: int, rng: np.random.Generator
) -> tuple[IntArray, dict[str, Any]]:
    """Make the arrays that baseline and calibration have in common, and the token counts."""
    counts = rng.integers(*tokens, means.size, dtype=np.int64)
    prompts = rng.integers(20, 50, means.size, dtype=np.int64)
    logprobs = top_k_logprobs(token_entropies(means, counts, rng))
    return counts, {
        "decay_states": rng.standard_normal((means.size, hidden), dtype=np.float32),
        "last_token_states": rng.standard_normal((means.size, hidden), dtype=np.float32),
        "top_k_logprobs": logprobs,
        "top_k_ids": np.tile(np.arange(CANDIDATES, dtype=np.int32), (len(logprobs), 1)),
        "generation_times": 0.05 * counts,
        # As upstream writes them: they count the prompt's rows, which `top_k_*` do not have.
        "token_offsets": np.concatenate([[0], np.cumsum(prompts + counts - 1)]),
    }


def _write_baseline(
    raw: Path, model: Planted, shared: FloatArray, profile: FloatArray, hidden: int, seed: int
) -> None:
    rng = rng_for(seed, f"{model.key}.baseline")
    latent, means = _generation_entropy(model, shared, rng)
    axes = _projections(latent, rng)
    counts, arrays = _arrays(means, (24, 64), hidden, rng)
    order = _layer_latents(model, axes, profile.size, rng)
    arrays["per_layer_states"] = layer_states(order, profile, hidden, rng)
    rows = int(arrays["token_offsets"][-1])
    tokens = rng.standard_normal((rows, hidden), dtype=np.float32)
    arrays["token_states"] = tokens.astype(np.float16)
    np.savez_compressed(raw / f"{model.key}_baseline_hidden_states.npz", **arrays)

    centre = np.where(model.deviations > 0, rng.uniform(-0.2, 0.2, len(AXES)), CONSTANT[1])
    values = np.clip(centre[:, None] + model.deviations[:, None] * axes, -1.0, 1.0)
    document = {
        "model": model.key,
        "model_id": f"synthetic/{model.key}",
        "timestamp": "2026-01-01T00:00:00",
        "n_questions": shared.size,
        "axes": {axis: _axis(v) for axis, v in zip(AXES, values, strict=True)},
        "responses": [_response(q, n) for q, n in enumerate(counts.tolist())],
    }
    text = json.dumps(document, indent=1) + "\n"
    (raw / f"{model.key}_baseline.json").write_text(text, encoding="utf-8")


def _write_calibration(
    raw: Path, model: Planted, shared: FloatArray, hidden: int, seed: int
) -> None:
    rng = rng_for(seed, f"{model.key}.calibration")
    labels: list[dict[str, str]] = []
    means: list[FloatArray] = []
    for axis in AXES:
        for pole, sign in (("positive", 1), ("negative", -1)):
            labels.append({"axis": axis, "pole": pole, "system_prompt": f"{axis}: {pole}"})
            entropy = _generation_entropy(model, shared, rng)[1]
            means.append(entropy + sign * CALIBRATION.get(axis, 0.0) / 2)
    counts, arrays = _arrays(np.concatenate(means), (12, 32), hidden, rng)
    np.savez_compressed(raw / f"{model.key}_calibration_hidden_states.npz", **arrays)
    lines = [
        json.dumps(labels[i // shared.size] | _response(i % shared.size, n))
        for i, n in enumerate(counts.tolist())
    ]
    text = "\n".join(lines) + "\n"
    (raw / f"{model.key}_calibration_responses.jsonl").write_text(text, encoding="utf-8")


def _axis(values: FloatArray) -> dict[str, Any]:
    summary = {name: float(getattr(values, name)()) for name in ("mean", "std", "min", "max")}
    return summary | {"values": values.tolist()}


def _response(question: int, n_tokens: int) -> dict[str, Any]:
    n_words = 3 * n_tokens // 4
    return {
        "question": f"Synthetic question {question + 1}?",
        "response": " ".join(["synthetic"] * n_words),
        "n_tokens": n_tokens,
        "n_words": n_words,
        "generation_time_s": round(0.05 * n_tokens, 2),
    }


def _tables(name: str, rows: Sequence[dict[str, Any]]) -> str:
    """Write an array of tables; JSON's strings and numbers are TOML's too."""
    return "".join(
        f"\n[[{name}]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in row.items())
        for row in rows
    )


def _study(name: str, plan: Sequence[Planted], questions: int, seed: int) -> str:
    head = f"""id = "{name}"
title = "Synthetic study with planted effects"
date = 2026-01-01
source = "a simulation; see planted.toml beside it"
summary = "No language model was run: the captures are random numbers with known effects."
synthetic = true
n_questions = {questions}

[plan]
seed = {seed}
"""
    poles = [axis.split("_") for axis in AXES]
    axes = [{"key": "_".join(p), "positive": p[0], "negative": p[1]} for p in poles]
    common = {"cohort": "synthetic", "family": "Synthetic", "vocabulary": _VOCABULARY}
    models = [
        {"key": model.key, "name": f"Synthetic model {i}", "short": f"Sim {i}"} | common
        for i, model in enumerate(plan, start=1)
    ]
    cohort = [{"key": "synthetic", "title": "Synthetic models"}]
    return head + _tables("axes", axes) + _tables("cohorts", cohort) + _tables("models", models)


def _planted(plan: Sequence[Planted]) -> str:
    head = """# What was planted: values of the population, not of this sample. Effects that are not
# listed are absent. Entropy and effective dimension rise together over the models.
"""
    models: list[dict[str, Any]] = []
    behaviour: list[dict[str, Any]] = []
    signature: list[dict[str, Any]] = []
    calibration: list[dict[str, Any]] = []
    for model in plan:
        key = {"model": model.key}
        mean = model.entropy * float(np.exp(_SPREAD**2 / 2))
        numbers = {"entropy_mean_nats": mean, "effective_dimension": model.dimension}
        models.append({"key": model.key} | numbers)
        behaviour += [key | {"axis": axis, "rho": rho} for axis, rho in BEHAVIOUR.items()]
        if model.signature:
            axis, layer, rho = model.signature
            signature.append(key | {"axis": axis, "layer": layer, "rho": rho})
        if model.calibrated:
            calibration += [key | {"axis": a, "delta_nats": d} for a, d in CALIBRATION.items()]
    constant = [{"model": plan[-1].key, "axis": CONSTANT[0], "value": CONSTANT[1]}]
    return (
        head
        + _tables("models", models)
        + _tables("behaviour", behaviour)
        + _tables("signature", signature)
        + _tables("calibration", calibration)
        + _tables("constant", constant)
    )
