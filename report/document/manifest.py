"""The manifest: what a build was made from, with what, and how to make it again."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from report import __version__
from report.capture.feature_files import FILES
from report.capture.features import Features
from report.study.paths import PACKAGE, STATS, TEMPLATES
from report.study.study import Study

# Not the program itself: compiled files, and what an installed package holds beside it.
_NOT_CODE = frozenset({"__pycache__", "_templates", "_data"})

_PACKAGES = (
    "numpy", "scipy", "pandas", "pingouin", "statsmodels", "matplotlib", "jinja2", "pydantic",
)  # fmt: skip


def versions() -> dict[str, str]:
    """Return the versions of Python, of this program and of what it computes with."""
    found = {"python": platform.python_version(), "statistical-report": __version__}
    return found | {name: metadata.version(name) for name in _PACKAGES}


def sha256(path: Path) -> str:
    """Hash a file without loading it whole."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def code() -> dict[str, str]:
    """Hash the program: every source file of its packages, and every template, by folder."""
    hashes: dict[str, str] = {}
    for name, folder in (("report", PACKAGE), ("stats", STATS), ("templates", TEMPLATES)):
        total = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and not _NOT_CODE & set(relative.parts):
                total.update(f"{relative.as_posix()}\0{sha256(path)}\n".encode())
        hashes[name] = total.hexdigest()
    return hashes


def inputs_of(study: Study, features: Features) -> list[Mapping[str, Any]]:
    """Describe every file that a study's numbers come from.

    Its plan, published tables and claims; the shipped features, where these stood in for the
    captures; and the captures, as they were when the features were made.
    """
    paths = [study.folder / "study.toml", study.folder / "claims.toml"]
    paths += sorted((study.folder / "published").glob("*.csv"))
    if features.origin == "features":
        paths += [study.features_folder / name for name in FILES]
    files = [
        {
            "file": p.relative_to(study.folder).as_posix(),
            "bytes": p.stat().st_size,
            "sha256": sha256(p),
        }
        for p in paths
        if p.is_file()
    ]
    return [*files, *features.inputs]


def describe(
    studies: Sequence[Study],
    inputs: Mapping[str, Sequence[Mapping[str, Any]]],
    folder: Path,
    rendering: Mapping[str, Any],
) -> dict[str, Any]:
    """Describe a build.

    Parameters
    ----------
    studies : sequence of Study
    inputs : mapping
        By study id, as `inputs_of` describes them.
    folder : Path
        The finished build, whose files are hashed.
    rendering : mapping
        Renderer, versions and formats.
    """
    outputs = {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name != "manifest.json"
        and ".quarto" not in path.relative_to(folder).parts
    }
    return {
        "format": 1,
        "studies": [
            {
                "id": study.id,
                "title": study.title,
                "plan": study.plan.model_dump(),
                "inputs": list(inputs[study.id]),
            }
            for study in studies
        ],
        "versions": versions(),
        "code": code(),
        "rendering": dict(rendering),
        "outputs": outputs,
    }
