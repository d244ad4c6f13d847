import re
from dataclasses import FrozenInstanceError

import pytest

from stats.methods import METHODS, by_words


def test_a_method_is_found_by_its_exact_words_alone():
    tau = METHODS["kendall"]
    assert by_words(tau.words) is tau
    assert by_words(tau.words + ", more") is None
    assert by_words("Kendall") is None


def test_no_two_methods_share_their_words():
    assert len({method.words for method in METHODS.values()}) == len(METHODS)


def test_a_method_can_not_be_changed():
    with pytest.raises(FrozenInstanceError):
        METHODS["kendall"].symbol = "ρ"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_symbol_belongs_to_values_in_its_unit():
    power = METHODS["spearman-power"]
    assert power.symbol_of("rho") == "|ρ|"
    assert power.symbol_of("share") == power.symbol_of("models") == ""


def test_every_citation_is_in_the_bibliography(root):
    keys = set(re.findall(r"^@\w+\{(\w+),", (root / "templates/references.bib").read_text("utf-8"),
                          re.M))  # fmt: skip
    assert {m.citation for m in METHODS.values() if m.citation} <= keys


@pytest.mark.parametrize("estimator", ["DL", "PM", "REML"])
@pytest.mark.parametrize("corrected", [True, False])
def test_pooling_names_a_registered_method(estimator, corrected):
    from stats.meta import pool_correlations

    pooled = pool_correlations(
        [0.1, 0.3, 0.4], [20, 30, 40], method=estimator, hartung_knapp=corrected
    )
    assert by_words(pooled.method) is not None
