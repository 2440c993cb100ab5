"""codaar inspect: settings, TOML block, and matrices of alignment steps."""

from __future__ import annotations

from pathlib import Path

import pytest
from toy_plugins import SMALL


def test_inspect(call):
    code, out, _ = call("inspect", "encoder:toy-encoder")
    assert code == 0
    assert out.startswith("encoder toy:toy-encoder\ncodaar-plugin-toy 0.3.0\n")
    assert "components.py:" in out and "Encodes toys.\n\nAnd more.\n" in out
    settings, block = out.split("settings\n")[1].split("\nin a recipe\n")
    assert [line.split()[:2] for line in settings.splitlines()] == [
        ["width", "integer"],
        ["dropout", "number"],
        ["norm", '"batch"'],
        ["limit", "integer"],
    ]
    assert block == (
        "[encoders.MODALITY]\n"
        'use     = "toy-encoder"\n'
        "width   = ...      # channels\n"
        "dropout = 0.1      # share of channels dropped\n"
        'norm    = "batch"  # kind of normalisation\n'
        "# limit = ...      # greatest number of steps\n"
    )


def test_a_block_from_inspect_can_be_pasted(call):
    for kind, name in (
        ("alignment", "toy-align"),
        ("loss", "toy-loss"),
        ("benchmark", "toy-benchmark"),
        ("hook", "toy-hook"),
    ):
        block = call("inspect", f"{kind}:{name}")[1].split("in a recipe\n")[1]
        lists = {"alignment": "model.align", "loss": "model.losses", "benchmark": "evaluate.on", "hook": "run.hooks"}
        content = (
            SMALL.replace('["north"]', '["north", "south"]') + "[encoders.south]\nuse = 'toy-encoder'\nwidth = 1\n"
        )
        Path("pasted.toml").write_text(content + block)
        assert call("validate", "pasted.toml", "-o", f"{lists[kind]}=['{name}']")[0] == 0


CASCADE = """
import torch
from codaar_core.api import AlignmentStep

class Cascade(AlignmentStep):
    '''Each becomes the mean of all, one after another.'''

    def adjust(self, codebooks):
        adjusted = dict(codebooks)
        for name in adjusted:
            adjusted[name] = sum(adjusted.values()) / len(adjusted)
        return adjusted

    def matrix(self, modalities):
        rows = self.adjust(dict(zip(modalities, torch.eye(len(modalities)))))
        return torch.stack([rows[name] for name in modalities])
"""


def test_inspect_shows_closed_forms_as_fractions(call):
    Path("mine.py").write_text(CASCADE)
    _, out, _ = call("inspect", "alignment:cascade", "--plugin", "mine.py", "--modalities", "text,audio,video")
    form = out.split("closed form: each row is a weighted sum of\n")[1].split("\n\n")[0]
    assert [line.split() for line in form.splitlines()] == [
        ["text", "audio", "video"],
        ["text", "1/3", "1/3", "1/3"],
        ["audio", "1/9", "4/9", "4/9"],
        ["video", "4/27", "7/27", "16/27"],
    ]


def test_inspect_shows_two_and_three_modalities_by_default(call):
    Path("mine.py").write_text(CASCADE)
    _, out, _ = call("inspect", "alignment:local:cascade", "--plugin", "mine.py")
    assert out.count("closed form") == 2
    assert ["B", "1/4", "3/4"] in [line.split() for line in out.splitlines()]


@pytest.mark.parametrize("component", ["loss", "loss:absent", "los:toy-loss"])
def test_inspect_an_unknown_component(call, component):
    code, _, error = call("inspect", component)
    assert code == 2 and error.startswith("error") and "= help: " in error
