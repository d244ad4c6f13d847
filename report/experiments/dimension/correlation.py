"""The one correlation across models: test, interval, what it hangs on, what it could detect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from report.capture.features import FloatArray
from report.experiments.dimension.group import Group
from report.ledger.ledger import Entry
from stats.outcome import Estimate, Interval, Outcome, Reason

POWER = 0.8
REFERENCE_RHO = 0.5


def _test(group: Group, x: FloatArray, y: FloatArray, name: str) -> Outcome:
    """Test exactly where all arrangements can be listed, else by random permutation."""
    from stats.correlation import EXACT_MAX, spearman_exact
    from stats.resampling import permute_spearman

    if len(x) <= EXACT_MAX:
        return spearman_exact(x, y)
    permutations = group.data.draws.permutations(name, len(x))
    return permute_spearman(x[:, None], y[:, None], permutations).outcome(0, 0)


def related(group: Group, quantity: str, x: FloatArray, y: FloatArray, **fields: Any) -> Entry:
    """Make the entry of a correlation across the models, with interval and test.

    The interval is that of Bonett and Wright, which covers as often as it says with few models,
    and with ties, too.
    """
    from stats.correlation import bonett_wright, spearman

    estimate = spearman(x, y)
    if estimate.value is not None:
        found = bonett_wright(estimate.value, estimate.n, group.data.plan.ci_level)
        estimate = Estimate.within(estimate.value, estimate.n, found)
    outcome = _test(group, x, y, group.cohort.key)
    drawn = group.data.drawn if outcome.n_resamples else {}
    return group.entry(quantity, estimate, outcome=outcome, **drawn, **fields)


def correlated(group: Group) -> Iterator[Entry]:
    """Relate mean entropy to effective dimension, and say how far the answer can be trusted."""
    yield related(
        group, "rho", group.entropy, group.effective,
        label="Spearman correlation of mean entropy and effective dimension",
    )  # fmt: skip
    if group.corrected is not None:
        yield related(
            group, "rho-corrected", group.entropy, group.corrected,
            label="Spearman correlation of mean entropy and corrected effective dimension",
            sources=group.sources(dimension="corrected"),
        )  # fmt: skip
    yield from _leave_one_out(group)
    yield from _robustness(group)
    yield from _power(group)


def _leave_one_out(group: Group) -> Iterator[Entry]:
    from stats.correlation import spearman

    for i, model in enumerate(group.models):
        x, y = np.delete(group.entropy, i), np.delete(group.effective, i)
        outcome = _test(group, x, y, model.key)
        yield group.entry(
            "leave-one-out", spearman(x, y), model.key, outcome=outcome,
            **(group.data.drawn if outcome.n_resamples else {}), model=model.key,
            label=f"Spearman correlation without {model.name}",
            method="Spearman's rho, one left out", sources=group.sources(model.key),
        )  # fmt: skip


def _robustness(group: Group) -> Iterator[Entry]:
    from stats.correlation import bayes_factor, kendall, spearman
    from stats.resampling import ENUMERATE_MAX

    estimate = spearman(group.entropy, group.effective)
    if estimate.value is None:
        return
    rho, n = estimate.value, estimate.n
    yield group.entry(
        "rho-bootstrap",
        Estimate.within(rho, n, _bootstrapped(group)),
        label="the same correlation with the bootstrap interval",
        **(group.data.drawn if n > ENUMERATE_MAX else {}),
    )
    tau = kendall(group.entropy, group.effective)
    if tau.statistic is not None:
        yield group.entry(
            "kendall", Estimate(tau.statistic, n), outcome=tau, method="Kendall's tau-b",
            label="Kendall's tau of mean entropy and effective dimension",
        )  # fmt: skip
    yield group.entry(
        "bayes-factor", bayes_factor(rho, n), unit="ratio",
        method="Bayes factor BF10 for a correlation, from Spearman's rho",
        label="Bayes factor for a correlation against none",
    )  # fmt: skip


def _bootstrapped(group: Group) -> Interval | Reason:
    from stats.resampling import ENUMERATE_MAX, bootstrap_spearman, exact_bootstrap_spearman

    x, y, level = group.entropy, group.effective, group.data.plan.ci_level
    if len(x) <= ENUMERATE_MAX:
        return exact_bootstrap_spearman(x, y, level)
    counts = group.data.draws.counts(group.cohort.key, len(x))
    return bootstrap_spearman(x[:, None], y[:, None], counts, level=level).interval(0, 0)


def _power(group: Group) -> Iterator[Entry]:
    """Say what this number of models can detect, and how many a correlation of one half needs.

    Not the power at the observed correlation, which says no more than its p.
    """
    from stats.power import minimum_detectable_rho, required_n

    n, alpha = len(group.models), group.data.plan.alpha
    answers: tuple[tuple[str, float | None, str, str], ...] = (
        ("detectable", minimum_detectable_rho(n, POWER, alpha).value, "rho",
         f"smallest correlation that this many models detect with {POWER:.0%} power"),
        ("required-reference", required_n(REFERENCE_RHO, POWER, alpha), "models",
         f"models needed to detect a correlation of {REFERENCE_RHO} with {POWER:.0%} power"),
    )  # fmt: skip
    for quantity, value, unit, label in answers:
        estimate = (
            Estimate.missing(Reason.TOO_FEW, n) if value is None else Estimate(float(value), n)
        )
        yield group.entry(
            quantity, estimate, unit=unit, method="power of the Spearman test", label=label
        )
