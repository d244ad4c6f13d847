from __future__ import annotations

import os
import re

import pytest

from report.study.published import read_tables, write_accepted
from stats.outcome import Reason

HEADER = (
    "model,entropy_mean_nats,entropy_sd_nats,entropy_median_nats,n_tokens,n_questions,"
    "effective_dimension,source\n"
)
GOOD = "m,0.25,0.05,,100,30,2.5,table 1\n"


@pytest.fixture
def read(tmp_path):
    def written(name, text):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        return read_tables(tmp_path, {"m", "n"}, {"warm_cold"})

    return written


def only(found, name="generation"):
    (row,) = found.tables[name]
    return row


def error_of(found):
    (fault,) = found.faults
    return fault.error


def test_cells_stay_as_they_were_printed(read):
    row = only(read("generation", HEADER + GOOD))
    assert (row["entropy_mean_nats"], row["entropy_median_nats"]) == ("0.25", "")


def test_an_absent_folder_holds_no_tables(tmp_path):
    assert read_tables(tmp_path / "published", (), ()).tables == {}


def test_tables_that_no_experiment_reads_are_kept(read):
    assert read("own", "a,b\n1,x\n").tables["own"] == [{"a": "1", "b": "x"}]


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("x,0.25,0.05,,100,30,2.5,t\n", "model", "line 2 names 'x'"),
        ("m,0.25,0.05,,1e2,30,2.5,t\n", "n_tokens", "line 2 holds '1e2', which is not a count"),
        ("m,,0.05,,100,30,2.5,t\n", "entropy_mean_nats", "line 2 holds ''"),
        ("m,nan,0.05,,100,30,2.5,t\n", "entropy_mean_nats", "line 2 holds 'nan'"),
        ("m,0.25,-0.05,,100,30,2.5,t\n", "entropy_sd_nats", "line 2 holds '-0.05'"),
        ('m,"0,25",0.05,,100,30,2.5,t\n', "entropy_mean_nats", "line 2 holds '0,25'"),
        (GOOD + GOOD, "model", "line 3 is about m again"),
        ("m,1e308,0.05,,100,30,2.5,t\n", "entropy_mean_nats", "line 2 holds '1e308'"),
        ("m,0.25,inf,,100,30,2.5,t\n", "entropy_sd_nats", "line 2 holds 'inf'"),
        ("m,0.25,0.05,,1_00,30,2.5,t\n", "n_tokens", "line 2 holds '1_00'"),
        ("m,1_0.5,0.05,,100,30,2.5,t\n", "entropy_mean_nats", "line 2 holds '1_0.5'"),
        ("m,0.25,0.05,,100,0,2.5,t\n", "n_questions", "line 2 holds '0'"),
        ("m,0.25,0.05,,100,\N{ARABIC-INDIC DIGIT THREE},2.5,t\n", "n_questions", "line 2 holds"),
        ("m,0,25,0.05,,100,30,2.5,t\n", "", "line 2 has more cells than the first line"),
    ],
)
def test_a_cell_that_can_not_be_used_is_named(read, line, column, said):
    good = GOOD.replace("m,", "n,", 1)
    found = read("generation", HEADER + line + good)
    error = error_of(found)
    assert str(error).startswith("generation.csv: ")
    assert (error.field, bool(error.remedy)) == (column, True)
    assert said in error.problem
    # The other rows and the other cells of the row are what they were.
    assert found.tables["generation"][-1] == {
        "model": "n", "entropy_mean_nats": "0.25", "entropy_sd_nats": "0.05",
        "entropy_median_nats": "", "n_tokens": "100", "n_questions": "30",
        "effective_dimension": "2.5", "source": "table 1",
    }  # fmt: skip
    for row in found.tables["generation"][:-1]:
        emptied = {name for name in row if name in row.damaged and row[name] in ("", "0")}
        assert emptied == row.damaged
        if column in ("entropy_mean_nats", "entropy_sd_nats", "n_tokens"):
            assert row.damaged == {column}
            assert row.why(column) is Reason.DAMAGED_FILE


def test_other_tables_are_checked_too(read):
    row = only(read("behaviour", "model,axis,rho,n\nm,warm_cold,-0.5,30\n"), "behaviour")
    assert row["rho"] == "-0.5"
    found = read("layers", "model,n_layers\nm,3\n")
    (fault, *_) = (f for f in found.faults if f.error.path.name == "layers.csv")
    assert "the column is missing" in fault.error.problem
    assert found.tables["layers"][0]["n_layers"] == "3"


