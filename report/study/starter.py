"""``init``: a first ``study.toml`` from a folder of captures."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

from report.study.errors import InputError

_CAPTURE = re.compile(
    r"(.+)_(?:baseline|calibration)(?:_hidden_states|_responses)?\.(?:npz|jsonl?)"
)


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
    described = {model: _baseline(raw / f"{model}_baseline.json") for model in models}
    axes = list(dict.fromkeys(axis for fields in described.values() for axis in fields["axes"]))
    questions = max((fields["n_questions"] for fields in described.values()), default=0)
    lines = [
        f"id = {json.dumps(_id(folder.resolve().name))}",
        f"title = {json.dumps(folder.resolve().name)}  # the title of the document",
        f"date = {today.isoformat()}",
        f"raw = {json.dumps('raw' if raw != folder else '.')}",
        f"n_questions = {questions or 30}",
        "# What was asked of which models, in two or three sentences: it opens the abstract.",
        'summary = ""',
        "",
        "# The analysis plan: decide it before you look at any number.",
        "[plan]",
        f"seed = {today:%Y%m%d}",
        "alpha = 0.05",
        'decision = "bh"  # or holm, by, maxt',
        "n_resamples = 10000",
        "",
    ]
    for axis in axes:
        positive, _, negative = axis.partition("_")
        lines += ["[[axes]]", f'key = "{axis}"', f'positive = "{positive}"',
                  f'negative = "{negative or "not " + positive}"', ""]  # fmt: skip
    lines += ["# Tests never reach across cohorts.", "[[cohorts]]", 'key = "models"',
              'title = "All models"',
              '# unit = "condition"  # where these are one model under several conditions',
              '# intervention = "decoding temperature"  # what was varied then', ""]  # fmt: skip
    for model in models:
        baseline = described[model]["axes"]
        lines += ["[[models]]", f'key = "{model}"', f'name = "{model}"  # as readers call it',
                  'cohort = "models"',
                  "# vocabulary = 32000  # gives the upper bound of the entropy",
                  "# level = 0.7  # value of the cohort's intervention",
                  '# tuning = "base"  # instruct where it is not given',
                  *([] if baseline else ["in_baseline = false"]), ""]  # fmt: skip
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _id(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "study"


def _baseline(path: Path) -> dict[str, Any]:
    """Read axes and number of questions; a file that can't be read is left to ``check``."""
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError, UnicodeDecodeError):
        return {"axes": [], "n_questions": 0}
    axes = fields.get("axes") or fields.get("baseline") or {}
    return {"axes": list(axes), "n_questions": int(fields.get("n_questions", 0))}
