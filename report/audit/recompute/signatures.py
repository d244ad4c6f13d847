"""Second paths for signatures: correlations of every layer with every axis, and their peaks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from report.audit.recompute.correlations import scipy_rho
from report.audit.recompute.reading import Floats, Integers, even, read

Found = dict[str, Any]
TIE = 1e-10  # correlations closer than this are equal


def unit_ranks(values: Floats) -> Floats:
    """Centred mid-ranks of unit length along the last axis; 0 where all values are equal."""
    ranks = stats.rankdata(values, axis=-1)
    ranks = ranks - ranks.mean(axis=-1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=-1, keepdims=True))
    return np.divide(ranks, length, out=np.zeros_like(ranks), where=length > 0)


def known(columns: Sequence[Floats]) -> Floats:
    """Stack the columns that have no missing value, shape (columns, n)."""
    return np.array([column for column in columns if np.isfinite(column).all()])


def null_maxima(x: Sequence[Floats], y: Sequence[Floats], orders: Integers) -> Floats:
    """Largest |rho| of any x with any y under each order, shape (B,)."""
    ranks_x = unit_ranks(even(known(x)))
    largest = np.zeros(len(orders))
    for ranks_y in unit_ranks(even(known(y))):
        largest = np.maximum(largest, np.abs(ranks_y[orders] @ ranks_x.T).max(axis=1))
    return largest


def share_reaching(maxima: Floats, observed: float) -> float:
    """Share of maxima that reach a correlation, the observed one included."""
    return (int((maxima >= abs(observed) - TIE).sum()) + 1) / (len(maxima) + 1)


def correlations(grid: Floats, axes: Sequence[Floats]) -> Floats:
    """Spearman's rho of every layer with every axis, (layers, axes); NaN where undefined."""
    found = np.full((grid.shape[1], len(axes)), np.nan)
    for i, layer in enumerate(grid.T):
        for j, axis in enumerate(axes):
            if np.ptp(layer) > 0 and np.ptp(axis) > 0:
                found[i, j] = scipy_rho(layer, axis)
    return found


def first_largest(rho: Floats) -> int:
    """Place of the largest |rho| in reading order; of tied ones the first."""
    return int(np.argmax(np.abs(rho) >= np.nanmax(np.abs(rho)) - TIE))


def peak(grid: Floats, *axes: Floats, orders: Integers) -> Found:
    """Largest |rho| over layers (and axes), its p by max-T over all that was searched."""
    rho = correlations(grid, axes)
    layer, axis = np.unravel_index(first_largest(rho), rho.shape)
    value = float(rho[layer, axis])
    maxima = null_maxima(list(grid.T), axes, orders)
    return {
        "n": len(grid), "layer": int(layer), "estimate": value, "statistic": value,
        "p": share_reaching(maxima, value), "p_floor": 1 / (len(orders) + 1),
    }  # fmt: skip


def peak_layers(grid: Floats, axis: Floats, indices: Integers) -> Floats:
    """Layer with the largest |rho| in every resample of the questions; NaN where undefined.

    A layer that is constant in a resample is no candidate, nor one that lacks a question, even
    where this was not drawn.
    """
    ranks = unit_ranks(even(axis)[indices])
    strength = np.array([
        np.where(layer_ranks.any(axis=1), np.abs((layer_ranks * ranks).sum(axis=1)), -1)
        for layer_ranks in resampled_ranks(grid, indices)
    ])  # fmt: skip
    strength[~np.isfinite(grid).all(axis=0)] = -1
    largest = strength.max(axis=0)
    first = (strength >= largest - TIE).argmax(axis=0)
    return np.where(ranks.any(axis=1) & (largest >= 0), first, np.nan)


def resampled_ranks(grid: Floats, indices: Integers) -> list[Floats]:
    """Rank each layer in every resample."""
    return [unit_ranks(even(layer)[indices]) for layer in grid.T]


