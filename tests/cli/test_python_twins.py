"""Every verb is one function of codaar_core."""

from __future__ import annotations

from pathlib import Path

import pytest

import codaar_core


def test_every_verb_is_a_function(here, engine):
    assert codaar_core.validate("small.toml") == []
    assert codaar_core.load("small.toml").run.name == "small"
    assert codaar_core.explain("small.toml")[0].path == "codaar"
    assert codaar_core.list_components("loss")[0].use == "toy-loss"
    assert codaar_core.inspect("loss:toy-loss").settings[0].name == "depth"
    assert codaar_core.run("small.toml", ["run.epochs=1"], resume="auto") == Path("finished")
    assert engine["plan"].run.epochs == 1 and engine["resume"] == "auto"
    assert codaar_core.write_report(Path("finished")) == Path("finished/report.html")
    assert all(callable(getattr(codaar_core, name)) for name in codaar_core.__all__ if name != "__version__")
    with pytest.raises(AttributeError):
        codaar_core.nothing_like_it  # noqa: B018
