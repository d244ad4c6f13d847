"""Steps of the second path: each reads columns of a build, or adds to what was found before.

`verify` calls them, and `explain` prints their source. A `Case` holds all that they take from
the ledger and the manifest, as values; nothing that was read from a build is ever run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from report.audit.recompute.correlations import (
    bayes_factor,
    bonett_wright,
    bonferroni_test,
    detectable,
    exact_test,
    kendall,
    partial,
    permutation_test,
    pooled,
    power_at,
    required,
    rho,
    spearman,
    spearman_of_differences,
    t_test,
)
from report.audit.recompute.layered import (
    bca,
    classification,
    exact_bootstrap,
    extreme,
    highest,
    level_of,
    lowest,
    nested,
    percentile,
    profile,
    studentised,
    width,
)
from report.audit.recompute.reading import (
    Case,
    aligned,
    beside,
    chosen,
    complete,
    even,
    grids,
    layered,
    read,
    resamples,
    separate,
    shuffles,
)
from report.audit.recompute.samples import (
    biserial,
    corrected_dimension,
    dead_axes,
    described,
    different,
    effective_dimension,
    end_of_set,
    end_of_shift,
    friedman,
    given,
    hodges_lehmann,
    hodges_lehmann_differences,
    intraclass,
    last_to_first,
    less,
    lost,
    lost_axes,
    mean,
    order_open,
    page,
    participation,
    range_of,
    range_ratio,
    rank_biserial,
    rank_biserial_paired,
    rank_sum,
    share_of_answers,
    shift,
    sign_test,
    signed_rank,
    signed_rank_differences,
    stouffer,
    t_interval,
    total_over,
    weighted_mean,
    welch,
)
from report.audit.recompute.signatures import matched, peak, peak_depth, peak_share, similarity

Found = dict[str, Any]

DATA, PAIR, STATISTIC = "_data", "_pair", "_statistic"  # handed from an estimate to its interval

# --- estimates --------------------------------------------------------------------------


def pair_of(case: Case) -> list[Any]:
    """Read two columns: matched by key, or by order where layers stand beside questions."""
    return (beside if case.mixed else aligned)(*case.sources, root=case.root)


def rho_of_differences(case: Case, found: Found) -> Found:
    """Rho of differences."""
    a, b, c, d = aligned(*case.sources, root=case.root)
    return spearman_of_differences(a, b, c, d)


def rho_of_pairs(case: Case, found: Found) -> Found:
    """Rho of pairs."""
    x, y = map(even, pair_of(case))
    return spearman(x, y) | {DATA: [x, y], STATISTIC: rho}


def tau(case: Case, found: Found) -> Found:
    """Tau."""
    x, y = pair_of(case)
    return kendall(x, y) | {DATA: [x, y]}


def partial_rho(case: Case, found: Found) -> Found:
    """Partial rho."""
    x, y, z = aligned(*case.sources, root=case.root)
    return partial(x, y, z, case.level)


def bayes(case: Case, found: Found) -> Found:
    """Bayes."""
    x, y = pair_of(case)
    return bayes_factor(spearman(x, y)["estimate"], len(x))


def random_effects(case: Case, found: Found) -> Found:
    """Random effects."""
    r, n = aligned(*case.sources, root=case.root)
    return pooled(r, n, case.level, case.quantity)


def corrected_ratio(case: Case, found: Found) -> Found:
    """Corrected ratio."""
    columns = aligned(*case.sources, root=case.root)
    return corrected_dimension(*columns, level=case.level)


def participation_ratio(case: Case, found: Found) -> Found:
    """Participation ratio."""
    columns = aligned(*case.sources, root=case.root)
    return effective_dimension(*columns) | {
        DATA: [np.column_stack(columns)],
        STATISTIC: participation,
    }


def count_dead_axes(case: Case, found: Found) -> Found:
    """Count dead axes."""
    return dead_axes(*separate(*case.sources, root=case.root))


def count_lost_axes(case: Case, found: Found) -> Found:
    """Count lost axes."""
    return lost_axes(read(*case.sources, root=case.root))


def count_lost_answers(case: Case, found: Found) -> Found:
    """Count lost answers."""
    return lost(*complete(*case.sources, root=case.root))


def count_of_claims(case: Case, found: Found) -> Found:
    """Count the claims with a verdict, or all of a study."""
    (source,) = case.sources
    rows, _ = chosen(source, case.root)
    return {"estimate": float(len({row["id"] for row in rows}))}


def count_up_to_alpha(case: Case, found: Found) -> Found:
    """Count the tests whose p is no larger than the plan's alpha."""
    (p,) = separate(*case.sources, root=case.root)
    return {"n": len(p), "estimate": float((p <= case.alpha).sum())}