def peak_depth(grid: Floats, axis: Floats, indices: Integers, level: float) -> Found:
    """Relative depth of the peak, with the percentile interval over resamples."""
    at = first_largest(correlations(grid, [axis]))
    last = max(grid.shape[1] - 1, 1)
    places = peak_layers(grid, axis, indices)
    places = places[np.isfinite(places)] / last
    low, high = np.quantile(places, [(1 - level) / 2, (1 + level) / 2])
    return {"n": len(grid), "layer": at, "estimate": at / last,
            "ci_low": float(low), "ci_high": float(high)}  # fmt: skip


def peak_share(grid: Floats, axis: Floats, indices: Integers) -> Found:
    """Share of resamples that peak at the commonest layer."""
    places = peak_layers(grid, axis, indices)
    counts = Counter(places[np.isfinite(places)].astype(int).tolist())
    layer, times = max(counts.items(), key=lambda item: (item[1], -item[0]))
    return {"n": len(grid), "layer": layer, "estimate": times / sum(counts.values())}


def in_bins(matrix: Floats, bins: int) -> Floats:
    """Mean over the layers of each bin of relative depth, (…, layers, axes); NaN are left out."""
    layers = matrix.shape[-2]
    place = np.array([min(i * bins // max(layers - 1, 1), bins - 1) for i in range(layers)])
    known = np.isfinite(matrix)
    inside = [place == b for b in range(bins)]
    sums, sizes = (
        np.stack([values[..., at, :].sum(axis=-2) for at in inside], axis=-2)
        for values in (np.where(known, matrix, 0.0), known)
    )
    return np.divide(sums, sizes, out=np.full(sums.shape, np.nan), where=sizes > 0)


def similarity(
    one: Sequence[Floats], other: Sequence[Floats], orders: Integers, bins: int
) -> Found:
    """Pearson's r of two signatures; the questions of the axes are shuffled in both alike."""
    cells: list[Floats] = []
    shuffled: list[Floats] = []
    for grid, *axes in (one, other):
        layers, axis_ranks = (
            np.where(ranks.any(axis=1, keepdims=True), ranks, np.nan)
            for ranks in (unit_ranks(even(grid.T)), unit_ranks(even(np.array(axes))))
        )
        cells.append(in_bins(layers @ axis_ranks.T, bins).ravel())
        null = np.moveaxis(axis_ranks[:, orders], 0, -1)
        shuffled.append(in_bins(layers @ null, bins).reshape(len(orders), -1))
    kept = np.isfinite(cells[0]) & np.isfinite(cells[1])
    found: Any = stats.pearsonr(cells[0][kept], cells[1][kept])
    r = float(found.statistic)
    a, b = (s[:, kept] - s[:, kept].mean(axis=1, keepdims=True) for s in shuffled)
    null = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    reached = int((np.abs(null) >= abs(r) - 1e-12).sum())
    return {
        "n": int(kept.sum()), "estimate": r, "statistic": r,
        "p": (reached + 1) / (len(orders) + 1), "p_floor": 1 / (len(orders) + 1),
    }  # fmt: skip


def matched(*models: Sequence[str], root: str = ".") -> list[list[Floats]]:
    """Read layers and axes of several models on the questions (by text) that all answered."""
    texts = [[key[0] for key in read(selectors[1], root)] for selectors in models]
    common = [text for text in texts[0] if all(text in asked for asked in texts)]
    tables: list[list[Floats]] = []
    for (layers, *axes), asked in zip(models, texts, strict=True):
        places = [asked.index(text) for text in common]
        by_layer = read(layers, root)
        n_layers = len({key[-1] for key in by_layer})
        grid = np.array(list(by_layer.values())).reshape(-1, n_layers)
        columns = [np.array(list(read(axis, root).values())) for axis in axes]
        tables.append([grid[places], *(column[places] for column in columns)])
    known = np.all([np.isfinite(grid).any(axis=1) for grid, *_ in tables], axis=0)
    return [[values[known] for values in table] for table in tables]
