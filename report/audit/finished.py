"""A finished build as those see it who check it: files, and nothing that made them."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.audit.schema import (
    AGAIN,
    MOST_BYTES,
    LedgerFile,
    Manifest,
    StudyFile,
    checked,
    plain_path,
)
from report.ledger.ledger import Entry, Ledger
from report.study.errors import InputError


@dataclass(frozen=True)
class Plan:
    """What a second path needs of a study: its plan, axes and the models of one cohort."""

    study: str
    seed: int
    alpha: float
    level: float
    n_resamples: int
    axes: tuple[str, ...]
    models: tuple[str, ...]
    open_order: float


@dataclass(frozen=True)
class Finished:
    """A finished build.

    Parameters
    ----------
    folder : Path
    ledger : Ledger
    manifest : Manifest
    plans : mapping
        By key of the cohort.
    """

    folder: Path
    ledger: Ledger
    manifest: Manifest
    plans: Mapping[str, Plan]

    def plan(self, entry: Entry) -> Plan:
        """Return the plan that an entry was made under.

        Raises
        ------
        KeyError
            If no study in the build has its cohort.
        """
        return self.plans[entry.cohort]


def inside(folder: Path, name: str) -> Path:
    """Return the path of a file of a build.

    Parameters
    ----------
    folder : Path
        The build.
    name : str
        Relative, with ``/``.

    Raises
    ------
    InputError
        If it is absolute, climbs out of the build, or goes through a link.
    """
    try:
        path = folder / plain_path(name)
    except ValueError as error:
        raise InputError(folder, name, str(error), AGAIN) from error
    steps = [path, *path.parents]
    if any(step.is_symlink() for step in steps[: steps.index(folder)]):
        raise InputError(path, "", "it is a link, and a build has none", AGAIN)
    return path


def load_finished(folder: Path) -> Finished:
    """Read a finished build, which may be a stranger's.

    Every field is checked before anything uses it, and a build that holds a link is refused.

    Raises
    ------
    InputError
        If it is none, one of its files can't be read, or a field is not as a build leaves it.
    """
    if not (folder / "manifest.json").exists():
        raise InputError(
            folder / "manifest.json", "", f"there is none in {folder}, so it is no finished build",
            "Name a folder that `python -m report build` made.",
        )  # fmt: skip
    for here, folders, files in os.walk(folder):
        for name in sorted([*folders, *files]):
            path = Path(here, name)
            if path.is_symlink() or not (path.is_file() or path.is_dir()):
                raise InputError(
                    path, "", "it is a link or no plain file, and a build has none of these", AGAIN
                )
            if path.is_file() and path.stat().st_size > MOST_BYTES:
                raise InputError(path, "", "it is too large to be read", AGAIN)
    path = folder / "manifest.json"
    manifest = checked(Manifest, read_json(path), path)
    path = folder / "ledger.json"
    document = read_json(path)
    checked(LedgerFile, document, path)
    try:
        ledger = Ledger.from_document(document)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, "", f"not a ledger: {error}", AGAIN) from error
    plans = _plans(folder, manifest)
    for entry in ledger:
        if entry.cohort not in plans:
            problem = f"{entry.id} is of cohort {entry.cohort[:80]!r}, which no study has"
            raise InputError(path, "cohort", problem, AGAIN)
    return Finished(folder, ledger, manifest, plans)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # a copied study.toml may begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        problem = "the file is missing" if not path.exists() else str(error)
        raise InputError(path, "", problem, f"Name a finished build. {AGAIN}") from error


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def read_json(path: Path) -> Any:
    """Read a JSON file of a build, in which every number is finite.

    Raises
    ------
    InputError
        If it is missing, too large, or no JSON.
    """
    try:
        return json.loads(_text(path), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputError(path, "", f"not JSON: {error}", AGAIN) from error


def _plans(folder: Path, manifest: Manifest) -> dict[str, Plan]:
    found: dict[str, Plan] = {}
    for described in manifest.studies:
        path, plan = inside(folder, f"data/{described.id}/study.toml"), described.plan
        try:
            fields = tomllib.loads(_text(path))
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise InputError(path, "", f"not TOML: {error}", AGAIN) from error
        study = checked(StudyFile, fields, path)
        for cohort in study.cohorts:
            found[cohort.key] = Plan(
                described.id,
                plan.seed,
                plan.alpha,
                plan.ci_level,
                plan.n_resamples,
                tuple(axis.key for axis in study.axes),
                tuple(m.key for m in study.models if m.cohort == cohort.key),
                plan.open_order,
            )
    return found
