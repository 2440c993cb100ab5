"""Data source "stated": spaces without clips."""

from __future__ import annotations

from pathlib import Path

import pytest

from codaar_core import load, validate
from codaar_core.api import DataContext, DataError, Space
from codaar_core.engine.assembly.build import build_data
from codaar_core.features.stated import StatedFeatures, StatedSpace
from codaar_core.testing.kit import cases_of
from codaar_core.testing.subjects import subject_of

RECIPE = """
codaar = 1

[run]
name = "stated"

[model]
modalities = ["audio"]

[data]
use = "stated"

[data.spaces.audio]
{space}

[encoders.audio]
use = "vggish"

[quantizer]
use = "codebooks"
"""


def source(**settings) -> StatedFeatures:
    spaces = {"near": StatedSpace(shape=(8,), length=5, extraction="by-hand"), "far": StatedSpace(shape=(2, 3))}
    return StatedFeatures(StatedFeatures.Config(spaces=spaces, **settings), DataContext(("near", "far")))


@pytest.mark.parametrize("case", cases_of(subject_of("data", "stated", StatedFeatures)), ids=lambda case: case.id)
def test_it_passes_the_conformance_kit(case):
    needs_clips = case.check.name in ("trains", "resumes")
    assert case.run().state == ("skipped" if needs_clips else "passed")


def test_it_has_what_the_recipe_states():
    data = source(title="Clips of 2024", licence="CC0-1.0", origin="version 3")
    assert data.spaces == {"near": Space((8,), 5), "far": Space((2, 3))}
    assert data.extraction == {"near": "by-hand"}
    assert (data.card.title, data.card.licence, data.origin) == ("Clips of 2024", "CC0-1.0", "version 3")
    assert data.card.how_to_get == StatedFeatures.card.how_to_get
    assert source().origin == "stated features"
    assert data.synthetic(4, seed=1)[[0, 3]].inputs["far"].values.shape[::2] == (2, 2)


def test_clips_are_refused_with_where_to_get_them():
    with pytest.raises(DataError, match="no clips of 'pretrain': it states only the shapes of Clips") as refused:
        source(title="Clips of 2024", how_to_get="by post").split("pretrain")
    assert refused.value.help.endswith("by post")


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ("shape = [0]", "must be >= 1"),
        ("shape = [8]\nlenght = 3", "lenght"),
        ('shape = "8"', "expected a list, got"),
        ("length = 3", "shape"),
    ],
)
def test_wrong_spaces_are_refused_with_the_reason(tmp_path, space, message):
    path: Path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(space=space), "utf-8")
    problems = [each for each in validate(path) if "data.spaces" in each.message]
    assert len(problems) == 1
    assert message in problems[0].message
    assert problems[0].origin.line == 13


def test_a_recipe_may_state_its_spaces(tmp_path):
    path: Path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(space="shape = [128]"), "utf-8")
    assert validate(path) == []
    data = build_data(load(path))
    assert (data.spaces, data.card) == ({"audio": Space((128,))}, StatedFeatures.card)