def difference_of_two(case: Case, found: Found) -> Found:
    """Difference of two."""
    return less(*complete(*case.sources, root=case.root))


def difference_of_means(case: Case, found: Found) -> Found:
    """Difference of means."""
    return welch(*complete(*case.sources, root=case.root), level=case.level)


def shift_of_differences(case: Case, found: Found) -> Found:
    """Shift of differences."""
    a, b, c, d = aligned(*case.sources, root=case.root)
    return hodges_lehmann_differences(a, b, c, d, case.level) | {DATA: [a, b, c, d]}


def shift_of_pairs(case: Case, found: Found) -> Found:
    """Shift of pairs."""
    x, y = pair_of(case)
    return hodges_lehmann(x, y, case.level) | {DATA: [x, y]}


def shift_of_samples(case: Case, found: Found) -> Found:
    """Shift of samples."""
    x, y = separate(*case.sources, root=case.root)
    return shift(x, y, case.level) | {DATA: [x, y]}


def biserial_of_pairs(case: Case, found: Found) -> Found:
    """Biserial of pairs."""
    x, y = pair_of(case)
    found = rank_biserial_paired(x, y)
    return found | {DATA: [x - y], STATISTIC: biserial, PAIR: [x, y]}


def biserial_of_samples(case: Case, found: Found) -> Found:
    """Biserial of samples."""
    x, y = separate(*case.sources, root=case.root)
    return rank_biserial(x, y) | {DATA: [x, y]}


def concordance(case: Case, found: Found) -> Found:
    """Concordance."""
    return friedman(*aligned(*case.sources, root=case.root))


def ratio_of_ends(case: Case, found: Found) -> Found:
    """Ratio of ends."""
    columns = aligned(*case.sources, root=case.root)
    return last_to_first(*columns) | {DATA: columns}


def ratio_of_ranges(case: Case, found: Found) -> Found:
    """Ratio of ranges."""
    return range_ratio(*complete(*case.sources, root=case.root))


def published_range(case: Case, found: Found) -> Found:
    """Take the range of two published numbers."""
    return range_of(*complete(*case.sources, root=case.root))


def lowest_layer(case: Case, found: Found) -> Found:
    """Lowest layer."""
    (grid,) = grids(*case.sources, root=case.root)
    return profile(grid, "lowest") | {DATA: [grid], STATISTIC: lowest}


def highest_layer(case: Case, found: Found) -> Found:
    """Highest layer."""
    (grid,) = grids(*case.sources, root=case.root)
    return profile(grid, "highest") | {DATA: [grid], STATISTIC: highest}


def range_of_layers(case: Case, found: Found) -> Found:
    """Range of layers."""
    (grid,) = grids(*case.sources, root=case.root)
    return profile(grid, "width") | {DATA: [grid], STATISTIC: width}


def mean_over_layers(case: Case, found: Found) -> Found:
    """Mean over layers."""
    (grid,) = grids(*case.sources, root=case.root)
    return profile(grid, "level") | {DATA: [grid], STATISTIC: level_of}


def spread_over_layers(case: Case, found: Found) -> Found:
    """Spread over layers."""
    (grid,) = grids(*case.sources, root=case.root)
    return profile(grid, "spread")


def lowest_of_spectra(case: Case, found: Found) -> Found:
    """Lowest of spectra."""
    (values,) = complete(*case.sources, root=case.root)
    return extreme(values, "lowest")


def highest_of_spectra(case: Case, found: Found) -> Found:
    """Highest of spectra."""
    (values,) = complete(*case.sources, root=case.root)
    return extreme(values, "highest")


def share_of_longest(case: Case, found: Found) -> Found:
    """Count the answers that are as long as the longest."""
    return share_of_answers(*separate(*case.sources, root=case.root))


