"""What every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# No test measures time: a busy machine must not fail a property.
# The same examples at each run: a submission must not fail by the luck of the draw.
settings.register_profile("project", deadline=None, derandomize=True)
settings.load_profile("project")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def shared():
    """Path inside the folder ``shared`` beside the checkout; the test is skipped without it."""

    def locate(name: str) -> Path:
        path = ROOT.parent / "shared" / name
        if not path.exists():
            pytest.skip(f"shared/{name} is not on this machine")
        return path

    return locate


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT
