"""``<m>_axes.npz``: the direction of every axis in the model's hidden space."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from report.capture.features import FloatArray
from report.capture.findings import CaptureError, Findings, listing
from report.capture.npz import read_array, read_floats, read_headers
from report.study.study import Model, Study
from stats.outcome import Reason


def axes_file(study: Study, model: Model) -> Path:
    """Return where a model's axes are expected."""
    return study.raw_folder / f"{model.key}_axes.npz"


def read_axes(path: Path) -> Mapping[str, FloatArray]:
    """Read the axis vectors.

    Returns
    -------
    mapping of str to ndarray, shape (H,)
        By axis, in the order of ``_axes``.

    Raises
    ------
    CaptureError
        If the file, or one of its vectors, can't be used.
    """
    headers = read_headers(path)
    header = headers.get("_axes")
    if header is None or header.dtype.kind != "U" or len(header.shape) != 1:
        raise CaptureError(
            path, "_axes", "does not list the names of the axes", "Make the axes file again."
        )
    names = [str(name) for name in read_array(path, "_axes")]
    vectors = {name: read_floats(path, name, headers, ndim=1).astype(np.float64) for name in names}
    broken = [name for name, v in vectors.items() if not np.isfinite(v).all() or not v.any()]
    if broken or len({v.size for v in vectors.values()}) > 1:
        raise CaptureError(
            path, broken[0] if broken else "_axes", "holds values that are not finite, only"
            " zeros, or as many as no other axis has", "Make the axes file again.",
        )  # fmt: skip
    return vectors


def check_axes(study: Study, model: Model, findings: Findings) -> None:
    """Record what is wrong with a model's axes file, if there is one; no statistic needs it."""
    path = axes_file(study, model)
    if not path.exists():
        return
    with findings.losing("", "axes"):
        named = read_axes(path)
        missing = [axis.key for axis in study.axes if axis.key not in named]
        if missing:
            findings.problem(
                path, "_axes", f"lacks {listing(missing)}", "Make the axes file again.",
                Reason.MISSING_CAPTURE, "", "axes", note=True,
            )  # fmt: skip
