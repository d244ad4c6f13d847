"""Adjusted p-values for a family of tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from stats.checks import FloatArray, real

_FDR = {"bh": "indep", "by": "negcorr"}  # as statsmodels calls the rules


def adjust(p: Sequence[float]) -> dict[str, list[float]]:
    """Adjust the p-values of one family for having made all its tests.

    Holm (1979) controls the chance of any false rejection; Benjamini and Hochberg (1995) the
    expected share of false ones among the rejections, under independence or positive
    dependence; Benjamini and Yekutieli (2001) the same under any dependence. The family's
    size m is ``len(p)``: tests that could not be made must be left out beforehand.

    Parameters
    ----------
    p : sequence of float, shape (m,)
        Raw p-values, each in (0, 1].

    Returns
    -------
    dict of str to list of float
        Keys ``"holm"``, ``"bh"`` and ``"by"``; each list is in the order of ``p``, and holds
        the smallest error rate at which the test would be rejected.

    Raises
    ------
    ValueError
        If a value is not a p-value. statsmodels would accept NaN and negative numbers, and
        one NaN would spoil the whole family.
    """
    values = real(p, "p")
    if values.ndim != 1:
        raise ValueError(f"p must be one-dimensional, got shape {values.shape}")
    if not ((values > 0.0) & (values <= 1.0)).all():
        raise ValueError("every p must lie in (0, 1]; leave out the tests that have none")
    if values.size == 0:
        return {rule: [] for rule in ("holm", *_FDR)}
    from statsmodels.stats.multitest import fdrcorrection

    adjusted = {"holm": _holm(values).tolist()}
    for rule, name in _FDR.items():
        adjusted[rule] = np.asarray(fdrcorrection(values, method=name)[1]).tolist()
    return adjusted


def _holm(values: FloatArray) -> FloatArray:
    """Step down from the smallest p; statsmodels collects garbage at every call of its own."""
    order = np.argsort(values)
    stepped = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
