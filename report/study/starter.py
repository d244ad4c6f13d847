"""``init``: a first ``study.toml`` from a folder of captures."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import tomlkit

from report.study.errors import InputError
from report.study.study import id_of
from report.study.texts import read_text

_CAPTURE = re.compile(
    r"(.+)_(?:baseline|calibration)(?:_hidden_states|_responses)?\.(?:npz|jsonl?)"
)


_KEY = re.compile(r"[a-z0-9][a-z0-9_]*")
_MOST = 10**6


@dataclass(frozen=True)
class _Found:
    """What a baseline JSON says."""

    axes: tuple[str, ...] = ()
    n_questions: int = 0
    there: bool = True


def init(folder: Path, today: dt.date) -> Path:
    """Write ``folder/study.toml`` for the captures in ``folder/raw`` or ``folder`` itself.

    Every key that could be read off the captures is filled in; what only the researcher
    knows is a comment to be answered.

    Parameters
    ----------
    folder : Path
    today : datetime.date

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If there are no captures, or a ``study.toml`` exists already.
    """
    path = folder / "study.toml"
    if path.exists():
        raise InputError(path, "", "it exists already", "Edit it, or remove it first.")
    raw = folder / "raw" if (folder / "raw").is_dir() else folder
    names = [found[1] for p in raw.glob("*") if (found := _CAPTURE.fullmatch(p.name))]
    models = sorted(set(names))
    if not models:
        raise InputError(
            raw, "", "it holds no captures",
            "Name a folder with <model>_baseline_hidden_states.npz and <model>_baseline.json.",
        )  # fmt: skip
    problem = [name for name in models if not _KEY.fullmatch(name)]
    described = {model: _baseline(raw / f"{model}_baseline.json") for model in models}
    axes = list(dict.fromkeys(axis for found in described.values() for axis in found.axes))
    if problem:
        small = re.sub(r"[^a-z0-9]+", "_", problem[0].lower()).strip("_") or "model"
        raise InputError(
            raw, "", f"the files of {problem[0]!r} can't be named in study.toml",
            f"Rename them to {small}_baseline.json and so on: small letters, digits and"
            " underscores. The name for readers may be any.",
        )  # fmt: skip
    odd = [axis for axis in axes if not _KEY.fullmatch(axis)]
    if odd:
        raise InputError(
            raw, "axes", f"the axis {odd[0]!r} can't be named in study.toml",
            "Rename it in the captures: small letters, digits and underscores.",
        )  # fmt: skip
    if not axes:
        raise InputError(
            raw, "axes", "no baseline JSON that can be read names an axis",
            "Add a <model>_baseline.json with axes.",
        )  # fmt: skip
    path.write_text(_document(folder, raw, described, axes, today), encoding="utf-8")
    return path


def _document(
    folder: Path, raw: Path, described: Mapping[str, _Found], axes: Sequence[str], today: dt.date
) -> str:
    name = folder.resolve().name
    questions = max((found.n_questions for found in described.values()), default=0)
    document = tomlkit.document()
    document["id"] = id_of(folder)
    document["title"] = tomlkit.item(name.encode(errors="replace").decode()).comment(
        "the title of the document"
    )
    document["date"] = today
    document["raw"] = "raw" if raw != folder else "."
    document["n_questions"] = questions if questions > 1 else 30
    document.add(tomlkit.comment(
        "What was asked of which models, in two or three sentences: it opens the abstract."
    ))  # fmt: skip
    document["summary"] = ""
    document.add(tomlkit.nl())
    document.add(tomlkit.comment("The analysis plan: decide it before you look at any number."))
    plan = tomlkit.table()
    plan["seed"] = int(f"{today:%Y%m%d}")
    plan["alpha"] = 0.05
    plan["decision"] = tomlkit.item("bh").comment("or holm, by, maxt")
    plan["n_resamples"] = 10000
    document["plan"] = plan
    document["axes"] = tomlkit.aot()
    for axis in axes:
        positive, _, negative = axis.partition("_")
        table = tomlkit.table()
        table |= {"key": axis, "positive": positive, "negative": negative or f"not {positive}"}
        document["axes"].append(table)
    cohort = tomlkit.table()
    cohort |= {"key": "models", "title": "All models"}
    cohort.add(tomlkit.comment("Tests never reach across cohorts."))
    cohort.add(
        tomlkit.comment('unit = "condition"  # where these are one model under several conditions')
    )
    cohort.add(tomlkit.comment('intervention = "decoding temperature"  # what was varied then'))
    document["cohorts"] = tomlkit.aot()
    document["cohorts"].append(cohort)
    document["models"] = tomlkit.aot()
    for key, found in described.items():
        model = tomlkit.table()
        model["key"] = key
        model["name"] = tomlkit.item(key).comment("as readers call it")
        model["cohort"] = "models"
        model.add(tomlkit.comment("vocabulary = 32000  # gives the upper bound of the entropy"))
        model.add(tomlkit.comment("level = 0.7  # value of the cohort's intervention"))
        model.add(tomlkit.comment('tuning = "base"  # instruct where it is not given'))
        if not found.there:
            model["in_baseline"] = False
        document["models"].append(model)
    return tomlkit.dumps(document)


def _baseline(path: Path) -> _Found:
    """Read axes and number of questions; a file that can't be read is left to ``check``."""
    if not path.exists():
        return _Found(there=False)
    try:
        fields = json.loads(read_text(path))
    except (InputError, ValueError, RecursionError):
        return _Found()
    if not isinstance(fields, dict):
        return _Found()
    fields = cast("dict[str, Any]", fields)
    axes = fields.get("axes", fields.get("baseline"))
    rows, said = fields.get("responses"), fields.get("n_questions")
    n = len(cast("list[Any]", rows)) if isinstance(rows, list) and rows else said
    return _Found(
        tuple(cast("dict[str, Any]", axes)) if isinstance(axes, dict) else (),
        n if isinstance(n, int) and 1 < n < _MOST else 0,
    )
