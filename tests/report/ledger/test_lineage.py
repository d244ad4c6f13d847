import pytest

from report.ledger.lineage import read, selector
from report.study.errors import InputError


@pytest.fixture
def build(tmp_path):
    folder = tmp_path / "data" / "s" / "features"
    folder.mkdir(parents=True)
    (folder / "questions.csv").write_text("model,question,entropy\na,1,0.5\na,2,0.25\nb,1,\n")
    return tmp_path


def test_a_selector_names_a_column_and_its_rows(build):
    source = selector("s", "features/questions", "entropy", model="a")
    assert source == "data/s/features/questions.csv?model=a#entropy"
    assert read(build, source) == ["0.5", "0.25"]


def test_missing_cells_stay_empty_and_keep_their_place(build):
    assert read(build, selector("s", "features/questions", "entropy", question=1)) == ["0.5", ""]


def test_rows_can_be_left_out(build):
    source = selector("s", "features/questions", "entropy", **{"model!": "a"})
    assert read(build, source) == [""]


def test_what_is_not_there_is_named(build):
    with pytest.raises(InputError, match=r"questions\.csv: mass: there is no such column"):
        read(build, selector("s", "features/questions", "mass", model="a"))
    with pytest.raises(InputError, match="the file is missing"):
        read(build, selector("s", "features/layers", "entropy"))
