"""What recipes state about features, compared with ``extraction.toml`` beside them and with their values."""

from __future__ import annotations

import numpy as np
import pytest

from codaar_core.api import DataError
from codaar_core.features import agreed_extractor, refuse_other_values


def test_the_note_of_a_folder_and_of_a_file_in_it(tmp_path):
    (tmp_path / "extraction.toml").write_text('made_by = "mine"\n')
    for features in (tmp_path, tmp_path / "all.h5", tmp_path / "*.npy"):
        assert agreed_extractor(features, None, "made_by") == "mine"
        assert agreed_extractor(features, "mine", "made_by") == "mine"
    with pytest.raises(
        DataError, match=r"x_made_by is 'other', and .*extraction\.toml says .* made by 'mine'"
    ) as caught:
        agreed_extractor(tmp_path, "other", "x_made_by")
    assert "set x_made_by to 'mine'" in caught.value.help


def test_without_a_statement_the_setting_holds(tmp_path):
    assert agreed_extractor(tmp_path / "missing", "mine", "made_by") == "mine"
    assert agreed_extractor(tmp_path, None, "made_by") is None
    (tmp_path / "extraction.toml").write_text('extractor = "x"\n')
    assert agreed_extractor(tmp_path, "mine", "made_by") == "mine"


@pytest.mark.parametrize(
    ("content", "told"),
    [("made_by =", "is no TOML file"), ("made_by = 3", "made_by is no string"), (b"\xff\xfe", "extraction.toml")],
)
def test_damaged_notes(tmp_path, content, told):
    (tmp_path / "extraction.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=told):
        agreed_extractor(tmp_path, "mine", "made_by")


def test_values_that_an_extractor_does_not_give():
    negative = np.array([[0.5, -0.25]], np.float16)
    refuse_other_values(negative, "mine", quantised=False, where="x.npy")
    refuse_other_values(negative, None, quantised=False, where="x.npy")
    refuse_other_values(abs(negative), "mine-relu", quantised=False, where="x.npy")
    with pytest.raises(DataError, match="x.npy: made_by is 'mine-relu', which gives no negative values.* is -0.25"):
        refuse_other_values(negative, "mine-relu", quantised=True, where="x.npy")


@pytest.mark.parametrize("values", [np.zeros((1, 2), np.uint8), np.ones((1, 2), np.int8), np.full((1, 2), 21.0)])
def test_eight_bits(values):
    with pytest.raises(DataError, match="look rounded to eight bits"):
        refuse_other_values(values, None, quantised=False, where="x.npy")
    refuse_other_values(values, None, quantised=True, where="x.npy")
