"""``validate --deep`` reads the first clip of every split: of pretraining, and of each benchmark that is on."""

from __future__ import annotations

from pathlib import Path

import pytest

import codaar_core
from codaar_core.recipe import Problem

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("quantizer.codes=16", "quantizer.dim=16", "device.threads=1")
GONE = '''
import attrs

from codaar_core.api import DataError, Split, setting
from codaar_plugin_digits.digits import Digits


class Damaged(Split):
    def __init__(self, split):
        self.split = split

    def __len__(self):
        return len(self.split)

    def __getitem__(self, indices):
        raise DataError(f"clip {indices[0]} is damaged", "extract it again")


class Empty(Damaged):
    def __len__(self):
        return 0


class Gone(Digits):
    """Digits whose files are gone."""

    @attrs.frozen(kw_only=True)
    class Config(Digits.Config):
        gone: tuple[str, ...] = setting((), "splits without file")
        damaged: tuple[str, ...] = setting((), "splits with a damaged file")
        empty: tuple[str, ...] = setting((), "splits without clips")

    def split(self, name):
        if name in self.config.gone:
            raise DataError(f"{name}.h5 is missing")
        split = super().split(name)
        kind = Damaged if name in self.config.damaged else Empty if name in self.config.empty else None
        return kind(split) if kind else split
'''
HELP = "to get it: "


@pytest.fixture
def problems(tmp_path):
    """Give the errors of a recipe with damaged data."""
    (tmp_path / "gone.py").write_text(GONE)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f"extends = ['{ROOT}/recipes/av.toml']\ndata.use = 'local:gone'\n")

    def given(*overrides: str) -> list[Problem]:
        small = ("data.pretrain=40", "data.patches=8", "encoders.video.channels=[4, 8]", "decoders.video.hidden=4")
        found = codaar_core.validate(recipe, [*SMALL, *small, *overrides], [tmp_path / "gone.py"], deep=True)
        return [problem for problem in found if problem.level == "error"]

    return given


def test_complete_data_have_no_problem(problems):
    assert problems() == []


def test_missing_pretraining_is_an_error_at_its_line(problems, tmp_path):
    (problem,) = problems("data.gone=['pretrain']")
    assert str(problem).startswith(
        f"error[missing-data]: data: pretrain.h5 is missing\n  --> {tmp_path}/recipe.toml:2:12"
    )
    assert problem.help.startswith(HELP)


def test_the_first_clip_is_read(problems):
    (problem,) = problems("data.damaged=['pretrain']")
    assert (problem.message, problem.help) == ("data: clip 0 is damaged", "extract it again")


def test_a_split_without_clips_is_an_error(problems):
    (problem,) = problems("data.empty=['pretrain']")
    assert problem.message == "data: pretrain: the split has no clips"


def test_every_split_of_every_benchmark_is_read(problems):
    """A fault that all modalities share is one problem; pretraining is read as well."""
    on = "evaluate.on=['classification', 'localization']"
    gone = ("pretrain", "classification/train", "classification/test", "localization/test")
    told = [problem.message for problem in problems(on, f"data.gone={list(gone)}")]
    assert sorted(told) == [
        "bench.classification: classification/test.h5 is missing",
        "bench.classification: classification/train.h5 is missing",
        "bench.localization: localization/test.h5 is missing",
        "data: pretrain.h5 is missing",
    ]
