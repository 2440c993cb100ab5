"""codaar validate: output for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

from toy_plugins import RECIPE, SMALL


def test_validate(call):
    assert call("validate", "small.toml")[:2] == (0, "small.toml is valid.\n")
    code, out, error = call("validate", "small.toml", "-o", "run.epochs=x")
    assert (code, out) == (2, "")
    assert error.endswith("1 problem on the command line; nothing was run.\n")


def test_a_recipe_with_every_kind_of_block(call):
    Path("toys.toml").write_text(RECIPE)
    assert call("validate", "toys.toml")[:2] == (0, "toys.toml is valid.\n")


def test_validate_prints_notes(call):
    Path("more.toml").write_text(SMALL + "[losses.x]\nweight = 2.0\n")
    code, out, _ = call("validate", "more.toml")
    assert code == 0
    assert out.startswith("note[unused-block]: [losses.x] is not switched on\n")
    assert out.endswith("more.toml is valid, with 1 note.\n")


def test_settings_that_another_component_drops_are_noted(call):
    Path("toys.toml").write_text(RECIPE)
    other = ["-o", "encoders.north.use=toy:toy-encoder", "-o", "encoders.north.width=2"]
    code, out, _ = call("validate", "toys.toml", *other)
    assert code == 0
    assert out.startswith(
        "note[dropped-settings]: [encoders.north] has another component, so the recipe's settings of it are dropped: "
        "dropout, norm, limit\n"
    )


def test_validate_refuses_an_override_without_effect(call):
    code, _, error = call("validate", "small.toml", "-o", "losses.x.weight=2")
    assert code == 2
    assert error.startswith("error[unused-block]: [losses.x] is not switched on\n")


def test_validate_for_machines(call):
    Path("mine.toml").write_text(SMALL.replace("width = 1", "wdth = 1"))
    code, out, error = call("validate", "mine.toml", "-o", "run.epochs=x", "--format", "json")
    assert (code, error) == (2, "")
    assert json.loads(out) == [
        {
            "level": "error",
            "code": "unknown-setting",
            "message": "[encoders.north] has no setting 'wdth'",
            "help": "did you mean 'width'?",
            "file": "mine.toml",
            "line": 10,
            "column": 1,
            "width": 4,
        },
        {
            "level": "error",
            "code": "wrong-value",
            "message": 'run.epochs: expected an integer, got the string "x"',
            "help": "",
            **dict.fromkeys(("file", "line", "column", "width")),
        },
    ]
    assert call("validate", "small.toml", "--format", "json") == (0, "[]\n", "")


def test_validate_in_github_actions(call):
    Path("a,b.toml").write_text(SMALL.replace("width = 1", "wdth = 1") + "[losses.x]\nuse = 'toy-loss'\n")
    code, out, _ = call("validate", "a,b.toml", "--format", "github")
    assert code == 2
    assert out == (
        "::error file=a%2Cb.toml,line=10,col=1,title=unknown-setting::"
        "[encoders.north] has no setting 'wdth'%0Adid you mean 'width'?\n"
    )
    Path("more.toml").write_text(SMALL + "[losses.x]\nuse = 'toy-loss'\n")
    code, out, _ = call("validate", "more.toml", "--format", "github")
    assert code == 0
    assert out.startswith("::notice file=more.toml,line=")
    assert ",title=unused-block::[losses.x] is not switched on%0A" in out


def test_validate_deep(call):
    code, _, error = call("validate", "small.toml", "--deep")
    assert code == 2
    assert error.startswith("error[unbuildable]: data: this data has no modality 'north'\n  --> small.toml:5:7\n")
