"""The files of a study's captures: which are there, their size, hash and arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from report.capture.axes import axes_file
from report.capture.baseline import baseline_files
from report.capture.calibration import calibration_files
from report.capture.findings import CaptureError
from report.capture.npz import describe, read_headers
from report.study.errors import InputError
from report.study.study import Model, Study
from report.study.texts import check_regular


def capture_files(study: Study, model: Model) -> tuple[Path, ...]:
    """Return the files of one model that are there."""
    expected = (
        *(baseline_files(study, model) if model.in_baseline else ()),
        *calibration_files(study, model),
        axes_file(study, model),
    )
    return tuple(path for path in expected if path.exists())


def describe_inputs(study: Study, model: Model) -> tuple[Mapping[str, object], ...]:
    """Return name, size, SHA-256 and arrays of a model's files, in a form that JSON can hold."""
    return tuple(_describe(path, model) for path in capture_files(study, model))


def _describe(path: Path, model: Model) -> Mapping[str, object]:
    try:
        check_regular(path)
        with path.open("rb") as handle:
            digest = hashlib.file_digest(handle, "sha256").hexdigest()
    except (InputError, OSError):
        # The reader meets the same error and records it, with what it costs.
        digest = ""
    return {
        "file": path.name,
        "model": model.key,
        "bytes": path.stat().st_size,
        "sha256": digest,
        "arrays": arrays_of(path),
    }


def arrays_of(path: Path) -> dict[str, dict[str, object]]:
    """Return shape and dtype of each array of an NPZ; nothing for other or damaged files."""
    if path.suffix != ".npz":
        return {}
    try:
        return describe(read_headers(path))
    except CaptureError:
        return {}
