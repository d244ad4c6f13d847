"""What rests on random numbers says so, and can be drawn again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from report.experiments.base import Draws
from report.ledger.ledger import Ledger
from report.pipeline import Options, compute, default_studies, load
from report.study.settings import Plan
from report.synthetic.simulate import simulate
from stats.draws import Drawn, blocks

FEW = 99


def ledger_of(*folders: Path, cache: Path | None = None) -> Ledger:
    studies = [
        study.model_copy(update={"plan": study.plan.model_copy(update={"n_resamples": FEW})})
        for study in load(folders)
    ]
    return compute(studies, Options(cache=cache), lambda _: None).ledger


def unaccounted(ledger: Ledger) -> list[str]:
    """Name what has a seed and no draws, or draws and no seed; what was listed needs none."""
    found: list[str] = []
    for entry in ledger:
        row = entry.row()
        drawn = row["n_resamples"] is not None and row["ci_method"] != "exact-bootstrap"
        if drawn != (row["seed"] is not None):
            found.append(entry.id)
    return found


@pytest.mark.slow
def test_with_eleven_models_the_tests_across_them_are_drawn(tmp_path: Path) -> None:
    """Too many for enumeration: what is exact with six models rests on draws here."""
    simulate(tmp_path / "many", models=11, questions=8, layers=3, hidden=16, seed=4)
    ledger = ledger_of(tmp_path / "many")
    assert unaccounted(ledger) == []
    for experiment, quantity in (
        ("dimension", "rho"), ("dimension", "leave-one-out"), ("behaviour", "dead-zones"),
        ("signature", "peak-share"), ("generation", "rank-biserial"),
    ):  # fmt: skip
        known = [
            e for e in ledger.select(experiment=experiment, quantity=quantity)
            if e.value is not None
        ]  # fmt: skip
        assert known or quantity == "dead-zones"
        assert {(e.seed, e.row()["n_resamples"]) for e in known} <= {(4, FEW)}


@pytest.mark.slow
def test_the_shipped_studies_account_for_their_draws(features_cache: Path) -> None:
    ledger = ledger_of(*default_studies(), cache=features_cache)
    assert unaccounted(ledger) == []
    without = ledger.select(experiment="generation", quantity="rank-biserial")
    assert {str(e.estimate.no_interval) for e in without} == {"no_spread"}
    calibrated = ledger.select(experiment="calibration", quantity="delta", evidence="published")
    known = {str(e.estimate.no_interval) for e in calibrated if e.value is not None}
    assert known == {"no_interval"}


def test_what_there_is_no_room_for_is_drawn_again_and_the_same() -> None:
    plan, n = Plan(seed=7, n_resamples=FEW), 40
    kept, again = Draws(plan), Draws(plan, room=FEW * n)

    def whole(draws: Draws, kind: str, name: str) -> np.ndarray:
        return np.concatenate([*blocks(getattr(draws, kind)(name, n))])

    for kind in ("counts", "permutations"):
        for name in ("one", "other"):
            found = [whole(d, kind, name) for d in (kept, again) for _ in range(3)]
            assert all((other == found[0]).all() for other in found[1:])
    assert isinstance(kept.permutations("other", n), np.ndarray)
    assert isinstance(again.counts("one", n), np.ndarray)  # there was room for the first
    assert isinstance(again.counts("other", n), Drawn)
