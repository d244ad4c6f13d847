"""Where the project's own files are: beside the packages in a checkout, inside a wheel."""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]


def _resource(name: str) -> Path:
    installed = PACKAGE / f"_{name}"
    return installed if installed.is_dir() else PACKAGE.parent / name


STATS = PACKAGE.parent / "stats"
TEMPLATES = _resource("templates")
DATA = _resource("data")
