from __future__ import annotations

import pytest

from report.study.errors import InputError
from report.study.published import read_tables

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


def test_cells_stay_as_they_were_printed(read):
    (row,) = read("generation", HEADER + GOOD)["generation"]
    assert (row["entropy_mean_nats"], row["entropy_median_nats"]) == ("0.25", "")


def test_an_absent_folder_holds_no_tables(tmp_path):
    assert read_tables(tmp_path / "published", (), ()) == {}


def test_tables_that_no_experiment_reads_are_kept(read):
    assert read("own", "a,b\n1,x\n")["own"] == [{"a": "1", "b": "x"}]


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
        ("m,0,25,0.05,,100,30,2.5,t\n", "", "line 2 has more cells than the first line"),
    ],
)
def test_a_cell_that_can_not_be_used_is_named(read, line, column, said):
    with pytest.raises(InputError, match=r"generation\.csv: ") as caught:
        read("generation", HEADER + line)
    assert caught.value.field == column
    assert said in caught.value.problem
    assert caught.value.remedy


def test_other_tables_are_checked_too(read):
    (row,) = read("behaviour", "model,axis,rho,n\nm,warm_cold,-0.5,30\n")["behaviour"]
    assert row["rho"] == "-0.5"
    with pytest.raises(InputError, match="the column is missing"):
        read("layers", "model,n_layers\nm,3\n")


@pytest.mark.parametrize(
    ("rho", "axis", "column"), [("1.2", "warm_cold", "rho"), ("0.2", "dry_wet", "axis")]
)
def test_correlations_have_limits_and_axes_names(read, rho, axis, column):
    with pytest.raises(InputError) as caught:
        read("behaviour", f"model,axis,rho,n\nm,{axis},{rho},30\n")
    assert caught.value.field == column


def test_what_is_not_text_is_refused(tmp_path):
    (tmp_path / "layers.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not UTF-8"):
        read_tables(tmp_path, (), ())


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
    with pytest.raises(InputError, match=r"calibration\.csv: ") as caught:
        read("calibration", CALIBRATION + line)
    assert caught.value.field == column
    assert said in caught.value.problem


def test_a_table_out_of_a_spreadsheet_is_read_or_its_columns_are_named(read):
    (row,) = read("behaviour", "\ufeffmodel,axis,rho,n\nm,warm_cold,-0.5,30\n")["behaviour"]
    assert row["model"] == "m"
    with pytest.raises(InputError, match=r"there are model;axis;rho;n\. .* commas separate"):
        read("behaviour", "model;axis;rho;n\nm;warm_cold;-0.5;30\n")
