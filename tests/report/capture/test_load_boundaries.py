from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from report.capture.boundaries import (
    MisalignedError,
    answer_means,
    blocks_of,
    decide,
    lines_of_capture,
    times_agree,
)

COUNTS = np.array([4, 1, 3])
FIT = np.array([0, 4, 5, 8])
UPSTREAM = np.array([0, 14, 24, 36])


def test_counts_decide_where_offsets_count_prompt_rows():
    found = decide(8, COUNTS, UPSTREAM)
    assert (found.rule, found.edges.tolist()) == ("counts", [0, 4, 5, 8])
    assert found.wrong is not None
    assert found.wrong.tolist() == UPSTREAM.tolist()
    assert "count the prompts' rows too (they end at 36, top_k has 8 rows)" in found.remark
    assert found.harmless


@pytest.mark.parametrize("offsets", [None, FIT])
def test_counts_decide_where_nothing_contradicts_them(offsets):
    found = decide(8, COUNTS, offsets)
    assert (found.rule, found.edges.tolist(), found.wrong) == ("counts", [0, 4, 5, 8], None)
    assert found.remark == ""


@pytest.mark.parametrize("counts", [None, np.array([5, 2, 4])])
def test_offsets_that_fit_decide_where_the_counts_do_not(counts):
    found = decide(8, counts, FIT)
    assert (found.rule, found.edges.tolist()) == ("offsets", [0, 4, 5, 8])
    assert bool(found.remark) == (counts is not None)


@pytest.mark.parametrize(
    ("counts", "offsets"),
    [
        (None, None),
        (None, UPSTREAM),
        (None, np.array([0, 6, 5, 8])),
        (None, np.array([1, 4, 5, 8])),
        (None, np.array([0])),
        (np.array([4, 1, 4]), UPSTREAM),
        (np.array([4, 1, 4]), None),
        (np.array([9, -4, 3]), None),
        (np.array([4, 4]), FIT),
    ],
)
def test_where_no_rule_fits_nothing_is_assigned(counts, offsets):
    with pytest.raises(MisalignedError):
        decide(8, counts, offsets)


def test_two_rules_that_contradict_each_other_need_a_witness():
    other = np.array([0, 3, 5, 8])
    for doubtful in (None, False):
        with pytest.raises(MisalignedError, match="cut the answers differently"):
            decide(8, COUNTS, other, doubtful)
    found = decide(8, COUNTS, other, True)
    assert (found.rule, found.edges.tolist()) == ("counts", [0, 4, 5, 8])
    assert not found.harmless


def test_a_last_offset_beyond_the_rows_is_a_fault_and_not_the_upstream_layout():
    found = decide(8, COUNTS, np.array([0, 4, 5, 508]))
    assert (found.rule, found.harmless) == ("counts", False)
    assert "do not describe these 8 rows" in found.remark


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 20), st.integers(2, 9)), min_size=2, max_size=12))
def test_upstream_offsets_never_mislead(answers):
    counts = np.array([n for n, _ in answers])
    offsets = np.concatenate([[0], np.cumsum([n + p - 1 for n, p in answers])])
    tokens = np.repeat(np.arange(counts.size, dtype=float), counts)
    found = decide(tokens.size, counts, offsets)
    assert answer_means(tokens, found.edges).tolist() == list(range(counts.size))
    assert found.harmless
    assert found.wrong is not None
    # The last answer begins behind the prompts before it, so it loses rows or all of them.
    assert int(found.wrong[-1]) > tokens.size


def test_answer_means_are_those_of_slices_cut_at_the_end():
    values = np.array([1.0, 2.0, 3.0, np.nan, 5.0])
    found = answer_means(values, np.array([0, 2, 2, 4, 9, 12]))
    assert found[0] == 1.5
    assert np.isnan(found[[1, 2, 4]]).all()
    assert found[3] == 5.0


def test_times_tell_the_order_or_say_nothing():
    stored = np.array([1.0004, 2.0, 3.0])
    assert times_agree(stored, np.array([1.0, 2.0, 3.0])) is True
    assert times_agree(stored, np.array([2.0, 1.0, 3.0])) is False
    assert times_agree(stored, np.array([1.0, 2.0])) is False
    assert times_agree(stored, None) is None
    assert times_agree(None, stored) is None
    assert times_agree(np.ones(3), np.ones(3)) is None
    assert times_agree(stored, np.array([1.0, np.nan, 3.0])) is None


def labels(*axes: str, n: int = 3) -> list[tuple[str, str, str]]:
    return [(a, p, f"q{i}") for a in axes for p in ("positive", "negative") for i in range(n)]


def test_an_axis_that_was_run_again_begins_a_new_block():
    listed = [*labels("a")[:4], *labels("a"), *labels("b")]
    assert [block.size for block in blocks_of(listed)] == [4, 6, 6]


@pytest.mark.parametrize("held", [(0,), (4,), (2, 3, 4), (0, 1, 2, 3), (1, 2), (0, 2, 4)])
def test_lines_are_found_by_counts_in_axis_blocks(held):
    listed = labels("a", "b", "c", "d", "e")
    counts = 10 + np.random.default_rng(3).integers(0, 1000, len(listed))
    wanted = np.concatenate([np.arange(6 * b, 6 * b + 6) for b in held])
    rows = int(counts[wanted].sum())
    for prompts in (0, 8):
        offsets = np.concatenate([[0], np.cumsum(counts[wanted] + prompts)])
        found = lines_of_capture(listed, counts, rows, wanted.size, offsets, None, None)
        assert found.tolist() == wanted.tolist()
    bare = lines_of_capture(listed, counts, rows, wanted.size, None, None, None)
    assert bare.tolist() == wanted.tolist()


def test_answers_of_equal_length_are_refused_unless_times_tell_them_apart():
    listed, counts = labels("a", "b"), np.full(12, 7)
    with pytest.raises(MisalignedError, match="2 agree with it"):
        lines_of_capture(listed, counts, 42, 6, None, None, None)
    times = np.linspace(1.0, 2.0, 12)
    found = lines_of_capture(listed, counts, 42, 6, None, times[6:], times)
    assert found.tolist() == list(range(6, 12))
    with pytest.raises(MisalignedError, match="none agree"):
        lines_of_capture(listed, counts, 43, 6, None, None, None)


def test_offsets_tell_apart_blocks_with_the_same_sum():
    listed = labels("a", "b", n=1)
    counts = np.array([2, 8, 6, 4])
    for prompts in (0, 3):
        offsets = np.concatenate([[0], np.cumsum(counts[2:] + prompts)])
        if prompts == 0:
            found = lines_of_capture(listed, counts, 10, 2, offsets, None, None)
            assert found.tolist() == [2, 3]
