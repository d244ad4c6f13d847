"""A finished build as those see it who check it: files, and nothing that made them."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.ledger.ledger import Entry, Ledger
from report.study.errors import InputError

_AGAIN = "Build the document again."


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


@dataclass(frozen=True)
class Finished:
    """A finished build.

    Parameters
    ----------
    folder : Path
    ledger : Ledger
    manifest : mapping
    plans : mapping
        By key of the cohort.
    """

    folder: Path
    ledger: Ledger
    manifest: Mapping[str, Any]
    plans: Mapping[str, Plan]

    def plan(self, entry: Entry) -> Plan:
        """Return the plan that an entry was made under.

        Raises
        ------
        KeyError
            If no study in the build has its cohort.
        """
        return self.plans[entry.cohort]


def load_finished(folder: Path) -> Finished:
    """Read a finished build.

    Raises
    ------
    InputError
        If it is none, or one of its files can't be read.
    """
    if not (folder / "manifest.json").exists():
        raise InputError(
            folder / "manifest.json", "", f"there is none in {folder}, so it is no finished build",
            "Name a folder that `python -m report build` made.",
        )  # fmt: skip
    manifest = _json(folder / "manifest.json")
    path = folder / "ledger.json"
    try:
        ledger = Ledger.from_json(_text(path))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, "", f"not a ledger: {error}", _AGAIN) from error
    return Finished(folder, ledger, manifest, _plans(folder, manifest))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        problem = "the file is missing" if not path.exists() else str(error)
        raise InputError(path, "", problem, f"Name a finished build. {_AGAIN}") from error


def _json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise InputError(path, "", f"not JSON: {error}", _AGAIN) from error


def _plans(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Plan]:
    found: dict[str, Plan] = {}
    path = folder / "manifest.json"
    try:
        for described in manifest["studies"]:
            path, plan = folder / "data" / described["id"] / "study.toml", described["plan"]
            study = tomllib.loads(_text(path))
            for cohort in study["cohorts"]:
                found[cohort["key"]] = Plan(
                    described["id"], plan["seed"], plan["alpha"], plan["ci_level"],
                    plan["n_resamples"], tuple(axis["key"] for axis in study["axes"]),
                    tuple(m["key"] for m in study["models"] if m["cohort"] == cohort["key"]),
                )  # fmt: skip
    except (tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise InputError(path, "", f"not as a build leaves it: {error!r}", _AGAIN) from error
    return found
