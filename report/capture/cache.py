"""A cache that finds features by the content of what they were computed from."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from report.capture.feature_files import write_features
from report.capture.features import Features
from report.capture.read_features import examine

_PACKAGES = Path(__file__).resolve().parents[2]
_SUMS = "SHA256SUMS"
_DRAFT = ".writing-"


@lru_cache(maxsize=1)
def code_version() -> str:
    """Return a hash of the code that makes features, and of the numpy that it runs on."""
    sources = sorted((_PACKAGES / "report" / "capture").glob("*.py"))
    sources += [_PACKAGES / "stats" / name for name in ("entropy.py", "checks.py", "draws.py")]
    digest = hashlib.sha256(np.__version__.encode())
    for source in sources:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def entry_for(folder: Path | None, content: object) -> Path | None:
    """Return where features that depend on ``content`` are kept.

    Parameters
    ----------
    folder : Path or None
        The cache; None for no cache.
    content : object
        All that the features depend on beside the code, as JSON can hold it.
    """
    if folder is None:
        return None
    named = json.dumps([code_version(), content], sort_keys=True)
    return folder / hashlib.sha256(named.encode()).hexdigest()


def _sums(entry: Path) -> str:
    files = sorted(path for path in entry.iterdir() if path.name != _SUMS)
    return "".join(f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in files)


def load(entry: Path) -> Features | None:
    """Read an entry; one that is absent, cut or altered is as good as absent."""
    try:
        if (entry / _SUMS).read_text(encoding="utf-8") != _sums(entry):
            return None
        features, wrong = examine(entry)
    except (OSError, UnicodeDecodeError):
        return None
    return None if wrong else features


def store(entry: Path, features: Features) -> None:
    """Write beside the entry and move into place, so that nobody meets half of it.

    One process writes at a time, and sweeps what others left that were killed while they wrote.
    """
    from filelock import FileLock

    entry.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(entry.parent / ".lock"):
        for left in entry.parent.glob(f"{_DRAFT}*"):
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(dir=entry.parent, prefix=_DRAFT) as name:
            draft = Path(name) / entry.name
            write_features(features, draft)
            (draft / _SUMS).write_text(_sums(draft), encoding="utf-8")
            shutil.rmtree(entry, ignore_errors=True)
            draft.replace(entry)