def total_of_answers(case: Case, found: Found) -> Found:
    """Add up means of answers, each as often as it stands for one."""
    return total_over(*aligned(*case.sources, root=case.root))


def correlation_in_classes(case: Case, found: Found) -> Found:
    """Correlate the answers to one question."""
    return intraclass(*aligned(*case.sources, root=case.root))


def different_lengths(case: Case, found: Found) -> Found:
    """Count different lengths."""
    x, *_ = aligned(*case.sources, root=case.root)
    return different(x)


def end_of_identified_set(case: Case, found: Found) -> Found:
    """Add and subtract bounds question by question: the columns of the end, then of the other."""
    own, others, matched = case.groups
    k = len(own)
    columns = aligned(*own, *others, *matched, root=case.root)
    sums = [
        np.sum(
            [sign * column for sign, column in zip((1, -1, -1, 1)[:k], part, strict=True)], axis=0
        )
        for part in (columns[:k], columns[k : k + len(others)])
        if part
    ]
    return end_of_set(*sums, level=case.level)


def end_of_identified_shift(case: Case, found: Found) -> Found:
    """Subtract means of bounds of independent samples."""
    columns = separate(*case.groups[0], *case.groups[1], root=case.root)
    return end_of_shift(*columns, level=case.level)


def open_pairs(case: Case, found: Found) -> Found:
    """Share of pairs of questions whose bounds overlap."""
    low, high = complete(*case.sources, root=case.root)
    return order_open(low, high)


def mean_over_tokens(case: Case, found: Found) -> Found:
    """Mean over tokens."""
    x, y = pair_of(case)
    return weighted_mean(x, y)


def mean_of_models(case: Case, found: Found) -> Found:
    """Mean of models."""
    x, y = pair_of(case)
    return described(x, "mean") | stouffer(x, y)


def share_of_positive(case: Case, found: Found) -> Found:
    """Share of positive."""
    x, *_ = aligned(*case.sources, root=case.root)
    return described(x, "positive") | sign_test(x)


def standard_deviation(case: Case, found: Found) -> Found:
    """Compute the standard deviation over questions."""
    x, *_ = aligned(*case.sources, root=case.root)
    return described(x, "sd")


def median(case: Case, found: Found) -> Found:
    """Median."""
    x, *_ = aligned(*case.sources, root=case.root)
    return described(x, "median")


def total(case: Case, found: Found) -> Found:
    """Total."""
    x, *_ = aligned(*case.sources, root=case.root)
    return described(x, "count")


def mean_of_one(case: Case, found: Found) -> Found:
    """Mean of one."""
    x, *_ = aligned(*case.sources, root=case.root)
    return described(x, "mean") | {DATA: [x], STATISTIC: mean}


def as_published(case: Case, found: Found) -> Found:
    """As published."""
    columns = complete(*case.sources, root=case.root)
    return given(*columns) | {DATA: columns}


# --- entries whose data are not simply columns ----------------------------------------------------


def searched_peak(case: Case, found: Found) -> Found:
    """Search layers (and axes) for the peak."""
    grid, *axes = layered(*case.sources, root=case.root)
    orders = shuffles(case.seed, case.draws, len(grid), case.size)
    return peak(grid, *axes, orders=orders)


def depth_of_peak(case: Case, found: Found) -> Found:
    """Depth of peak."""
    grid, *axes = layered(*case.sources, root=case.root)
    indices = resamples(case.seed, case.draws, len(grid), case.size)
    return peak_depth(grid, axes[0], indices, case.level)


def share_of_peak(case: Case, found: Found) -> Found:
    """Share of peak."""
    grid, *axes = layered(*case.sources, root=case.root)
    indices = resamples(case.seed, case.draws, len(grid), case.size)
    return peak_share(grid, axes[0], indices)


def power_of_test(case: Case, found: Found) -> Found:
    """Power of test."""
    x, y = pair_of(case)
    if case.quantity == "detectable":
        return detectable(len(x), case.power, case.alpha)
    if case.quantity == "required-reference":
        return required(case.reference_rho, case.power, case.alpha)
    observed = spearman(x, y)["estimate"]
    if case.quantity == "power":
        return power_at(observed, len(x), case.alpha)
    return required(observed, case.power, case.alpha)


