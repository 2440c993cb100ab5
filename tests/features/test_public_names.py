"""The public names of codaar_core.features: imported on first use, and old names for one minor version."""

import subprocess
import sys

import numpy as np
import pytest

from codaar_core import features
from codaar_core.features import ClipSplit, FileDefect, FileDefects, Inventory, RowTrack, Table

DEFECTS = FileDefects((FileDefect("repeated id", "table.csv:3"),))


@pytest.mark.parametrize("name", features.__all__)
def test_each_listed_name_is_there(name):
    value = getattr(features, name)
    assert getattr(value, "__name__", name) == name or name == "Track"


def test_the_package_and_its_light_names_import_no_torch():
    script = "import sys; from codaar_core.features import FileDefects, BadClips; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.parametrize(("old", "new"), [("Finding", FileDefect), ("Findings", FileDefects)])
def test_renamed_classes(old, new):
    with pytest.warns(DeprecationWarning, match=f"features.{old} is deprecated .* use .*{new.__name__}"):
        assert getattr(features, old) is new


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="Fnding"):
        features.Fnding  # noqa: B018


@pytest.mark.parametrize("holder", [Table(None, (), DEFECTS), Inventory(1, {}, DEFECTS)])
def test_renamed_attributes(holder):
    with pytest.warns(DeprecationWarning, match="findings is deprecated .* use defects"):
        assert holder.findings is DEFECTS


def test_the_renamed_argument_of_a_split():
    track = RowTrack(np.zeros((1, 1, 2), np.float32), np.array([0]))
    with pytest.warns(DeprecationWarning, match=r"ClipSplit\(findings=...\) is deprecated"):
        split = ClipSplit(["a"], {"sound": track}, findings=DEFECTS)
    assert split.defects is DEFECTS
    with pytest.warns(DeprecationWarning, match="ClipSplit.findings"):
        assert split.findings is DEFECTS
