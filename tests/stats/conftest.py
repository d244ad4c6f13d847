"""Reference values from R, and the data that they were computed from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

# The same examples in every run, and no clock: a test that fails fails for everybody.
settings.register_profile(
    "reproducible", deadline=None, max_examples=40, derandomize=True, database=None
)
settings.load_profile("reproducible")


@dataclass(frozen=True)
class Reference:
    """R's results and, by model, the inputs behind them."""

    r: dict[str, Any]
    models: dict[str, dict[str, Any]]

    def column(self, model: str, name: str) -> np.ndarray:
        data = self.models[model]
        return np.array(data["axes"][name] if name in data["axes"] else data[name], dtype=float)


def _mood_axis(path) -> dict[str, Any]:
    capture = json.loads(path.read_text())
    axes = capture.get("axes", capture.get("baseline"))
    return {
        "axes": {name: axis["values"] for name, axis in axes.items()},
        "n_words": [r["n_words"] for r in capture["responses"]],
        "n_tokens": [r["n_tokens"] for r in capture["responses"]],
    }


@pytest.fixture(params=["synthetic", "mood_axis"])
def reference(request, root, shared) -> Reference:
    """Made-up data that ship with the tests, then real projections where they are at hand."""
    if request.param == "synthetic":
        folder = root / "tests" / "reference"
        results = json.loads((folder / "synthetic_r.json").read_text())
        return Reference(results, json.loads((folder / "synthetic_inputs.json").read_text()))
    results = json.loads(shared("reference/mood_axis_r.json").read_text())
    names = {row["model"] for row in results["spearman_n30"]}
    return Reference(
        results, {name: _mood_axis(shared(f"mood-axis/{name}_baseline.json")) for name in names}
    )