def rho_of_uncertain_points(case: Case, found: Found) -> Found:
    """Rho of uncertain points."""
    x, y = aligned(*case.sources, root=case.root)
    columns = aligned(*(name for model in case.groups for name in model), root=case.root)
    each = len(case.groups[0])
    tables = [columns[i : i + each] for i in range(0, len(columns), each)]
    rows = resamples(case.seed, case.draws, len(columns[0]), case.size)
    return spearman(x, y) | nested(tables, rows, case.level)


def nearest_profile(case: Case, found: Found) -> Found:
    """Nearest profile."""
    curves = [grid for grid, _ in matched(*case.groups, root=case.root)]
    return classification(*curves, seed=case.seed, name=case.name, size=case.size, level=case.level)


def similarity_of_signatures(case: Case, found: Found) -> Found:
    """Similarity of signatures."""
    one, other = matched(*case.groups, root=case.root)
    orders = shuffles(case.seed, case.draws, len(one[0]), case.size)
    return similarity(one, other, orders, case.bins)


# --- tests ----------------------------------------------------------------------------------------


def published_test(case: Case, found: Found) -> Found:
    """Take the published test."""
    return {"statistic": found[DATA][0][0], "p": found[DATA][1][0]}


def signed_rank_test(case: Case, found: Found) -> Found:
    """Signed rank test."""
    return signed_rank(*found.get(PAIR, found[DATA]))


def signed_rank_test_of_differences(case: Case, found: Found) -> Found:
    """Signed rank test of differences."""
    return signed_rank_differences(*found[DATA])


def rank_sum_test(case: Case, found: Found) -> Found:
    """Rank sum test."""
    return rank_sum(*found[DATA])


def bounded_test(case: Case, found: Found) -> Found:
    """Bounded test."""
    return bonferroni_test(found["estimate"], case.n, int(found[DATA][1][0]))


def t_approximation(case: Case, found: Found) -> Found:
    """T approximation."""
    return t_test(found["estimate"], case.n)


def exact_permutation(case: Case, found: Found) -> Found:
    """Exact permutation."""
    return exact_test(*found[DATA])


def random_permutation(case: Case, found: Found) -> Found:
    """Random permutation."""
    x, y = found[DATA]
    return permutation_test(x, y, shuffles(case.seed, case.draws, len(x), case.size))


def page_trend(case: Case, found: Found) -> Found:
    """Page trend."""
    return page(*found[DATA])


# --- intervals ------------------------------------------------------------------------------------


def bca_interval(case: Case, found: Found) -> Found:
    """Bca interval."""
    indices = resamples(case.seed, case.draws, len(found[DATA][0]), case.size)
    return bca(found[STATISTIC], found[DATA], indices, case.level)


def studentised_interval(case: Case, found: Found) -> Found:
    """Studentised interval of a mean."""
    (x,) = found[DATA]
    mean_of_each = x.mean(axis=-1) if x.ndim > 1 else x
    indices = resamples(case.seed, case.draws, len(x), case.size)
    return studentised(mean_of_each, indices, case.level)


def student_interval_of_sample(case: Case, found: Found) -> Found:
    """Student's interval of the mean of a sample."""
    (x,) = found[DATA]
    x = x.mean(axis=-1) if x.ndim > 1 else x
    return t_interval(float(x.mean()), float(x.std(ddof=1)), len(x), case.level)


def percentile_interval(case: Case, found: Found) -> Found:
    """Percentile interval."""
    rows = resamples(case.seed, case.draws, len(found[DATA][0]), case.size)
    replicates = found[STATISTIC](*(column[rows] for column in found[DATA]))
    return percentile(replicates, case.level)


def exact_bootstrap_interval(case: Case, found: Found) -> Found:
    """Exact bootstrap interval."""
    x, y = found[DATA]
    return exact_bootstrap(x, y, case.level)


def closed_form_interval(case: Case, found: Found) -> Found:
    """Make the interval of Bonett and Wright."""
    return bonett_wright(found["estimate"], found.get("n", case.n), case.level)


def student_interval(case: Case, found: Found) -> Found:
    """Student interval."""
    column = case.sources[0].rpartition("#")[0]
    sd, n = complete(f"{column}#entropy_sd_nats", f"{column}#n_questions", root=case.root)
    return t_interval(found["estimate"], sd[0], int(n[0]), case.level)
