"""device.compile: without a compiler there is a warning and the same model."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from codaar_core.engine.assembly.model import Model
from codaar_core.engine.training import compilation


class Part(nn.Linear):
    optimizer = None
    compiled = False

    def compile(self) -> None:
        self.compiled = True


@pytest.fixture
def model() -> Model:
    parts = [Part(2, 2) for _ in range(4)]
    return Model(parts[0], {"one": parts[1]}, {"one": parts[2]}, {"loss": parts[3]}, {"loss": 1.0}, ())


def test_encoders_and_decoders_are_compiled(model, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function: function)
    compilation.compile_parts(model, torch.device("cpu"))
    assert [part.compiled for part in model.modules() if isinstance(part, Part)] == [True, False, True, False]


def test_without_a_compiler_a_warning_says_why(model, monkeypatch):
    def broken(function):
        def fail(_):
            raise RuntimeError("no C++ compiler\nmore of it")

        return fail

    monkeypatch.setattr(torch, "compile", broken)
    with pytest.warns(UserWarning, match="cannot compile here.*no C"):
        compilation.compile_parts(model, torch.device("cpu"))
    assert not any(part.compiled for part in model.modules() if isinstance(part, Part))