@pytest.mark.parametrize(
    ("rho", "axis", "column"), [("1.2", "warm_cold", "rho"), ("0.2", "dry_wet", "axis")]
)
def test_correlations_have_limits_and_axes_names(read, rho, axis, column):
    found = read("behaviour", f"model,axis,rho,n\nm,{axis},{rho},30\n")
    assert error_of(found).field == column
    assert found.lacks("behaviour", "m", "warm_cold") == (column == "axis")


def test_what_is_not_text_is_refused(tmp_path):
    (tmp_path / "layers.csv").write_bytes(b"\xff\xfe\x00")
    found = read_tables(tmp_path, (), ())
    assert "is not UTF-8" in error_of(found).problem
    assert found.lacks("layers", "any")


def test_a_pipe_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "layers.csv")
    assert "no regular file" in error_of(read_tables(tmp_path, (), ())).problem


def test_a_doubled_column_costs_that_column(read):
    found = read("behaviour", "model,axis,rho,n,n\nm,warm_cold,-0.5,30,30\n")
    assert error_of(found).problem == "two columns have this name"
    assert only(found, "behaviour").damaged == {"rho", "n"}


def test_lines_that_contradict_each_other_are_not_believed(read):
    table = "model,axis,rho,n\nm,warm_cold,-0.5,30\nm,warm_cold,0.5,30\n"
    row = only(read("behaviour", table), "behaviour")
    assert (row["rho"], row.why("rho")) == ("", Reason.DAMAGED_FILE)


def test_only_damaged_tables_are_written_as_they_are_used(read, tmp_path):
    found = read("generation", HEADER + GOOD.replace("0.05", "?"))
    found.tables["layers"] = []
    write_accepted(found, tmp_path / "used")
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["generation.csv"]
    assert "m,0.25,,,100" in (tmp_path / "used" / "generation.csv").read_text("utf-8")


CALIBRATION = (
    "model,axis,entropy_positive_nats,entropy_negative_nats,delta_nats,p,p_relation,status\n"
)


@pytest.mark.parametrize(
    ("line", "column", "said"),
    [
        ("m,warm_cold,0.3,0.2,0.1,0.01,~,published\n", "p_relation", "line 2 holds '~'"),
        ("m,warm_cold,0.3,0.2,0.1,0.01,=,publised\n", "status", "line 2 holds 'publised'"),
        ("m,warm_cold,0.3,0.2,,0.01,=,published\n", "delta_nats", "line 2 has a p and no"),
    ],
)
def test_words_and_what_belongs_together_are_checked(read, line, column, said):
    found = read("calibration", CALIBRATION + line)
    assert error_of(found).field == column
    assert said in error_of(found).problem
    assert only(found, "calibration")["p"] == ("" if column != "status" else "0.01")


def test_a_table_out_of_a_spreadsheet_is_read_or_its_columns_are_named(read):
    row = only(read("behaviour", "\ufeffmodel,axis,rho,n\nm,warm_cold,-0.5,30\n"), "behaviour")
    assert row["model"] == "m"
    error = error_of(read("behaviour", "model;axis;rho;n\nm;warm_cold;-0.5;30\n"))
    assert re.search(r"there are model;axis;rho;n\. .* commas separate", str(error))


def test_rows_of_empty_cells_are_no_rows(read):
    found = read("generation", HEADER + GOOD + ",,,,,,,\n" + GOOD.replace("m,", "n,", 1) + ",,\n")
    assert [row["model"] for row in found.tables["generation"]] == ["m", "n"]
    assert found.faults == []


def test_what_pandas_writes_is_read(read):
    """A whole number beside an empty cell becomes a float there, and a truth value a word."""
    row = only(read("generation", HEADER + GOOD.replace(",100,", ",100.0,")))
    assert (row["n_tokens"], row.damaged) == ("100", frozenset())
    found = read("peaks", "model,axis,layer,rho,starred\nm,warm_cold,3.0,0.5,True\n")
    assert only(found, "peaks")["layer"] == "3"
    assert only(found, "peaks")["starred"] == "true"
    assert found.faults == []
    assert found.mended == frozenset()
