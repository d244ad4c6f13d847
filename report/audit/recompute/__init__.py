"""Every statistic a second time, by plain code that shares nothing with the first."""

from __future__ import annotations

import dis
import inspect
import math
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from report.audit.finished import Finished
from report.audit.recompute import correlations, layered, reading, samples, signatures, steps
from report.audit.recompute.recipes import Recipe, draws_of, recipe
from report.ledger.ledger import Entry

__all__ = [
    "COMPARED", "Compared", "Recipe", "compare", "entry_fields", "functions", "matrix", "max_t",
    "recipe", "run", "source_of", "steps",
]  # fmt: skip

_MODULES: tuple[ModuleType, ...] = (
    reading, correlations, samples, layered, signatures, steps,
)  # fmt: skip
COMPARED = ("estimate", "ci_low", "ci_high", "statistic", "p", "p_floor", "n", "layer")


def functions() -> dict[str, Callable[..., Any]]:
    """Return all functions and classes of the second path, by name."""
    return {
        name: value
        for module in _MODULES
        for name, value in vars(module).items()
        if callable(value) and getattr(value, "__module__", "") == module.__name__
    }


def _remembered(function: Callable[..., Any], kept: int) -> Callable[..., Any]:
    """Keep the last results of a slow function of arrays; several entries share them."""
    memory: OrderedDict[tuple[Any, ...], Any] = OrderedDict()

    @wraps(function)
    def wrapper(*arrays: np.ndarray[Any, Any]) -> Any:
        key = tuple((a.shape, hash(a.tobytes())) for a in arrays)
        if key not in memory:
            memory[key] = function(*arrays)
            while len(memory) > kept:
                memory.popitem(last=False)
        return memory[key]

    return wrapper


signatures.resampled_ranks = _remembered(signatures.resampled_ranks, 1)


def run(how: Recipe) -> dict[str, Any]:
    """Call the steps of a recipe one after the other; return what they found.

    A p that is too small for a float is given as the smallest normal one, as in the ledger.
    """
    found: dict[str, Any] = {}
    for step in how.steps:
        found |= step(how.case, found)
    for name in {"p", "p_floor"} & found.keys():
        found[name] = max(found[name], sys.float_info.min)
    return {name: value for name, value in found.items() if not name.startswith("_")}


def entry_fields(entry: Entry) -> dict[str, Any]:
    """Return the numbers of an entry that a second path can be compared with."""
    row = entry.row()
    return {name: row[name] for name in COMPARED if row[name] is not None}


@dataclass(frozen=True)
class Compared:
    """How an entry fared.

    Parameters
    ----------
    agree : tuple of str
        Fields that were recomputed and agree.
    differ : mapping
        Field to (recorded, recomputed).
    missing : tuple of str
        Fields that the second path does not give.
    """

    agree: tuple[str, ...]
    differ: Mapping[str, tuple[float, float]]
    missing: tuple[str, ...]


def compare(entry: Entry, build: Finished) -> Compared | None:
    """Recompute an entry and compare; None where no second path exists."""
    how = recipe(entry, build)
    if how is None:
        return None
    found, recorded = run(how), entry_fields(entry)
    agree: list[str] = []
    differ: dict[str, tuple[float, float]] = {}
    for name in recorded.keys() & found.keys():
        again = float(found[name])
        if math.isclose(recorded[name], again, **how.tolerance):
            agree.append(name)
        else:
            differ[name] = (recorded[name], again)
    wanted = [name for name in COMPARED if name in recorded and name not in ("n", "layer")]
    left = tuple(name for name in wanted if name not in found and name != "p_floor")
    return Compared(tuple(agree), differ, left)


# --- max-T over a family ----------------------------------------------------------------


def max_t(members: Sequence[Entry], build: Finished) -> dict[str, float]:
    """Recompute single-step max-T p-values of a family of Spearman permutation tests.

    Every model's questions are shuffled once for all its axes (and layers); the family's
    maximum under one draw is the largest over its models.

    Parameters
    ----------
    members : sequence of Entry
        Those with a max-T p-value, of one cohort.

    Returns
    -------
    dict
        By entry id.
    """
    root = str(build.folder)
    by_model: dict[str, list[Entry]] = {}
    for entry in members:
        by_model.setdefault(str(entry.model), []).append(entry)
    maxima: list[reading.Floats] = []
    for entries in by_model.values():
        first, plan = entries[0], build.plan(entries[0])
        assert first.outcome is not None
        size = first.outcome.n_resamples or 0
        if "/layers.csv" in first.sources[0]:
            columns = [e.sources[1] for e in entries]
            grid, *y = reading.layered(first.sources[0], *columns, root=root)
            x = list(grid.T)
        else:
            x = reading.aligned(first.sources[0], root=root)
            y = [reading.aligned(*e.sources, root=root)[1] for e in entries]
        orders = reading.shuffles(plan.seed, draws_of(first), len(y[0]), size)
        maxima.append(signatures.null_maxima(x, y, orders))
    largest = np.max(maxima, axis=0)
    return {
        e.id: signatures.share_reaching(largest, e.value) for e in members if e.value is not None
    }


def matrix(build: Finished, model: str) -> dict[tuple[str, int], tuple[float, float]]:
    """Recompute a model's correlations of layers with axes, and their p by max-T.

    Returns
    -------
    dict
        By axis and layer: rho and p, NaN where undefined.
    """
    (entry,) = build.ledger.select(experiment="signature", quantity="strongest", model=model)
    plan, root = build.plan(entry), str(build.folder)
    folder = f"data/{plan.study}/features"
    columns = [f"{folder}/questions.csv?model={model}#{axis}" for axis in plan.axes]
    layers = f"{folder}/layers.csv?model={model}#entropy"
    grid, *axes = reading.layered(layers, *columns, root=root)
    rho = signatures.correlations(grid, axes)
    size = plan.n_resamples if entry.outcome is None else entry.outcome.n_resamples
    orders = reading.shuffles(plan.seed, draws_of(entry), len(grid), size or plan.n_resamples)
    maxima = signatures.null_maxima(list(grid.T), axes, orders)
    return {
        (axis, layer): (
            float(rho[layer, j]),
            math.nan if math.isnan(rho[layer, j])
            else signatures.share_reaching(maxima, float(rho[layer, j])),
        )
        for j, axis in enumerate(plan.axes) for layer in range(len(rho))
    }  # fmt: skip


# --- source for `explain` ---------------------------------------------------------------


def source_of(how: Recipe) -> str:
    """Return the source of the functions that a recipe uses, in the order of definition."""
    known = functions()
    wanted: set[str] = {"Case"}

    def gather(names: Iterator[str]) -> None:
        for name in names:
            if name in known and name not in wanted:
                wanted.add(name)
                if isinstance(inspect.unwrap(known[name]), FunctionType):
                    gather(_names(inspect.unwrap(known[name]).__code__))

    gather(step.__name__ for step in how.steps)
    parts = [inspect.getsource(inspect.unwrap(known[name])) for name in known if name in wanted]
    marks = re.compile(r"  # fmt: skip$", re.MULTILINE)
    return "\n\n\n".join(marks.sub("", part).rstrip() for part in parts)


def _names(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(instruction.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
