"""Every method by which a number is estimated or tested, as one object each.

Ledgers hold a method by its words. `by_words` finds the object by exactly these words: what
depends on the method, such as the symbol before its value, is read from it, never guessed from
the beginning of a text or from the unit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Method:
    """One way to estimate or to test.

    Parameters
    ----------
    id : str
        Short and stable, in lower case with hyphens.
    words : str
        How readers and ledgers call it.
    symbol : str
        What stands before its value in a sentence, or ``""``.
    unit : str
        The unit of the values that the symbol belongs to, which also decides their rounding;
        values of the method in another unit print no symbol.
    citation : str
        Key in the document's bibliography, or ``""``.
    bound : bool
        True for a test of which only an upper bound of p is known.
    """

    id: str
    words: str
    symbol: str = ""
    unit: str = ""
    citation: str = ""
    bound: bool = False

    def symbol_of(self, unit: str) -> str:
        """Return the symbol of a value in ``unit``, or ``""``."""
        return self.symbol if unit == self.unit else ""


def _rho(name: str, words: str) -> Method:
    return Method(name, words, "ρ", "rho", "spearman1904")


def _biserial(name: str, words: str) -> Method:
    return Method(name, words, "rank-biserial r", "rho", "kerby2014")


def _correlations() -> Iterator[Method]:
    yield _rho("spearman", "Spearman's rho")
    yield _rho("spearman-published", "Spearman's rho, as published")
    yield _rho("spearman-left-out", "Spearman's rho, one left out")
    yield _rho("spearman-nested", "Spearman's rho, questions resampled within models")
    yield _rho("spearman-differences", "Spearman's rho of paired differences")
    yield _rho("spearman-layer", "Spearman")
    yield _rho("spearman-layer-published", "Spearman, as published")
    yield _rho("spearman-order", "Spearman, description")
    yield Method("spearman-partial", "partial Spearman's rho", "partial ρ", "rho")
    yield Method("digitised", "digitised", "ρ", "rho")
    yield Method("spearman-power", "power of the Spearman test", "|ρ|", "rho")
    yield Method("reproduced", "recomputed minus published", "Δρ", "rho")
    yield Method("kendall", "Kendall's tau-b", "τ", "rho", "kendall1938")
    yield Method("kendall-w", "Kendall's W", "W", "share", "friedman1937")
    yield _biserial("rank-biserial", "rank-biserial correlation")
    yield _biserial("rank-biserial-paired", "matched-pairs rank-biserial correlation")
    yield Method(
        "autocorrelation",
        "mean over answers of the autocorrelation over token positions",
        "autocorrelation",
        "rho",
    )
    yield Method(
        "signature-similarity", "Pearson correlation of signatures in 10 bins of depth", "r", "r"
    )
    yield Method(
        "bayes-factor",
        "Bayes factor BF10 for a correlation, from Spearman's rho",
        "BF₁₀",
        "ratio",
        "ly2016",
    )
    for code, name in (("REML", "reml"), ("DL", "dl"), ("PM", "pm")):
        for ending, words in (("", ""), ("-hartung-knapp", ", Hartung-Knapp")):
            yield Method(
                f"pooled-{name}{ending}",
                f"random effects, {code}{words}",
                "pooled ρ",
                "rho",
                "hartung2001" if ending else "viechtbauer2005",
            )


def _dimensions() -> Iterator[Method]:
    yield Method("dimension-published", "participation ratio, as published")
    yield Method("dimension", "participation ratio of the covariance of the projections")
    yield Method(
        "dimension-corrected",
        "corrected participation ratio, estimator over rows",
        citation="chun2026",
    )


def _places() -> Iterator[Method]:
    yield Method("depth-of-peak", "relative depth of the peak")
    yield Method("peak-bootstrap", "bootstrap distribution of the peak")
    yield Method("nearest-profile", "nearest-profile classification", "accuracy", "share")
    yield Method(
        "positive-share", "share of models with a positive estimate", "share positive", "share"
    )


def _differences() -> Iterator[Method]:
    for name, words in (
        ("paired", "paired"),
        ("paired-differences", "paired differences"),
        ("unpaired", "unpaired"),
    ):
        yield Method(f"hodges-lehmann-{name}", f"Hodges–Lehmann, {words}", citation="hodges1963")
    yield Method("difference", "difference of means")
    yield Method("pole-difference", "difference of pole means")
    yield Method("pole-difference-published", "difference of pole means, as published")
    yield Method("entropy-ratio", "ratio of mean entropies, last level to first")
    yield Method("estimate-ratio", "ratio of two estimates")
    yield Method("not-computed", "not computed")


def _means() -> Iterator[Method]:
    for statistic in ("mean", "sd", "median"):
        for name, words in (
            ("published", ", as published"),
            ("tokens", " of the token mean"),
            ("wrong", " that have wrong rows"),
        ):
            yield Method(f"{statistic}-{name}", f"{statistic} over questions{words}")
    yield Method("mean", "mean over questions")
    yield Method("mean-of-tokens", "mean over tokens")
    yield Method("mean-of-models", "mean of the models' estimates", citation="stouffer1949")
    yield Method("mean-of-answers", "mean over answers")
    yield Method("mean-of-answers-published", "mean over answers, as published")
    yield Method("mean-of-answers-wrong", "mean over answers that have wrong rows")
    yield Method("mean-of-answers-tokens", "mean over answers of the token mean")
    yield Method("slope", "mean over answers of the slope over token positions")
    yield Method("within-questions", "mean over questions of the variance between answers")
    yield Method("intraclass", "intraclass correlation of answers to one question")
    yield Method("mass", "mean probability mass of the stored candidates")
    for end in ("lower", "upper"):
        yield Method(f"{end}-bound", f"{end} bound, mean over questions")
        yield Method(
            f"{end}-bound-of-difference", f"{end} bound of the difference, mean over questions"
        )


def _counts() -> Iterator[Method]:
    yield Method("count", "count")
    yield Method("count-over-answers", "count over answers")
    yield Method("count-published", "count, as published")
    yield Method("count-lost-answers", "count of answers without rows")
    yield Method("count-lost-axes", "count of axes without any value")
    yield Method("count-dead-axes", "count of axes that are constant or saturated")
    yield Method("count-claims", "count of claims")
    yield Method("count-significant", "count of tests with p at most alpha")
    yield Method("count-lengths", "number of different lengths")
    yield Method("open-order", "share of pairs of questions whose order is open")
    yield Method("at-limit", "share of answers of the largest length")
    yield Method("at-limit-capture", "share of answers of the capture's largest length")
    yield Method("sum-of-answers", "sum over answers")
    yield Method("sum-of-questions", "sum over questions")
    yield Method("plotted", "points in the study's plot")
    yield Method("assumed", "assumed")
    yield Method("estimated", "estimated")


def _layers() -> Iterator[Method]:
    bins = "Freedman–Diaconis bins"
    for end in ("lowest", "highest"):
        yield Method(f"{end}-layer", f"{end} layer mean, {bins}", citation="freedman1981")
        yield Method(f"{end}-layer-published", f"{end} layer mean, as published")
        yield Method(f"{end}-spectral", f"{end} spectral entropy over the layers")
    yield Method("layer-width", "highest minus lowest layer mean")
    yield Method("layer-spread", f"sd over questions, mean over layers, {bins}")
    for name, how, citation in (
        ("", bins, "freedman1981"),
        ("-fixed", "64 bins", ""),
        ("-corrected", "the Miller–Madow correction", "miller1955"),
    ):
        yield Method(f"layer-range{name}", f"range of layer means, {how}", citation=citation)
        yield Method(
            f"layer-level{name}", f"mean over layers and questions, {how}", citation=citation
        )


def _tests() -> Iterator[Method]:
    for name, words in (
        ("exact", "exact permutation"),
        ("t", "t approximation"),
        ("published", "t"),
        ("permutation", "permutation"),
        ("peak", "permutation, max-T over rows"),
        ("matrix", "permutation, max-T over the matrix"),
    ):
        yield Method(f"spearman-{name}-test", f"Spearman, {words}", "ρ", "rho", "spearman1904")
    yield Method(
        "spearman-bonferroni-test",
        "Spearman, t, Bonferroni over layers, upper bound",
        "ρ",
        "rho",
        bound=True,
    )
    yield Method("spearman-partial-test", "Partial Spearman, t approximation", "partial ρ", "rho")
    for name, words in (
        ("", ""),
        ("-exact", ", exact"),
        ("-permutation", ", exact permutation"),
        ("-normal", ", normal approximation"),
    ):
        yield Method(f"kendall{name}-test", f"Kendall tau-b{words}", "τ", "rho", "kendall1938")
    signed = "Wilcoxon signed-rank, zero differences dropped"
    for name, words, citation in (("wilcoxon", signed, "wilcoxon1945"),
                                  ("mann-whitney", "Mann-Whitney U", "mann1947")):  # fmt: skip
        yield Method(f"{name}-test", words, citation=citation)
        yield Method(f"{name}-normal-test", f"{words}, normal approximation", citation=citation)
    yield Method("welch-test", "Welch t test from summaries, unpaired", citation="welch1947")
    yield Method("friedman-test", "Friedman test", citation="friedman1937")
    yield Method("page-test", "Page trend test", citation="page1963")
    yield Method("stouffer-test", "Stouffer", citation="stouffer1949")
    yield Method("sign-test", "exact sign test")
    yield Method(
        "nearest-profile-test",
        "nearest-profile classification, labels permuted within questions",
        citation="phipson2010",
    )
    yield Method(
        "signature-test",
        "signature similarity, questions permuted within models",
        citation="phipson2010",
    )
    yield Method("published-test", "test as published, not named")
    yield Method(
        "published-bound-test", "test as published, not named; p is an upper bound", bound=True
    )


def _registered() -> Mapping[str, Method]:
    found: dict[str, Method] = {}
    groups = (_correlations, _dimensions, _places, _differences, _means, _counts, _layers, _tests)
    for method in (m for group in groups for m in group()):
        if method.id in found:
            raise ValueError(f"two methods are called {method.id}")
        found[method.id] = method
    return found


METHODS: Mapping[str, Method] = _registered()
"""All methods by id."""

_BY_WORDS: Mapping[str, Method] = {method.words: method for method in METHODS.values()}


def by_words(words: str) -> Method | None:
    """Return the method that is called exactly ``words``, None where there is none."""
    return _BY_WORDS.get(words)
