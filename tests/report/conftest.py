"""One small finished build, shared by the tests that read a finished build."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def synthetic(tmp_path_factory) -> Path:
    """A study folder with captures of three models."""
    from report.simulate import simulate

    folder = tmp_path_factory.mktemp("studies") / "synthetic-1"
    simulate(folder, models=3, questions=12, layers=5, hidden=16, seed=1)
    return folder


@pytest.fixture(scope="session")
def finished(synthetic, tmp_path_factory) -> Path:
    """The build of the published study and a synthetic one; tests must not change it."""
    from report.pipeline import Options, build

    studies = [ROOT / "data" / "entropy-2026-02", synthetic]
    options = Options(renderer="embedded", quick=True)
    return build(studies, tmp_path_factory.mktemp("build"), options, lambda _: None).folder


@pytest.fixture
def tampered(finished, tmp_path) -> Path:
    """A copy of the finished build that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / finished.name))
