import datetime as dt
import json
import shutil

import pytest

from report.study.errors import InputError
from report.study.paths import DATA
from report.study.starter import init
from report.study.study import load_study

TODAY = dt.date(2026, 11, 22)


def test_a_folder_of_captures_becomes_a_study(tmp_path):
    folder = tmp_path / "My study"
    (folder / "raw").mkdir(parents=True)
    for path in (DATA / "smollm2" / "raw").glob("*_t0[37]_baseline.json"):
        shutil.copy(path, folder / "raw")
    init(folder, TODAY)
    study = load_study(folder)
    assert study.id == "my-study"
    assert [m.key for m in study.models] == ["smollm2_135m_t03", "smollm2_135m_t07"]
    assert study.axis("warm_cold").name == "warm–cold"
    assert len(study.axes) == 7
    assert study.n_questions == 30


def test_captures_may_lie_in_the_folder_itself(tmp_path):
    fields = {"axes": {"formal_casual": {"values": [0.1] * 12}}, "n_questions": 12}
    (tmp_path / "tiny_baseline.json").write_text(json.dumps(fields))
    (tmp_path / "other_calibration_responses.jsonl").write_text("")
    init(tmp_path, TODAY)
    study = load_study(tmp_path)
    assert study.raw_folder.resolve() == tmp_path.resolve()
    assert not study.model("other").in_baseline
    assert study.model("tiny").in_baseline


def test_nothing_is_overwritten_and_nothing_made_up(tmp_path):
    with pytest.raises(InputError, match="holds no captures"):
        init(tmp_path, TODAY)
    (tmp_path / "study.toml").write_text("")
    with pytest.raises(InputError, match="exists already"):
        init(tmp_path, TODAY)


@pytest.mark.parametrize("content", ["[]", "{}", "not JSON", '{"axes": {}, "n_questions": 1e400}'])
def test_no_study_is_written_without_an_axis(tmp_path, content):
    (tmp_path / "tiny_baseline.json").write_text(content)
    with pytest.raises(InputError, match="names an axis"):
        init(tmp_path, TODAY)
    assert not (tmp_path / "study.toml").exists()


def test_what_cannot_be_a_key_is_refused_with_what_to_rename(tmp_path):
    fields = {"axes": {'Warm-Cold "x"': {"values": [0.1]}}}
    (tmp_path / "tiny_baseline.json").write_text(json.dumps(fields))
    with pytest.raises(InputError, match="the axis"):
        init(tmp_path, TODAY)
    (tmp_path / "tiny_baseline.json").unlink()
    fields = {"axes": {"warm_cold": {"values": [0.1]}}}
    (tmp_path / "Org__Model-1.5B_baseline.json").write_text(json.dumps(fields))
    with pytest.raises(InputError, match=r"Rename them to org_model_1_5b_baseline\.json"):
        init(tmp_path, TODAY)


def test_odd_folder_names_are_escaped(tmp_path):
    folder = tmp_path / '\U0001f600 "q" \\ \x7f'
    folder.mkdir()
    fields = {"axes": {"warm_cold": {"values": [0.1] * 4}}, "responses": [{}] * 4}
    (folder / "tiny_baseline.json").write_text(json.dumps(fields))
    init(folder, TODAY)
    study = load_study(folder)
    assert study.title == folder.name
    assert study.n_questions == 4
